// Which events somebody asks for, as conditions of SQL. Every field that says something must hold. Who asks with it is
// `Tracking`.

public import DaybookModel

/// Narrows down events. A field that is nil or empty asks for nothing.
public struct TrackingFilter: Sendable, Hashable {
    public var groups: Set<String> = []
    public var statuses: Set<TrackedStatus> = []
    /// Types of events, each in full.
    public var types: Set<String> = []
    /// Keys as text, see ``TrackedEvent/key``.
    public var keys: Set<String> = []
    public var eventIDs: Set<String> = []
    public var correlationIDs: Set<String> = []
    /// Words, see ``TrackedEvent/reason``.
    public var reasons: Set<String> = []
    public var downstreams: Set<String> = []
    public var topicPartition: TopicPartition?
    /// The timestamp of the event's record lies in there.
    public var firstSeen: Range<Timestamp>?
    /// The last attempt's does.
    public var lastAttempt: Range<Timestamp>?

    public init() {}

    /// The conditions; nothing for a filter that asks for nothing.
    var conditions: Conditions {
        var conditions = Conditions()
        conditions.isOne(of: groups, "group_name")
        conditions.isOne(of: Set(statuses.map(\.rawValue)), "status")
        // The words by which both databases know that their index of the others serves.
        if !statuses.isEmpty, !statuses.contains(.succeeded) { conditions.add("status <> 'succeeded'") }
        conditions.isOne(of: types, "event_type")
        conditions.isOne(of: keys, "record_key")
        conditions.isOne(of: eventIDs, "event_id")
        conditions.isOne(of: correlationIDs, "correlation_id")
        conditions.isOne(of: reasons, "reason")
        conditions.isOne(of: downstreams, "downstream")
        if let topicPartition {
            conditions.isOne(of: [topicPartition.topic.description], "topic")
            conditions.add("partition = \(conditions.parameter(.integer(Int64(topicPartition.partition))))")
        }
        conditions.lies(in: firstSeen, "first_seen")
        conditions.lies(in: lastAttempt, "last_attempt")
        return conditions
    }
}

/// Conditions and their values.
struct Conditions {
    private(set) var texts: [String] = []
    private(set) var values: [SQLValue] = []

    /// A place for a value in a text that is added next.
    mutating func parameter(_ value: SQLValue) -> String {
        values.append(value)
        return "$\(values.count)"
    }

    mutating func add(_ text: String) { texts.append(text) }

    mutating func isOne(of options: Set<String>, _ column: String) {
        if options.isEmpty { return }
        let places = options.sorted().map { parameter(.text($0)) }
        add(places.count == 1 ? "\(column) = \(places[0])" : "\(column) IN (\(places.joined(separator: ", ")))")
    }

    mutating func lies(in range: Range<Timestamp>?, _ column: String) {
        guard let range else { return }
        add("\(column) >= \(parameter(.integer(range.lowerBound.rawValue)))")
        add("\(column) < \(parameter(.integer(range.upperBound.rawValue)))")
    }

    /// `WHERE …`, or nothing.
    var clause: String { texts.isEmpty ? "" : " WHERE " + texts.joined(separator: " AND ") }
}
