// One batch, appended as a whole by a caller who may say where: optimistic concurrency between those who read and write a
// partition. Streams of records go through a `Producer`, which makes the batches itself.

internal import DaybookCompression
public import DaybookModel
public import DaybookRecords

extension Daybook {
    /// Appends records as one batch: all of them, next to each other, or none.
    ///
    /// With `expecting` they are appended at exactly that offset: when anything has been appended since the caller looked,
    /// `.offsetConflict` is thrown, whose `offset` is where the log goes on now. So of several who have read up to the same
    /// offset and act on what they read, one is let in, and the others read on first. A call that is repeated after
    /// `.partitionFailed` and a new opening with the same `expecting` appends the records if they are missing, and conflicts
    /// if they are there.
    ///
    /// As durable as asked for when it returns; `.buffered` is no choice here. Throws `.recordTooLarge` when the batch has more
    /// bytes than the topic's `max.message.bytes`, `.invalidRecord` for no records and for records without a key in a
    /// compacted topic, `.diskFull`, `.partitionFailed`, `.unknownTopic`, `.unknownPartition`, `.readOnly`, `.closed`.
    @discardableResult
    public func append(
        _ records: [Record], to topicPartition: TopicPartition, expecting nextOffset: Offset? = nil,
        durability: Durability = .durable
    ) async throws -> BatchReceipt {
        try requireWritable()
        guard durability != .buffered else {
            throw DaybookError(
                .invalidConfiguration, "A batch is appended before this call returns: use .durable, or .osCache")
        }
        let partition = try partition(topicPartition)
        let topic = try topic(topicPartition.topic.description)
        try Self.refuseInternal(topic.name, "takes no records from others")
        let batch = try encode(records, for: topic, topicPartition)
        let result: Result<BatchReceipt, DaybookError> = await withCheckedContinuation { continuation in
            let request = AppendRequest(batch: batch, durability: durability, expecting: nextOffset) {
                continuation.resume(returning: $0)
            }
            partition.submit(request)
        }
        return try result.get()
    }

    private func encode(
        _ records: [Record], for topic: Topic, _ topicPartition: TopicPartition
    ) throws(DaybookError) -> EncodedBatch {
        func refuse(_ code: DaybookError.Code, _ sentence: String, _ cause: (any Error)? = nil) -> DaybookError {
            DaybookError(code, sentence, topicPartition: topicPartition, cause: cause)
        }
        guard !records.isEmpty else { throw refuse(.invalidRecord, "There is nothing to append: a batch has records") }
        if records.contains(where: { $0.key == nil }) { try requireNoKeys(of: topic.name.description) }
        let size = records.reduce(0) { $0 + RecordBatchBuilder.maximumSize(of: $1) }
        guard size <= ProducerShared.largestRecord else {
            throw refuse(
                .recordTooLarge,
                "The records have \(size) bytes; no batch may have more than \(ProducerShared.largestRecord)")
        }
        var builder = RecordBatchBuilder(
            targetSize: .max,
            options: RecordBatchBuilder.Options(compression: topic.configuration.compression ?? .none))
        let now = services.clock.now()
        for record in records where !builder.append(record, timestamp: now) {
            throw refuse(.invalidRecord, "The timestamps of the records lie too far apart for one batch")
        }
        do throws(CompressionError) {
            return try compressors.withCompressor { compressor throws(CompressionError) in
                try builder.seal(using: compressor)
            }
        } catch {
            throw refuse(.invalidRecord, error.description, error)
        }
    }
}
