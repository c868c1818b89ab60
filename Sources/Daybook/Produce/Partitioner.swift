// Which partition a record goes to.
// Called by `TopicRoute` for each record that names no partition itself.

public import DaybookModel
public import DaybookRecords

/// Chooses partitions. Called for each record of a producer, possibly from several threads at once; must be quick.
public protocol Partitioner: Sendable {
    /// The partition for `record`, in `0..<partitionsCount`; nil where any will do: such records go together, batch by
    /// batch, to one partition after the other.
    func partition(for record: Record, topic: TopicName, partitionsCount: Int32) -> Int32?
}

/// Kafka's default: records with a key by murmur2 of the key, so that a key's records stay in order; records without one
/// wherever they make full batches.
public struct DefaultPartitioner: Partitioner {
    public init() {}

    public func partition(for record: Record, topic: TopicName, partitionsCount: Int32) -> Int32? {
        guard let key = record.key else { return nil }
        return Self.partition(forKey: key, partitionsCount: partitionsCount)
    }

    /// The partition of a key: the same as that of Kafka's Java client and of those compatible with it.
    public static func partition(forKey key: [UInt8], partitionsCount: Int32) -> Int32 {
        let hash = key.withUnsafeBytes { Murmur2.hash($0) }
        return Int32(hash & 0x7fff_ffff) % partitionsCount
    }
}
