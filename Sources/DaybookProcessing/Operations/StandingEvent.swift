// What people see of events that are not done with, of dead letters and of lanes: values, the same whether a processor tells them
// or the journal does. How they come out of a group's state is in `GroupState+Views`.

public import DaybookModel

/// Where an event stands that its group has not done with, or has set aside.
public enum EventStanding: Hashable, Sendable {
    /// Waits for its turn, or is at its first attempt.
    case queued
    /// Waits for the revision before it, until then.
    case waiting(until: Timestamp)
    /// The intent of an attempt is durable; nothing is known of its outcome yet.
    case attempting
    /// An attempt has failed; the next one is due then.
    case retrying(due: Timestamp)
    /// Nobody knows whether the last attempt had its effect; what is done about it is due then.
    case unknown(due: Timestamp)
    /// A dead letter. `since` is nil where a journal of an earlier release does not say it.
    case dead(DeadLetterReason, since: Timestamp?)
    /// Set aside behind the dead letter at that offset.
    case parked(behind: Offset)
}

/// An event that its group has not done with, or has set aside.
public struct StandingEvent: Sendable, Hashable {
    public let place: EventPlace
    /// The key of its record.
    public let key: [UInt8]?
    public let standing: EventStanding
    /// Attempts that have ended and count.
    public let attempts: Int
    /// When the journal first heard of an attempt.
    public let firstAttempt: Timestamp?
    /// What the last failure said.
    public let note: FailureNote?
}

/// An event that has been set aside for good, unless somebody redrives it.
public struct DeadLetter: Sendable, Hashable {
    public let place: EventPlace
    /// The key of its record.
    public let key: [UInt8]?
    public let reason: DeadLetterReason
    /// Since when it is one; nil where a journal of an earlier release does not say it.
    public let since: Timestamp?
    public let attempts: Int
    /// What the last failure said.
    public let note: FailureNote?
    /// The events that wait behind it, in order.
    public let parked: [Offset]
    /// The event's type; nil where the record is no event, or is lost.
    public internal(set) var type: String?
    /// Its record is not in the log any more: a limit for what groups hold back was reached, or somebody has deleted it.
    public internal(set) var isLost = false
}

/// Who holds a lane, and why.
public struct LaneHold: Sendable, Hashable {
    public let by: String
    public let note: String
    public let since: Timestamp
}

/// A key of a partition, and what stands in its lane.
public struct LaneReport: Sendable, Hashable {
    public let topicPartition: TopicPartition
    /// Nil for a record without a key, which is a lane of its own.
    public let key: [UInt8]?
    /// Nil while nobody holds the lane.
    public let hold: LaneHold?
    /// What keeps the others waiting comes first, then these in the order in which they will have their turns. Dead letters that hold
    /// nobody up come last.
    public let events: [StandingEvent]

    /// What the lane waits for: its dead letter, or the first of the others.
    public var head: StandingEvent? { events.first }
}

/// Which dead letters are meant. Those that fulfil everything that is said.
public struct DeadLetterFilter: Sendable, Hashable {
    public var topic: String?
    public var reason: DeadLetterReason?
    /// A type of events, or a pattern as in ``Route``; records that are no events have none.
    public var types: String?
    /// The key of the record.
    public var key: [UInt8]?
    /// Just these.
    public var places: [EventPlace]?

    public init(
        topic: String? = nil, reason: DeadLetterReason? = nil, types: String? = nil, key: [UInt8]? = nil,
        places: [EventPlace]? = nil
    ) {
        self.topic = topic
        self.reason = reason
        self.types = types
        self.key = key
        self.places = places
    }

    /// Whether it means all dead letters.
    public var isEmpty: Bool { self == DeadLetterFilter() }

    /// Everything but the type, which only the record knows.
    func allows(_ letter: DeadLetter) -> Bool {
        (topic.map { $0 == letter.place.topicPartition.topic.description } ?? true)
            && (reason.map { $0 == letter.reason } ?? true) && (key.map { $0 == letter.key } ?? true)
            && (places.map { $0.contains(letter.place) } ?? true)
    }
}
