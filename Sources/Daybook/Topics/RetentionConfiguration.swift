// What a topic keeps: for how long, how much of it, what consumers hold back, and what compaction may leave out.
// Kafka's names for these settings are in `TopicConfigurationTable`; who acts on them is `Housekeeper`.

public import DaybookModel
internal import DaybookStorage

/// What a topic keeps. By default everything, for ever: history that nobody asked to lose is not lost.
public struct RetentionConfiguration: Hashable, Sendable {
    /// What becomes of old records: Kafka's `cleanup.policy`.
    public enum Policy: String, Hashable, Sendable, CaseIterable {
        /// Old segments are removed by `retention.ms` and `retention.bytes`.
        case delete
        /// The newest record of each key is kept.
        case compact
        /// Both.
        case compactAndDelete = "compact,delete"

        /// Whether old segments are removed by age and size.
        public var deletes: Bool { self != .compact }
        /// Whether only the newest record of each key is kept.
        public var compacts: Bool { self != .delete }
    }

    public var policy: Policy = .delete
    /// Segments whose last record was appended longer ago than this go; nil keeps them. Producers' timestamps play no part.
    public var age: Duration?
    /// The oldest segments of a partition go for as long as what remains has at least so many bytes; nil keeps them.
    public var bytes: ByteCount?
    /// Groups that hold records back: what lies behind the offset that one of them has committed stays, up to the limits
    /// below.
    public var guardGroups: [String] = []
    /// Beyond this age groups hold nothing back any more; nil sets no such limit.
    public var guardAge: Duration?
    /// Beyond so many bytes of a partition groups hold nothing back any more; nil sets no such limit.
    public var guardBytes: ByteCount?

    /// How long a tombstone stays readable after compaction has removed what it deletes.
    public var tombstoneAge: Duration = .seconds(24 * 3600)
    /// Compaction begins when this share of what it may clean has never been cleaned; 0 to 1.
    public var dirtyRatio = 0.5
    /// Records younger than this are not compacted.
    public var compactionLag: Duration = .zero

    public init() {}

    /// What storage decides by. `held`: the first offset that a guarding group still needs; nil when none does.
    func policy(held: Offset?) -> RetentionPolicy {
        RetentionPolicy(
            maximumAge: policy.deletes ? age?.milliseconds : nil, maximumBytes: policy.deletes ? bytes?.rawValue : nil,
            held: held, maximumHeldAge: guardAge?.milliseconds, maximumHeldBytes: guardBytes?.rawValue)
    }
}
