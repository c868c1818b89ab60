// How a consumer reads: how far ahead, what it may see, and where it goes on when it cannot go on where it was.
// What it reads, and from where, is said when it is made.

public import DaybookModel

/// Where a consumer reads a partition for which it has no place: none has been committed, or the log does not have it
/// [`auto.offset.reset`].
public enum OffsetReset: Hashable, Sendable {
    /// From the earliest record on.
    case earliest
    /// Only what is appended from now on.
    case latest
    /// From the first record on whose timestamp is not before this moment.
    case time(Timestamp)
    /// Nowhere: an error says so, and somebody decides.
    case fail

    var place: LogPlace? {
        switch self {
        case .earliest: .beginning
        case .latest: .end
        case .time(let time): .time(time)
        case .fail: nil
        }
    }
}

/// What a consumer does whose position belongs to another history than that of the log: some of the records before it were lost
/// with a power cut, or with a disk, and others may have taken their offsets.
public enum Divergence: Hashable, Sendable {
    /// Asking for records throws `.divergedHistory`, which names where the histories part, until somebody has decided what is
    /// to become of what was made of the lost records, and calls `seek`.
    case fail
    /// It goes on where the histories part, and tells `onReset`.
    case readOn
}

/// A consumer that could not go on where it was, and where it went instead.
public struct PositionReset: Sendable {
    public let topicPartition: TopicPartition
    /// Where it was.
    public let from: Offset
    /// Where it reads on. In another history: where the two part.
    public let to: Offset
    /// `.offsetOutOfRange`, or `.divergedHistory`, which names the point of divergence.
    public let reason: DaybookError
}

/// Settings of a consumer. Kafka's names in brackets.
public struct ConsumerConfiguration: Sendable {
    /// Bytes that are read ahead of the records handed out, all partitions together and unpacked; one batch that is larger is
    /// read all the same [`fetch.max.bytes`]. Beyond that nothing is read until records have been handed out.
    public var readAhead: ByteCount
    /// The same for each partition [`max.partition.fetch.bytes`].
    public var partitionReadAhead: ByteCount
    /// What is done where a position leads nowhere [`auto.offset.reset`]. Unlike Kafka's, the default loses nothing. Records
    /// that were deleted under a consumer are a gap, after which it goes on; only `.fail` makes an error of that.
    public var offsetReset: OffsetReset
    /// What is done where a position belongs to another history.
    public var divergence: Divergence
    /// Which records are read [`isolation.level`].
    public var isolation: Isolation
    /// Told, on a thread of the engine, when `offsetReset` or `divergence` has moved a position. Must be quick.
    public var onReset: (@Sendable (PositionReset) -> Void)?

    public init(
        readAhead: ByteCount = .mebibytes(16), partitionReadAhead: ByteCount = .mebibytes(1),
        offsetReset: OffsetReset = .earliest, divergence: Divergence = .fail, isolation: Isolation = .committed,
        onReset: (@Sendable (PositionReset) -> Void)? = nil
    ) {
        self.readAhead = readAhead
        self.partitionReadAhead = partitionReadAhead
        self.offsetReset = offsetReset
        self.divergence = divergence
        self.isolation = isolation
        self.onReset = onReset
    }

    /// The configuration if every value is allowed; throws `.invalidConfiguration` that says what is.
    public func validated() throws(DaybookError) -> ConsumerConfiguration {
        let amounts = ByteCount.kibibytes(4)...ByteCount.gibibytes(1)
        for (name, amount) in [("fetch.max.bytes", readAhead), ("max.partition.fetch.bytes", partitionReadAhead)]
        where !amounts.contains(amount) {
            throw DaybookError(
                .invalidConfiguration, "\(name) is \(amount); use an amount from \(amounts.lowerBound) to 1GiB")
        }
        return self
    }
}
