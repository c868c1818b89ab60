// Batches that were on their way when the topic's `max.message.bytes` was lowered below their size: their records are appended
// as several batches instead, at the same offsets. Kafka's producers split what a broker refuses; here both sides are one.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage

extension Partition.State {
    /// Appends a batch, or its records as smaller ones where it is too large and nobody counts on it being one.
    ///
    /// The offsets are those that the one batch would have had: nothing comes in between. Throws what appending throws; where
    /// some of the pieces are in the log then, `splitRecordsAppended` says how many records that are.
    mutating func appendSplitting(
        _ batch: EncodedBatch, now: Timestamp, expecting: Offset?
    ) throws(StorageError) -> AppendResult {
        splitRecordsAppended = 0
        let maximum = log.configuration.maximumBatchBytes.rawValue
        guard batch.count > maximum, batch.recordsCount > 1, expecting == nil, log.poison == nil else {
            return try log.append(batch, now: now, expecting: expecting)
        }
        let pieces: [EncodedBatch]
        do throws(RecordBatchError) {
            pieces = try BatchSplitter.split(batch, maximumSize: maximum)
        } catch {
            throw .invalidBatch(error)
        }
        var (first, last): (AppendResult?, AppendResult?)
        for piece in pieces {
            let result = try log.append(piece, now: now)
            splitRecordsAppended += piece.header.recordsCount
            (first, last) = (first ?? result, result)
        }
        guard let first, let last else { preconditionFailure("a batch of several records has pieces") }
        return AppendResult(from: first, through: last)
    }
}
