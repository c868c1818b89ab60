// What the sender of a record, or the appender of a batch, is told when it is done.
// Receipts of records are public; those of batches stay inside the engine.

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
}

/// The place of one appended batch.
struct BatchReceipt: Hashable, Sendable {
    let topicPartition: TopicPartition
    let baseOffset: Offset
    let nextOffset: Offset
    let appendTime: Timestamp
    let durability: Durability

    init(_ result: AppendResult, _ topicPartition: TopicPartition, _ durability: Durability) {
        self.topicPartition = topicPartition
        baseOffset = result.baseOffset
        nextOffset = result.nextOffset
        appendTime = result.appendTime
        self.durability = durability
    }
}
