// Batches in the name of a producer, and logs that take them: for all tests of sequences and transactions.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting

/// Who sends a batch, and what number its first record has.
struct Sender: Hashable {
    var id: Int64
    var epoch: Int16 = 0
    var sequence: Int32 = 0

    var identity: ProducerIdentity {
        ProducerIdentity(id: ProducerID(rawValue: id), epoch: epoch, baseSequence: sequence)
    }
}

extension Batch {
    /// A batch of `count` records by an identified producer. The value of each record names all that there is to know.
    static func make(
        _ sender: Sender, count: Int = 1, key: String? = nil, isTransactional: Bool = false,
        _ compression: Compression = .none
    ) throws -> EncodedBatch {
        var builder = RecordBatchBuilder(
            targetSize: 1 << 20,
            options: .init(compression: compression, producer: sender.identity, isTransactional: isTransactional))
        for index in 0..<count {
            let text = "\(sender.id)/\(sender.epoch)/\(Int(sender.sequence) + index)"
            builder.append(Record(key: key, value: text), timestamp: Timestamp(milliseconds: 7))
        }
        return try builder.seal(using: Compressor())
    }
}

extension PartitionLog {
    /// Appends a batch of `count` records of a producer.
    @discardableResult
    func send(
        _ sender: Sender, count: Int = 1, key: String? = nil, isTransactional: Bool = false, clock: ManualClock
    ) throws -> AppendResult {
        try append(
            try Batch.make(sender, count: count, key: key, isTransactional: isTransactional), now: clock.now())
    }

    /// Ends the transaction of a producer.
    @discardableResult
    func end(
        _ kind: ControlRecord.Kind, _ id: Int64, epoch: Int16 = 0, coordinatorEpoch: Int32 = 0, clock: ManualClock
    ) throws -> TransactionEnd? {
        try endTransaction(
            producer: ProducerID(rawValue: id), epoch: epoch, kind: kind, coordinatorEpoch: coordinatorEpoch,
            now: clock.now())
    }
}

/// The storage error that `body` throws; nil when it throws none.
func storageError(_ body: () throws -> Void) throws -> StorageError? {
    do {
        try body()
        return nil
    } catch let error as StorageError {
        return error
    }
}
