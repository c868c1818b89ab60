// Makes several smaller batches of one that has turned out to be too large: the limit was lowered while it was on its way.
// Kafka's producers do this when a broker answers MESSAGE_TOO_LARGE.

internal import DaybookCompression
internal import DaybookModel

/// Splits batches.
package enum BatchSplitter {
    /// Batches of at most `maximumSize` bytes with the records of `batch`, in order: of the same producer and the same
    /// transaction, numbered on from one to the next, so that nobody can tell them from batches that were made so.
    ///
    /// Throws `RecordBatchError.tooLarge` when a record alone takes more, and when the batch cannot be decoded or packed.
    /// O(size of the batch).
    package static func split(_ batch: EncodedBatch, maximumSize: Int) throws(RecordBatchError) -> [EncodedBatch] {
        let header = batch.header
        do {
            var records: [(record: Record, timestamp: Timestamp)] = []
            try batch.withBytes { bytes in
                try RecordDecoder().forEachRecord(in: bytes, header) { records.append(($0.record(), $0.timestamp)) }
            }
            return try pack(records, as: header, maximumSize)
        } catch let error as RecordBatchError {
            throw error
        } catch {
            // What cannot be packed anew cannot be split either.
            throw .tooLarge(size: batch.count, maximum: maximumSize)
        }
    }

    private static func pack(
        _ records: [(record: Record, timestamp: Timestamp)], as header: BatchHeader, _ maximumSize: Int
    ) throws -> [EncodedBatch] {
        var pieces: [EncodedBatch] = []
        var builder = RecordBatchBuilder(
            targetSize: maximumSize,
            options: .init(
                compression: compression(header.codec), producer: header.producer,
                isTransactional: header.isTransactional))
        let compressor = Compressor()
        func seal(_ builder: inout RecordBatchBuilder) throws {
            let (producer, count) = (builder.options.producer, builder.recordsCount)
            let piece = try builder.seal(using: compressor)
            guard piece.count <= maximumSize else {
                throw RecordBatchError.tooLarge(size: piece.count, maximum: maximumSize)
            }
            pieces.append(piece)
            guard producer.baseSequence >= 0 else { return }
            builder.options.producer = ProducerIdentity(
                id: producer.id, epoch: producer.epoch, baseSequence: (producer.baseSequence &+ count) & .max)
        }
        for (record, timestamp) in records where !builder.append(record, timestamp: timestamp) {
            try seal(&builder)
            builder.append(record, timestamp: timestamp)
        }
        try seal(&builder)
        return pieces
    }

    private static func compression(_ codec: CompressionCodec) -> Compression {
        switch codec {
        case .lz4: .lz4()
        case .zstd: .zstd()
        case .none, .gzip, .snappy: .none
        }
    }
}
