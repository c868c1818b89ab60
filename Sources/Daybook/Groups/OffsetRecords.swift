// Between the table of committed offsets and the batches of the internal topic: records that are written, and records that
// are read. The bytes of keys and values are those of `OffsetCommitKey` and its neighbours.

internal import DaybookCompression
internal import DaybookModel
internal import DaybookRecords

/// Collects records for one batch of the internal topic.
struct OffsetRecords: ~Copyable {
    private let timestamp: Timestamp
    /// Grows with what is added: how large a batch may be is decided by the log that it is appended to.
    private var builder: RecordBatchBuilder

    init(timestamp: Timestamp, producer: ProducerIdentity = .none) {
        self.timestamp = timestamp
        builder = RecordBatchBuilder(
            targetSize: .max,
            options: RecordBatchBuilder.Options(producer: producer, isTransactional: producer != .none))
    }

    mutating func add(_ change: OffsetTable.Change) {
        let key = OffsetCommitKey(group: change.group, topicPartition: change.topicPartition).encoded()
        let value = change.committed.map { committed in
            OffsetCommitValue(
                offset: committed.offset, leaderEpoch: committed.leaderEpoch, metadata: committed.metadata,
                commitTime: committed.commitTime
            ).encoded()
        }
        add(key, value)
    }

    mutating func add(_ group: String, _ metadata: GroupMetadataValue?) {
        add(GroupMetadataKey(group: group).encoded(), metadata?.encoded())
    }

    private mutating func add(_ key: [UInt8], _ value: [UInt8]?) {
        builder.append(Record(key: key, value: value), timestamp: timestamp)
    }

    /// The batch of what has been added, uncompressed, as Kafka's brokers write theirs. There must be something.
    consuming func batch() -> EncodedBatch {
        do throws(CompressionError) {
            return try builder.seal(using: Compressor())
        } catch {
            preconditionFailure("nothing is compressed here: \(error)")
        }
    }
}

extension OffsetRecords {
    /// How the transaction of a control batch ended; nil where the batch says something else.
    static func marker(_ batch: RecordBatch) -> ControlRecord.Kind? {
        var kind: ControlRecord.Kind?
        do { try batch.forEach { kind = ControlRecord(key: $0.key, value: $0.value)?.kind } } catch { return nil }
        return kind
    }

    /// Takes the records of a batch into a table, in order; those of a transaction, whose producer is `holder`, as pending.
    /// Returns how many were none that could be understood; those are left out.
    static func read(_ batch: RecordBatch, into table: inout OffsetTable, holder: ProducerID?) -> Int {
        var unreadable = 0
        do {
            try batch.forEach { record in
                do throws(KafkaFieldError) {
                    try take(record.offset, record.key, record.value, into: &table, holder)
                } catch {
                    unreadable += 1
                }
            }
        } catch {
            // The checksum is right and the records are not: whoever wrote the batch is to blame. Its beginning counts.
            unreadable += 1
        }
        return unreadable
    }

    private static func take(
        _ place: Offset, _ key: RawSpan?, _ value: RawSpan?, into table: inout OffsetTable,
        _ holder: ProducerID?
    ) throws(KafkaFieldError) {
        guard let key else { throw .unexpectedNull }
        switch try GroupRecordKey(decoding: KafkaReader(key)) {
        case .offsetCommit(let key):
            var change = OffsetTable.Change(group: key.group, topicPartition: key.topicPartition, place: place)
            if let value {
                let value = try OffsetCommitValue(decoding: KafkaReader(value))
                change.committed = CommittedOffset(
                    offset: value.offset, leaderEpoch: value.leaderEpoch, metadata: value.metadata,
                    commitTime: value.commitTime)
            }
            if let holder { table.hold(change, for: holder) } else { table.apply(change) }
        case .group(let key):
            let metadata: GroupMetadataValue?
            if let value { metadata = try GroupMetadataValue(decoding: KafkaReader(value)) } else { metadata = nil }
            table.describe(key.group, metadata)
        case .unknown:
            // Of a protocol that Daybook does not speak: to be left alone, as Kafka's brokers do.
            break
        }
    }
}
