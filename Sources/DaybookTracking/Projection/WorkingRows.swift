// The rows of one transaction: those that it has changed, written when it is over, and those that it reads again. How a row
// stands in columns is here too.

internal import DaybookModel
internal import DaybookProcessing

/// Rows at hand, and the database behind them.
final class WorkingRows: RowSource {
    private let session: any SQLSession
    private let group: String
    private let partitions: [TopicPartition]
    /// From these offsets on the database has no rows: nobody need ask it. Nil as soon as there are some.
    private var firstNew: [Offset]?
    private var changed: [Place: TrackedEvent] = [:]

    init(_ session: any SQLSession, group: String, _ partitions: [TopicPartition], firstNew: [Offset]) {
        self.session = session
        self.group = group
        self.partitions = partitions
        self.firstNew = firstNew
    }

    func row(_ place: Place) throws -> TrackedEvent {
        if let row = changed[place] { return row }
        guard partitions.indices.contains(Int(place.partition)) else {
            throw SQLError(.unexpected, "The journal is about a partition \(place.partition) that it has not named")
        }
        let named = EventPlace(partitions[Int(place.partition)], place.offset)
        let found = isNew(place) ? nil : try find(named)
        return found ?? TrackedEvent(group: group, place: named)
    }

    private func isNew(_ place: Place) -> Bool {
        guard let firstNew else { return false }
        return !firstNew.indices.contains(Int(place.partition)) || place.offset >= firstNew[Int(place.partition)]
    }

    func put(_ row: TrackedEvent, at place: Place) { changed[place] = row }

    func parked(in lane: LaneName) throws -> [(Place, TrackedEvent)] {
        // What this transaction has parked itself is to be found too.
        try write()
        let topicPartition = partitions[Int(lane.partition)]
        let rows = try session.rows(
            """
            SELECT \(TrackingSchema.columns.joined(separator: ", ")) FROM daybook_tracking
            WHERE group_name = $1 AND status = 'parked' AND status <> 'succeeded' AND topic = $2 AND partition = $3
                AND record_key = $4
            """, .text(group), .text(topicPartition.topic.description), .integer(Int64(topicPartition.partition)),
            .text(lane.key))
        return try rows.map { row in
            let event = try TrackedEvent(row)
            return (Place(lane.partition, event.place.offset), event)
        }
    }

    /// The rows of events that are not over.
    func open() throws -> [TrackedEvent] {
        try write()
        return try session.rows(
            """
            SELECT \(TrackingSchema.columns.joined(separator: ", ")) FROM daybook_tracking
            WHERE group_name = $1 AND status <> 'succeeded' AND status NOT IN ('skipped', 'done')
            """, .text(group)
        ).map { row in try TrackedEvent(row) }
    }

    private func find(_ place: EventPlace) throws -> TrackedEvent? {
        let rows = try session.rows(
            """
            SELECT \(TrackingSchema.columns.joined(separator: ", ")) FROM daybook_tracking
            WHERE group_name = $1 AND topic = $2 AND partition = $3 AND record_offset = $4
            """, .text(group), .text(place.topicPartition.topic.description),
            .integer(Int64(place.topicPartition.partition)), .integer(place.offset.rawValue))
        return try rows.first.map { row in try TrackedEvent(row) }
    }

    /// Writes what has changed, in the order of the log.
    func write() throws {
        if changed.isEmpty { return }
        firstNew = nil
        var rest = changed.sorted { $0.key < $1.key }.map(\.value.values)[...]
        while !rest.isEmpty {
            let count = rest.count >= Self.manyCount ? Self.manyCount : 1
            let values = Array(rest.prefix(count).joined())
            _ = try session.execute(SQLStatement(count == 1 ? Self.insertOne : Self.insertMany, values))
            rest = rest.dropFirst(count)
        }
        changed = [:]
    }

    /// Fewer round trips for many rows; SQLite takes 32766 parameters, PostgreSQL 65535.
    private static let manyCount = 64
    private static let insertOne = insert(1)
    private static let insertMany = insert(manyCount)

    private static func insert(_ count: Int) -> String {
        let columns = TrackingSchema.columns
        let rows = (0..<count).map { row in
            "(" + columns.indices.map { "$\(row * columns.count + $0 + 1)" }.joined(separator: ", ") + ")"
        }
        let changes = columns.dropFirst(4).map { "\($0) = excluded.\($0)" }
        return
            "INSERT INTO daybook_tracking (\(columns.joined(separator: ", "))) VALUES \(rows.joined(separator: ", ")) "
            + "ON CONFLICT (group_name, topic, partition, record_offset) DO UPDATE SET "
            + changes.joined(separator: ", ")
    }
}

extension TrackedEvent {
    /// In the order of the columns.
    var values: [SQLValue] {
        [
            .text(group), .text(place.topicPartition.topic.description),
            .integer(Int64(place.topicPartition.partition)), .integer(place.offset.rawValue), .text(eventID),
            .text(source), .text(type), .integer(time?.rawValue), .text(key), .integer(revision),
            .text(correlationID), .text(causationID), .text(payloadDigest), .text(status.rawValue),
            .integer(Int64(attempts)), .integer(firstSeen?.rawValue), .integer(lastAttempt?.rawValue),
            .integer(due?.rawValue), .text(reason), .text(errorType), .text(message), .text(downstream),
            .text(reference), .integer(behind?.rawValue), .integer(holdsKey ? 1 : 0),
            .integer(journalPosition?.rawValue),
        ]
    }

    /// A row, in the order of the columns.
    init(_ row: [SQLValue]) throws(SQLError) {
        func moment(_ value: SQLValue) -> Timestamp? { value.integer.map { Timestamp(milliseconds: $0) } }
        guard row.count == TrackingSchema.columns.count, let group = row[0].text, let offset = row[3].integer,
            let status = row[13].text.flatMap({ TrackedStatus(rawValue: $0) })
        else { throw SQLError(.unexpected, "A row of the tracking table has a status or a place that there cannot be") }
        self.init(group: group, place: EventPlace(try TrackingStore.partition(row[1], row[2]), Offset(offset)))
        (eventID, source, type) = (row[4].text, row[5].text, row[6].text)
        (time, key, revision) = (moment(row[7]), row[8].text, row[9].integer)
        (correlationID, causationID, payloadDigest) = (row[10].text, row[11].text, row[12].text)
        self.status = status
        attempts = row[14].integer.flatMap { Int(exactly: $0) } ?? 0
        (firstSeen, lastAttempt, due) = (moment(row[15]), moment(row[16]), moment(row[17]))
        (reason, errorType, message) = (row[18].text, row[19].text, row[20].text)
        (downstream, reference) = (row[21].text, row[22].text)
        behind = row[23].integer.map { Offset($0) }
        holdsKey = row[24] == .integer(1)
        journalPosition = row[25].integer.map { Offset($0) }
    }
}
