// Asking a tracking database: events page by page, counts, and how far it has come. Reads only; it needs no daybook, and none
// need be open.

internal import DaybookModel
public import DaybookProcessing

/// What a tracking database knows.
public final class Tracking: Sendable {
    private let thread: SQLThread

    /// Asks this database, which is opened with the first question. Questions of one `Tracking` wait for each other.
    public init(_ database: SQLDatabase) { thread = SQLThread(database, .readOnly) }

    /// Some events, and where the rest begins.
    public struct Page: Sendable, Hashable {
        public let events: [TrackedEvent]
        /// Behind which event the next page begins; nil when there is none.
        public let next: Cursor?
    }

    /// Behind an event, in the order of pages.
    public struct Cursor: Sendable, Hashable {
        let group: String
        let place: EventPlace

        public init(behind event: TrackedEvent) { (group, place) = (event.group, event.place) }
    }

    /// How many events of a group have a status, for one reason.
    public struct Count: Sendable, Hashable {
        public let group: String
        public let status: TrackedStatus
        public let reason: String?
        public let count: Int
    }

    /// The events for which the filter holds, in the order of group, topic, partition and offset: at most `limit` of those behind
    /// `cursor`. Throws `SQLError`, with `.unavailable` where there is no such database, and `.refused` where nothing has
    /// been tracked in it.
    public func events(
        _ filter: TrackingFilter = TrackingFilter(), behind cursor: Cursor? = nil, limit: Int = 100
    ) async throws -> Page {
        precondition(limit > 0, "a page has at least one event")
        var conditions = filter.conditions
        if let cursor {
            let parameters = [
                conditions.parameter(.text(cursor.group)),
                conditions.parameter(.text(cursor.place.topicPartition.topic.description)),
                conditions.parameter(.integer(Int64(cursor.place.topicPartition.partition))),
                conditions.parameter(.integer(cursor.place.offset.rawValue)),
            ]
            conditions.add(
                "(group_name, topic, partition, record_offset) > (\(parameters.joined(separator: ", ")))")
        }
        // One more tells whether there is another page.
        let statement = SQLStatement(
            "SELECT \(TrackingSchema.columns.joined(separator: ", ")) FROM daybook_tracking\(conditions.clause) "
                + "ORDER BY group_name, topic, partition, record_offset LIMIT \(limit + 1)", conditions.values)
        let events = try await thread.run { try $0.rows(statement).map { row in try TrackedEvent(row) } }
        guard events.count > limit else { return Page(events: events, next: nil) }
        return Page(events: Array(events.dropLast()), next: Cursor(behind: events[limit - 1]))
    }

    /// What became of one event, in each group that has it.
    public func events(at place: EventPlace) async throws -> [TrackedEvent] {
        let statement = SQLStatement(
            "SELECT \(TrackingSchema.columns.joined(separator: ", ")) FROM daybook_tracking "
                + "WHERE topic = $1 AND partition = $2 AND record_offset = $3 ORDER BY group_name",
            [
                .text(place.topicPartition.topic.description), .integer(Int64(place.topicPartition.partition)),
                .integer(place.offset.rawValue),
            ])
        return try await thread.run { try $0.rows(statement).map { row in try TrackedEvent(row) } }
    }

    /// How many events there are for which the filter holds, by group, status and reason. O(these events).
    public func counts(_ filter: TrackingFilter = TrackingFilter()) async throws -> [Count] {
        let conditions = filter.conditions
        let statement = SQLStatement(
            "SELECT group_name, status, reason, count(*) FROM daybook_tracking\(conditions.clause) "
                + "GROUP BY group_name, status, reason", conditions.values)
        let counts = try await thread.run { session in
            try session.rows(statement).map { row throws(SQLError) in
                guard let group = row[0].text, let status = row[1].text.flatMap({ TrackedStatus(rawValue: $0) }),
                    let count = row[3].integer
                else { throw SQLError(.unexpected, "The tracking table has a status that there cannot be") }
                return Count(group: group, status: status, reason: row[2].text, count: Int(count))
            }
        }
        let order = Dictionary(uniqueKeysWithValues: TrackedStatus.allCases.enumerated().map { ($1, $0) })
        return counts.sorted {
            ($0.group, order[$0.status] ?? 0, $0.reason ?? "") < ($1.group, order[$1.status] ?? 0, $1.reason ?? "")
        }
    }

    /// How far the database has come with each group it knows.
    public func groups() async throws -> [TrackedGroup] {
        try await thread.run { try TrackingStore(session: $0).groups() }
    }
}
