// The internal topic of transactions as bytes: one record for each state of a transactional id, the newest of which counts.
// Who writes which, and what follows from it, is the coordinator's business.

internal import DaybookCompression
internal import DaybookModel
internal import DaybookRecords

/// What a partition of the internal topic says of its transactional ids.
struct TransactionStates: Sendable {
    /// The newest state of each id.
    var values: [String: TransactionLogValue] = [:]
    /// Some of the records cannot be read: what they said is not known.
    var isDamaged = false
}

/// Reading and writing states of transactions.
enum TransactionLog {
    /// A state as a batch of its own, uncompressed, as Kafka's brokers write theirs.
    static func batch(_ id: String, _ value: TransactionLogValue, timestamp: Timestamp) -> EncodedBatch {
        batch(
            Record(key: TransactionLogKey(transactionalID: id).encoded(), value: value.encoded()), timestamp: timestamp)
    }

    private static func batch(_ record: Record, timestamp: Timestamp) -> EncodedBatch {
        var builder = RecordBatchBuilder(targetSize: .max)
        builder.append(record, timestamp: timestamp)
        do throws(CompressionError) {
            return try builder.seal(using: Compressor())
        } catch {
            preconditionFailure("nothing is compressed here: \(error)")
        }
    }

    /// The end of an id that nobody uses any more: a tombstone, for which nobody waits. If it does not get there, the id is found
    /// again another time.
    static func forgetting(_ id: String, at time: Timestamp) -> AppendRequest {
        let record = Record(key: TransactionLogKey(transactionalID: id).encoded(), value: nil)
        return AppendRequest(batch: batch(record, timestamp: time), durability: .osCache) { _ in }
    }

    /// The newest state of each transactional id in a partition of the internal topic. Records that are none that this
    /// release understands are left out. Blocks; O(bytes of the partition).
    static func read(_ partition: Partition) throws(DaybookError) -> TransactionStates {
        var states = TransactionStates()
        var next = partition.offsets.logStartOffset
        while true {
            let result = try partition.readBlocking(from: next, maximumBytes: 1 << 20, isolation: .durable)
            if result.isEmpty { return states }
            for gap in result.gaps where gap.cause == .quarantined { states.isDamaged = true }
            for batch in result.batches where !batch.isControl {
                // A batch that cannot be decoded counts as far as it can.
                do { try batch.forEach { take($0.key, $0.value, into: &states.values) } } catch {}
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
