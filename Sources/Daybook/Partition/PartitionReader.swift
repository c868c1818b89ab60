// Reading on a thread of one's own: no change of threads, no task. For bulk replays and measurements.
// The same reads as `Daybook.read`, without its way to an I/O thread and back.

public import DaybookModel
public import DaybookRecords

/// Reads one partition from an offset on, on the calling thread, which may block.
///
/// Not for Swift's cooperative threads: tasks use `Daybook.read`. One reader per thread.
public struct PartitionReader: ~Copyable {
    /// Kept alive, with its threads and files, for as long as somebody reads.
    private let daybook: Daybook
    private let partition: Partition
    private let isolation: Isolation
    private let decoder = RecordDecoder()
    /// Where the next read begins.
    public private(set) var nextOffset: Offset

    init(_ daybook: Daybook, _ partition: Partition, from offset: Offset, isolation: Isolation) {
        self.daybook = daybook
        self.partition = partition
        self.isolation = isolation
        nextOffset = offset
    }

    /// The next batches and gaps, about `maxBytes`; empty when the limit has been reached.
    public mutating func read(maxBytes: ByteCount = .kibibytes(256)) throws -> ReadResult {
        let result = try partition.readBlocking(
            from: nextOffset, maximumBytes: max(1, maxBytes.rawValue), isolation: isolation)
        nextOffset = result.nextOffset
        return result
    }

    /// Calls `body` with each record of a batch, with decompression memory that this reader keeps.
    public func forEach(in batch: RecordBatch, _ body: (borrowing RecordView) throws -> Void) throws {
        try batch.forEach(using: decoder, body)
    }
}

extension Daybook {
    /// A reader for a thread of the caller's own.
    public func makeReader(
        _ topicPartition: TopicPartition, from offset: Offset = .zero, isolation: Isolation = .committed
    ) throws -> PartitionReader {
        PartitionReader(self, try partition(topicPartition), from: offset, isolation: isolation)
    }
}
