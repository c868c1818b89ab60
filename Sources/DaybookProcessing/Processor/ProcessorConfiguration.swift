// How a processor works: what it reads, how much of it at once, what it does with what fails. Handlers are its routes.
// What decisions are made by is `GroupRules`.

public import DaybookModel

/// Settings of a processor.
public struct ProcessorConfiguration: Sendable {
    /// The group. One processor at a time has it; one that is started later takes it over.
    public var group: String
    /// All partitions of these topics are read, from where the group has come, at first from the beginning.
    public var topics: [String]
    /// Events that are neither done nor set aside are at most so many, and their records at most so many bytes; beyond that
    /// nothing more is read.
    public var maximumOpenEvents = 10_000
    public var maximumOpenBytes = ByteCount.mebibytes(64)
    /// Names the effect of an event within the group. By default the event's source and id; better a business form, such as
    /// `order:SO-000123#2#invoice`, by which an event that was published twice under two ids is one.
    public var effectKey: @Sendable (Event) -> String = { $0.defaultEffectKey }
    /// So many effects are remembered, for duplicates to be seen.
    public var rememberedEffects = 1_000_000
    /// Nil: revisions are nobody's business.
    public var revisionGate: RevisionGate?
    public var lanePolicy = LanePolicy.holdKey
    /// So many dead letters in a row stop the group.
    public var deadLetterLimit = 100
    /// A larger share of dead letters among the latest events stops the group as well; nil sets no such limit.
    public var deadLetterShare: DeadLetterShare?
    /// So many events parked behind dead ones stop the group.
    public var parkedLimit = 100_000
    /// After so many entries the journal gets a snapshot, and what came before is deleted.
    public var snapshotInterval = 100_000
    /// So long a processor that is to end waits for handlers that are under way. Then they are cancelled, the journal says that
    /// nobody knows how they ended, and `run` returns, whether they do or not. What such a handler still brings does not count; the
    /// next process goes on by the effect class, as after a timeout.
    public var stopGrace: Duration = .seconds(30)
    /// Seed of the jitter of retries.
    public var seed: UInt64 = 0

    /// Hears what the processor does: for metrics and logs.
    public var observer: (any ProcessingObserver)?
    /// Runs around each call of a handler or a probe: for traces.
    public var attemptScope: (any AttemptScope)?

    /// Told before and after each append of the group's journal: where tests end a process, by throwing.
    var onJournal: (@Sendable (JournalMoment) throws -> Void)?

    public init(group: String, topics: [String]) {
        self.group = group
        self.topics = topics
    }
}

/// An append of a group's journal that is about to be made, or has been made.
struct JournalMoment: Sendable {
    /// What is appended; nothing for a part of a snapshot.
    var entries: [JournalEntry]
    var isSnapshot = false
    var isDurable = false
}

/// Why a processor cannot work, or an operation is not possible.
public struct ProcessingError: Error, Sendable, CustomStringConvertible {
    /// What kind of error it is. More kinds may be added in later releases, so a `switch` needs a default.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        public let description: String
        /// Another processor has taken the group over.
        public static let fenced = Code(description: "fenced")
        /// The journal tells of events that the log does not have: nothing is dispatched.
        public static let diverged = Code(description: "diverged")
        /// The journal cannot be read.
        public static let damagedJournal = Code(description: "damagedJournal")
        /// The processor is not at work.
        public static let notRunning = Code(description: "notRunning")
        /// Nothing is known of a group of that name: no processor has had it.
        public static let unknownGroup = Code(description: "unknownGroup")
        /// There is no such dead letter, or no such event.
        public static let unknownEvent = Code(description: "unknownEvent")
        /// Something is under way with the event.
        public static let underWay = Code(description: "underWay")
        /// The event cannot take the other one's place.
        public static let invalidReplacement = Code(description: "invalidReplacement")
        /// A setting is not allowed.
        public static let invalidConfiguration = Code(description: "invalidConfiguration")
    }

    public let code: Code
    /// What happened and what can be done about it.
    public let description: String
    /// The event or the place in the log that it is about.
    public let place: EventPlace?

    init(_ code: Code, _ description: String, place: EventPlace? = nil) {
        self.code = code
        self.description = description
        self.place = place
    }
}
