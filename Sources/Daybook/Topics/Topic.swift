// A topic as the registry knows it and as callers see it.
// Changed by `Daybook+Topics` only, and written down by `TopicRegistry`.

public import DaybookModel

/// A topic: its name, how many partitions it has, and how it is set up.
public struct Topic: Hashable, Sendable {
    public let name: TopicName
    public let partitionsCount: Int32
    /// Chosen at random at creation: a topic deleted and created again is another one.
    public let id: UInt64
    public let created: Timestamp
    public internal(set) var configuration: TopicConfiguration
    /// Where the topic's partitions begin in the watermark file.
    let firstSlot: Int
    /// Being deleted: invisible to callers; its folders may still be there.
    var isDeleting = false

    /// How many partitions a topic may have.
    static let partitionsCounts = 1...100_000

    /// The topic's partitions, in order.
    public var partitions: [TopicPartition] {
        (0..<partitionsCount).map { TopicPartition(topic: name, partition: $0) }
    }
}
