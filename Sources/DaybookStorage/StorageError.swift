// What can go wrong in one partition's log, with the place where it did.
// Which topic it is, and what a caller can do, is added by the engine.

package import DaybookFiles
package import DaybookModel
package import DaybookRecords

/// Why a log refused a call. What state the log is in afterwards is said with each case.
package enum StorageError: Error, Sendable, CustomStringConvertible {
    /// A call of the operating system failed. The log is as it was before the call.
    case file(FileError)
    /// An earlier flush, or the removal of a half-written batch, failed: nothing may be promised any more. Appends are
    /// refused until the log is opened anew; reads go on.
    case poisoned(cause: FileError)
    /// The batch is not fit to be appended. The log is as it was.
    case invalidBatch(RecordBatchError)
    /// The offset is not in the log. `available` is log start offset up to, excluding, the readers' limit.
    case offsetOutOfRange(Offset, available: Range<Offset>)
    /// A reader's checkpoint belongs to another history: its epoch ended at `divergence`.
    case divergedHistory(epoch: LeaderEpoch, offset: Offset, divergence: EpochStart)
    /// The producer's batch does not follow its last one: batches between the two are missing, or it is another producer
    /// that uses the same id. The log is as it was.
    case outOfOrderSequence(ProducerID, expected: Int32, found: Int32)
    /// The batch repeats one that was appended so long ago that nobody knows its offsets any more. The log is as it was.
    case duplicateSequence(ProducerID, expected: Int32, found: Int32)
    /// Another producer has taken the id over, with a higher epoch. The log is as it was.
    case producerFenced(ProducerID, epoch: Int16, current: Int16)
    /// A newer coordinator has ended a transaction of the producer here. The log is as it was.
    case coordinatorFenced(ProducerID, epoch: Int32, current: Int32)
    /// A batch outside of the transaction that its producer has open here. The log is as it was.
    case transactionOpen(ProducerID)
    /// The append was to happen at `expected` and the log has got to `actual`. The log is as it was.
    case offsetConflict(expected: Offset, actual: Offset)

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .poisoned(let cause):
            "The partition refuses appends because an earlier write could not be made safe (\(cause)); "
                + "check the disk, then open the data directory again to recover"
        case .invalidBatch(let error): "The batch was refused: \(error)"
        case .offsetOutOfRange(let offset, let available):
            "Offset \(offset) is outside the readable range \(available.lowerBound)..<\(available.upperBound)"
        case .divergedHistory(let epoch, let offset, let divergence):
            "The checkpoint at offset \(offset) of epoch \(epoch) is not in this log's history: the two part at offset "
                + "\(divergence.startOffset) (epoch \(divergence.epoch)); read on from there and expect other records"
        case .outOfOrderSequence(let producer, let expected, let found):
            "Producer \(producer.rawValue) sent sequence number \(found) where \(expected) follows; batches between them are "
                + "missing, so send those first, or go on with a new producer"
        case .duplicateSequence(let producer, let expected, let found):
            "Producer \(producer.rawValue) sent sequence number \(found) again, which was appended long before \(expected); "
                + "the batch is in the log already, so do not send it again"
        case .producerFenced(let producer, let epoch, let current):
            "Producer \(producer.rawValue) has epoch \(epoch), and another one has taken its place with epoch \(current); "
                + "close this producer and let the other one work"
        case .coordinatorFenced(let producer, let epoch, let current):
            "A transaction coordinator of epoch \(epoch) wants to end a transaction of producer \(producer.rawValue), and one "
                + "of epoch \(current) has ended one since; let the newer coordinator work"
        case .transactionOpen(let producer):
            "Producer \(producer.rawValue) has a transaction open here and sent a batch outside of it; end the transaction "
                + "first, or send the batch as part of it"
        case .offsetConflict(let expected, let actual):
            "The append was to happen at offset \(expected), and the log goes on at \(actual); somebody else has appended, so "
                + "read what is new and decide again"
        }
    }
}

/// Why the bytes at a place in a segment are not the next batch.
package enum InvalidBatch: Error, Hashable, Sendable, CustomStringConvertible {
    case bytes(RecordBatchError)
    /// The batch is whole but not the one that belongs here.
    case offset(expected: Offset, found: Offset)
    case epochWentBack(previous: LeaderEpoch, found: LeaderEpoch)
    /// The batch's epoch, which no checksum of Kafka's covers, is not that of the incarnation that wrote it.
    case epoch(expected: LeaderEpoch, found: LeaderEpoch)
    /// The segment should go on here and does not.
    case endsEarly

    package var description: String {
        switch self {
        case .bytes(let error): error.description
        case .offset(let expected, let found): "holds offset \(found), the log continues with \(expected)"
        case .epochWentBack(let previous, let found): "leader epoch \(found) follows epoch \(previous)"
        case .epoch(let expected, let found): "carries leader epoch \(found) where epoch \(expected) wrote"
        case .endsEarly: "the segment ends before the offsets that it should hold"
        }
    }

    /// Whether the bytes end before the batch does: what a write that was cut short looks like.
    package var isTruncation: Bool {
        if case .bytes(.truncated) = self { true } else { false }
    }
}
