// What the sender of a record, or the appender of a batch, is told when it is done.
// Nothing here says how it was done.

public import DaybookModel
internal import DaybookStorage

/// The place of one record in the log, and what is promised about it.
public struct Receipt: Hashable, Sendable {
    public let topicPartition: TopicPartition
    /// Nil for `buffered`, where the record has no place yet.
    public let offset: Offset?
    /// When the log appended the record; never falls from one offset to the next. `.none` for `buffered`.
    public let appendTime: Timestamp
    /// The level reached, which is at least the level asked for.
    public let durability: Durability
    /// The log had the record already, at this place: it was sent a second time and has not been appended again.
    public let isDuplicate: Bool
}

/// The place of one appended batch, and what is promised about it.
public struct BatchReceipt: Hashable, Sendable {
    public let topicPartition: TopicPartition
    /// The offset of the first record.
    public let baseOffset: Offset
    /// One past the offset of the last record.
    public let nextOffset: Offset
    /// When the log appended the batch; never falls from one batch to the next.
    public let appendTime: Timestamp
    /// The level reached.
    public let durability: Durability
    /// The log had the batch already, at this place.
    public let isDuplicate: Bool

    init(_ result: AppendResult, _ topicPartition: TopicPartition, _ durability: Durability) {
        self.topicPartition = topicPartition
        baseOffset = result.baseOffset
        nextOffset = result.nextOffset
        appendTime = result.appendTime
        isDuplicate = result.isDuplicate
        self.durability = durability
    }
}
