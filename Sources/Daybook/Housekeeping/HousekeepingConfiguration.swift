// How a daybook looks after itself: when, how fast, and with how much memory.
// What is to be kept is said topic by topic, in `RetentionConfiguration`.

public import DaybookModel

/// Settings of retention, compaction and scrubbing.
public struct HousekeepingConfiguration: Sendable, Hashable {
    /// Passes happen by themselves for as long as the daybook is open. With false somebody calls `housekeep`, or runs the
    /// `Housekeeper` service.
    public var isAutomatic = true
    /// Time between the end of one pass and the beginning of the next.
    public var interval: Duration = .seconds(30)
    /// Bytes a second that compaction and scrubbing may read, all partitions together; nil sets no limit.
    public var bytesPerSecond: ByteCount? = .mebibytes(32)
    /// Memory for the keys of one compaction. With less of it a partition is compacted in more rounds.
    public var compactionMemory: ByteCount = .mebibytes(16)
    /// Each sealed segment is read and compared with its checksum so often; nil leaves that to `scrub`.
    public var scrubInterval: Duration? = .seconds(7 * 24 * 3600)
    /// What a group has committed is forgotten when it has no members and has committed nothing, for any partition, for so
    /// long: Kafka's `offsets.retention.ms`, but off unless set. A group that reads rarely, or stands still because nothing
    /// comes, must not lose its place.
    public var offsetsRetention: Duration?
    /// A transactional id that nobody has used for so long is forgotten: Kafka's `transactional.id.expiration.ms`. A producer of
    /// that id which is still there is fenced; whoever makes another one begins with a producer id of its own. Nil: never.
    public var transactionalIDExpiration: Duration? = .seconds(7 * 24 * 3600)
    /// For so long after opening nothing is deleted for its age: a machine's clock may be set only some time after it has
    /// started.
    public var settlingTime: Duration = .seconds(600)

    public init() {}

    func validated() throws(DaybookError) -> HousekeepingConfiguration {
        guard interval > .zero, compactionMemory.rawValue > 0, bytesPerSecond.map({ $0.rawValue > 0 }) ?? true,
            scrubInterval.map({ $0 > .zero }) ?? true, offsetsRetention.map({ $0 > .zero }) ?? true,
            transactionalIDExpiration.map({ $0 > .zero }) ?? true,
            settlingTime >= .zero
        else {
            throw DaybookError(
                .invalidConfiguration,
                "interval, compactionMemory, bytesPerSecond, scrubInterval, offsetsRetention and transactionalIDExpiration of "
                    + "housekeeping must be more than nothing, and settlingTime not negative")
        }
        return self
    }
}
