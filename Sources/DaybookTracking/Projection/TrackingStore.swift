// The projection in the database: rows of events, and for each group how far its journal has been folded into them, written in one
// transaction. Synchronous; `GroupProjection` decides what is written.

internal import DaybookModel
internal import DaybookProcessing

/// How far a group's journal and log have been folded into rows, and what the next page needs to be understood.
struct GroupPosition: Sendable {
    /// Raised by each transaction: whoever finds another number has been overtaken.
    var changeNumber: Int64 = 0
    /// The next entry of the journal.
    var journal = Offset.zero
    /// The next record of each partition, by number.
    var next: [Offset] = []
    var fold = RowFold()
}

/// Somebody else has gone on with the group meanwhile; nothing has been written.
struct Overtaken: Error {}

/// One database's projection.
struct TrackingStore {
    let session: any SQLSession

    /// Makes the tables that are missing.
    func prepare() throws {
        try session.transaction {
            for statement in TrackingSchema.statements { _ = try session.execute(statement) }
        }
    }

    // MARK: positions

    /// Where a group stands; at the beginning where nothing is known of it.
    func position(of group: String) throws -> GroupPosition {
        var position = GroupPosition()
        let found = try session.rows(
            """
            SELECT schema_version, change_number, epoch, journal_position, journal_time, routes
            FROM daybook_tracking_groups WHERE group_name = $1
            """, .text(group)
        ).first
        guard let found else { return position }
        guard found[0] == .integer(TrackingSchema.version), let number = found[1].integer,
            let epoch = found[2].integer, let journal = found[3].integer, let routes = found[5].text
        else {
            throw SQLError(
                .unexpected,
                "The tracking tables are of another release; delete them, they are built again from the journal")
        }
        position.changeNumber = number
        position.journal = Offset(journal)
        position.fold.epoch = epoch
        position.fold.time = found[4].integer.map { Timestamp(milliseconds: $0) }
        position.fold.routes = Self.routes(routes)
        let partitions = try session.rows(
            "SELECT topic, partition, next_offset FROM daybook_tracking_partitions WHERE group_name = $1 ORDER BY number",
            .text(group))
        for row in partitions {
            position.fold.partitions.append(try Self.partition(row[0], row[1]))
            position.next.append(Offset(row[2].integer ?? 0))
        }
        let numbers = Self.numbers(position.fold.partitions)
        let holders = try session.rows(
            """
            SELECT topic, partition, record_offset, record_key FROM daybook_tracking
            WHERE group_name = $1 AND status = 'dead' AND status <> 'succeeded' AND holds_key = 1
            """, .text(group))
        for row in holders {
            guard let number = numbers[try Self.partition(row[0], row[1])], let offset = row[2].integer,
                let key = row[3].text
            else { continue }
            position.fold.holders[LaneName(partition: number, key: key)] = Offset(offset)
        }
        return position
    }

    /// How far each group has come, in the order of names.
    func groups() throws(SQLError) -> [TrackedGroup] {
        try session.rows(
            "SELECT group_name, journal_position, journal_time FROM daybook_tracking_groups ORDER BY group_name"
        ).map { row in
            TrackedGroup(
                group: row[0].text ?? "", journalPosition: Offset(row[1].integer ?? 0),
                time: row[2].integer.map { Timestamp(milliseconds: $0) })
        }
    }

    /// Takes the group's next step: throws `Overtaken` where somebody else has taken it. Within a transaction.
    func claim(_ group: String, _ number: Int64) throws {
        _ = try session.execute(
            """
            INSERT INTO daybook_tracking_groups (group_name, schema_version, change_number, epoch, journal_position, routes)
            VALUES ($1, $2, 0, 0, 0, '') ON CONFLICT (group_name) DO NOTHING
            """, .text(group), .integer(TrackingSchema.version))
        let changed = try session.execute(
            "UPDATE daybook_tracking_groups SET change_number = change_number + 1 WHERE group_name = $1 AND change_number = $2",
            .text(group), .integer(number))
        guard changed == 1 else { throw Overtaken() }
    }

    /// Writes where the group stands; in the transaction of the rows.
    func save(_ position: GroupPosition, of group: String) throws {
        _ = try session.execute(
            """
            UPDATE daybook_tracking_groups SET epoch = $1, journal_position = $2, journal_time = $3, routes = $4
            WHERE group_name = $5
            """,
            .integer(position.fold.epoch), .integer(position.journal.rawValue),
            .integer(position.fold.time?.rawValue), .text(Self.text(position.fold.routes)), .text(group))
        for (number, topicPartition) in position.fold.partitions.enumerated() {
            _ = try session.execute(
                """
                INSERT INTO daybook_tracking_partitions (group_name, number, topic, partition, next_offset)
                VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (group_name, number) DO UPDATE SET next_offset = excluded.next_offset
                """,
                .text(group), .integer(Int64(number)), .text(topicPartition.topic.description),
                .integer(Int64(topicPartition.partition)), .integer(position.next[number].rawValue))
        }
    }

    /// Forgets all that is known of a group; it is folded from the beginning then, by whoever is at it. Within a transaction.
    func reset(_ group: String) throws {
        for table in [TrackingSchema.events, "daybook_tracking_partitions"] {
            _ = try session.execute("DELETE FROM \(table) WHERE group_name = $1", .text(group))
        }
        try save(GroupPosition(), of: group)
    }

    // MARK: routes as text

    private static func text(_ routes: [RouteName]) -> String {
        EscapedLines.text(routes.map { ($0.types, $0.downstream) })
    }

    private static func routes(_ text: String) -> [RouteName] {
        EscapedLines.pairs(text).map { RouteName(types: $0, downstream: $1) }
    }

    // MARK: partitions

    static func partition(_ topic: SQLValue, _ partition: SQLValue) throws(SQLError) -> TopicPartition {
        guard let name = topic.text.flatMap({ try? TopicName($0) }),
            let number = partition.integer.flatMap({ Int32(exactly: $0) })
        else { throw SQLError(.unexpected, "A tracking table names a partition that there cannot be") }
        return TopicPartition(topic: name, partition: number)
    }

    static func numbers(_ partitions: [TopicPartition]) -> [TopicPartition: Int32] {
        Dictionary(zip(partitions, Int32(0)...), uniquingKeysWith: { first, _ in first })
    }
}
