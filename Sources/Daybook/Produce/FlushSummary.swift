// What a producer has done since it was made, or since its last flush.
// Counted by `ProducerProgress`, batch by batch.

public import DaybookModel

/// The outcome of everything sent or enqueued before a flush.
public struct FlushSummary: Sendable {
    /// What reached one partition.
    public struct PartitionSummary: Hashable, Sendable {
        /// Offset of the first record.
        public var firstOffset: Offset
        /// One past the offset of the last record.
        public var nextOffset: Offset
        public var recordsCount: Int
    }

    public internal(set) var recordsCount = 0
    /// Bytes of the batches as they were written.
    public internal(set) var bytesWritten = 0
    public internal(set) var batchesCount = 0
    public internal(set) var partitions: [TopicPartition: PartitionSummary] = [:]

    mutating func add(_ receipt: BatchReceipt, bytes: Int) {
        let count = Int(receipt.baseOffset.distance(to: receipt.nextOffset))
        recordsCount += count
        bytesWritten += bytes
        batchesCount += 1
        var summary =
            partitions[receipt.topicPartition]
            ?? PartitionSummary(firstOffset: receipt.baseOffset, nextOffset: receipt.baseOffset, recordsCount: 0)
        summary.firstOffset = min(summary.firstOffset, receipt.baseOffset)
        summary.nextOffset = max(summary.nextOffset, receipt.nextOffset)
        summary.recordsCount += count
        partitions[receipt.topicPartition] = summary
    }
}

/// Some of what was enqueued is not known to be in the log: it was refused, or the flush behind it failed.
public struct FlushFailure: Error, Sendable, CustomStringConvertible {
    /// What did reach it.
    public let summary: FlushSummary
    /// How many records were not acknowledged.
    public let lostRecordsCount: Int
    /// Why the first of them did not.
    public let cause: DaybookError

    public var description: String {
        "\(lostRecordsCount) enqueued records were not acknowledged: \(cause)"
    }
}
