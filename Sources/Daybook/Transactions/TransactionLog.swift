// The internal topic of transactions as bytes: one record for each state of a transactional id, the newest of which counts.
// Who writes which, and what follows from it, is the coordinator's business.

internal import DaybookCompression
internal import DaybookModel
internal import DaybookRecords

/// Reading and writing states of transactions.
enum TransactionLog {
    /// A state as a batch of its own, uncompressed, as Kafka's brokers write theirs.
    static func batch(_ id: String, _ value: TransactionLogValue, timestamp: Timestamp) -> EncodedBatch {
        var builder = RecordBatchBuilder(targetSize: .max)
        let record = Record(key: TransactionLogKey(transactionalID: id).encoded(), value: value.encoded())
        builder.append(record, timestamp: timestamp)
        do throws(CompressionError) {
            return try builder.seal(using: Compressor())
        } catch {
            preconditionFailure("nothing is compressed here: \(error)")
        }
    }

    /// The newest state of each transactional id in a partition of the internal topic. Records that are none that this
    /// release understands are left out. Blocks; O(bytes of the partition).
    static func read(_ partition: Partition) throws(DaybookError) -> [String: TransactionLogValue] {
        var values: [String: TransactionLogValue] = [:]
        var next = partition.offsets.logStartOffset
        while true {
            let result = try partition.readBlocking(from: next, maximumBytes: 1 << 20, isolation: .durable)
            if result.isEmpty { return values }
            for batch in result.batches where !batch.isControl {
                // A batch that cannot be decoded counts as far as it can.
                do { try batch.forEach { take($0.key, $0.value, into: &values) } } catch {}
            }
            next = result.nextOffset
        }
    }

    private static func take(_ key: RawSpan?, _ value: RawSpan?, into values: inout [String: TransactionLogValue]) {
        guard let key else { return }
        do throws(KafkaFieldError) {
            let id = try TransactionLogKey(decoding: KafkaReader(key)).transactionalID
            if let value {
                values[id] = try TransactionLogValue(decoding: KafkaReader(value))
            } else {
                values[id] = nil
            }
        } catch {
            // Of a later release, or of another keeper.
        }
    }
}
