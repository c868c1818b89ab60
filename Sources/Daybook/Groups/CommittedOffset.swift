// How far a group has come in a partition: what it says when it commits, and what it is told when it asks.
// Who keeps it is `OffsetStore`; the bytes on disk are Kafka's offset commit records.

public import DaybookModel

/// What a group commits for one partition.
public struct OffsetCommit: Hashable, Sendable {
    /// The next offset to read: one past the last record that has been dealt with.
    public var offset: Offset
    /// The epoch of the last record that has been dealt with. With it, a position in a history that a crash has cut off is
    /// told from one in this log. Nil: the epoch that the log has there now.
    public var leaderEpoch: LeaderEpoch?
    /// Anything that helps whoever reads on from here; at most 4,096 bytes of UTF-8.
    public var metadata: String

    public init(_ offset: Offset, leaderEpoch: LeaderEpoch? = nil, metadata: String = "") {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
    }

    /// Kafka's limit, `offset.metadata.max.bytes`.
    static let largestMetadata = 4096
}

/// What a group has committed for one partition.
public struct CommittedOffset: Hashable, Sendable {
    /// The next offset to read.
    public let offset: Offset
    /// The epoch of the record before it; nil where the commit had none, which commits of Daybook's own always have unless
    /// there is no such record.
    public let leaderEpoch: LeaderEpoch?
    public let metadata: String
    /// When it was committed, by the clock of the process that keeps the log.
    public let commitTime: Timestamp

    public init(offset: Offset, leaderEpoch: LeaderEpoch?, metadata: String, commitTime: Timestamp) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.commitTime = commitTime
    }
}
