// What a processor's configuration comes to for decisions: no handlers, no names of types, nothing that runs.
// The configuration itself is `ProcessorConfiguration`.

/// What becomes of the events behind a dead one in its lane.
public enum LanePolicy: Hashable, Sendable {
    /// They are set aside behind it, in order, until somebody decides.
    case holdKey
    /// They go on as if it had succeeded.
    case releaseKey
    /// The group stops.
    case stopGroup
}

/// That revisions of a key are handled one after the other, from 1, none left out. The revision is the event's `sequence`.
public struct RevisionGate: Hashable, Sendable {
    /// What is done when the revision before did not come in time.
    public enum Overdue: Hashable, Sendable {
        case deadLetter
        case handle
    }
    /// So long an event waits for the revision before it.
    public var patience: Duration
    public var overdue: Overdue

    public init(patience: Duration = .seconds(3600), overdue: Overdue = .deadLetter) {
        self.patience = patience
        self.overdue = overdue
    }
}

/// That a share of dead letters among the latest events stops the group.
public struct DeadLetterShare: Hashable, Sendable {
    /// More than this share, from 0 up to less than 1.
    public var share: Double
    /// Of so many events that succeeded or were dead-lettered, 1 to 1,024.
    public var events: Int

    public init(_ share: Double, ofLatest events: Int) {
        self.share = share
        self.events = events
    }

    var isAllowed: Bool { (0..<1).contains(share) && (1...OutcomeWindow.capacity).contains(events) }
}

/// What a route comes to for decisions.
struct RouteRule: Hashable, Sendable {
    /// Its number among the downstreams.
    var downstream: Int
    var effect: EffectRule
}

/// What decisions are made by.
struct GroupRules: Sendable {
    var routes: [RouteRule]
    var downstreams: [Downstream]
    var gate: RevisionGate?
    var lanePolicy = LanePolicy.holdKey
    /// So many dead letters in a row stop the group.
    var deadLetterLimit = 100
    var deadLetterShare: DeadLetterShare?
    /// So many parked events stop the group.
    var parkedLimit = 100_000
    var seed: UInt64 = 0
}
