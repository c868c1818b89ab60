// Writing on a thread of one's own: records are encoded, compressed, checksummed and written by the calling thread, with
// no queue and no change of threads in between. For bulk loads and measurements.

public import DaybookCompression
public import DaybookModel
internal import DaybookRecords

/// Appends to one partition on the calling thread, which may block.
///
/// Not for Swift's cooperative threads: tasks use a `Producer`. One writer per thread; several writers may append to one
/// partition. Records that are still in the writer when it goes away are lost: call `flush` first.
public struct PartitionWriter: ~Copyable {
    /// Kept alive: with it the directory's lock would go, while this writer goes on.
    private let daybook: Daybook
    private let partition: Partition
    private var builder: RecordBatchBuilder
    private let compressor = Compressor()
    private let durability: Durability
    /// Batches appended so far.
    public private(set) var batchesCount = 0

    init(
        _ daybook: Daybook, _ partition: Partition, batchSize: ByteCount, compression: Compression,
        durability: Durability
    ) {
        self.daybook = daybook
        self.partition = partition
        self.durability = durability
        builder = RecordBatchBuilder(
            targetSize: batchSize.rawValue, options: RecordBatchBuilder.Options(compression: compression))
    }

    /// Adds a record to the current batch, and appends the batch when it is full. Copies the bytes; allocates nothing per
    /// record. After an error the batch is gone from the writer; it is not in the log, unless it was the flush that failed
    /// (`.partitionFailed`): then nobody knows until the directory has been opened again.
    public mutating func append(
        key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, timestamp: Timestamp
    ) throws {
        if key == nil { try daybook.requireNoKeys(of: partition.topicPartition.topic.description) }
        if builder.append(key: key, value: value, headers: [], timestamp: timestamp) { return }
        try appendBatch()
        builder.append(key: key, value: value, headers: [], timestamp: timestamp)
    }

    /// Appends what has been collected as a batch; with `.durable` it is durable when this returns.
    /// Returns the offset behind the last record, or nil when there was nothing.
    @discardableResult
    public mutating func flush() throws -> Offset? {
        builder.isEmpty ? nil : try appendBatch()
    }

    @discardableResult
    private mutating func appendBatch() throws -> Offset {
        let batch: EncodedBatch
        do { batch = try builder.seal(using: compressor) } catch {
            builder.reset()
            throw DaybookError(
                .invalidRecord, error.description, topicPartition: partition.topicPartition, cause: error)
        }
        batchesCount += 1
        return try partition.appendBlocking(batch, durability).nextOffset
    }
}

extension Daybook {
    /// A writer for a thread of the caller's own. `compression` counts where the topic leaves the choice to producers.
    public func makeWriter(
        _ topicPartition: TopicPartition, batchSize: ByteCount = .kibibytes(64), compression: Compression = .none,
        durability: Durability = .durable
    ) throws -> PartitionWriter {
        let partition = try partition(topicPartition)
        let topic = try topic(topicPartition.topic.description)
        try Self.refuseInternal(topic.name, "takes no records from others")
        guard !isReadOnly else {
            throw DaybookError(.readOnly, "The directory was opened for reading; open it for writing to append")
        }
        return PartitionWriter(
            self, partition, batchSize: min(batchSize, topic.configuration.maxMessageBytes),
            compression: topic.configuration.compression ?? compression, durability: durability)
    }
}
