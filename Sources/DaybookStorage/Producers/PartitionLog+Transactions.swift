// The end of transactions in a partition, and how far readers may go who want to see committed records only.
// Who ends which transaction, and how, is decided by the engine's coordinator; here its markers are written.

internal import DaybookFiles
package import DaybookModel
package import DaybookRecords

/// What the end of a transaction did to the log.
package struct TransactionEnd: Sendable, Hashable {
    /// The marker's place.
    package let marker: AppendResult
    /// Where the transaction began; nil when none was open and the marker only raised the producer's epoch.
    package let firstOffset: Offset?
}

extension PartitionLog {
    /// Ends the producer's transaction by a marker of 78 bytes; nil when there is nothing to end, as when a coordinator
    /// repeats itself.
    ///
    /// A marker with a higher epoch than the producer's last one is written even where no transaction is open: it fences
    /// whoever still uses the old epoch. So is one of a producer that is not known here, because a batch of it may be on
    /// its way. With `raisingEpoch` a marker of the producer's own epoch ends nothing: for coordinators that raise the epoch
    /// with each transaction (KIP-890), it can only be a repetition that comes late.
    ///
    /// Like an append it says nothing about durability. Throws `.producerFenced` and `.coordinatorFenced` for epochs that
    /// are lower than those of the last marker or batch, and what `append` throws; the log is then as before.
    package func endTransaction(
        producer: ProducerID, epoch: Int16, kind: ControlRecord.Kind, coordinatorEpoch: Int32, now: Timestamp,
        raisingEpoch: Bool = false
    ) throws(StorageError) -> TransactionEnd? {
        if let poison { throw .poisoned(cause: poison) }
        precondition(access != .read, "a log opened for reading takes no markers")
        precondition(producer.rawValue >= 0 && epoch >= 0, "a transaction has a producer with an epoch")
        if let state = producers[producer] {
            guard epoch >= state.epoch else {
                throw .producerFenced(producer, epoch: epoch, current: state.epoch)
            }
            guard coordinatorEpoch >= state.coordinatorEpoch else {
                throw .coordinatorFenced(producer, epoch: coordinatorEpoch, current: state.coordinatorEpoch)
            }
            let isRepetition = raisingEpoch || state.transactionStart == nil
            if epoch == state.epoch, isRepetition { return nil }
        }
        let marker = ControlRecord(kind: kind, coordinatorEpoch: coordinatorEpoch)
        let batch = marker.batch(producer: producer, epoch: epoch, timestamp: max(now, lastAppendTime))
        let result = try write(batch, now: now)
        let ended = producers.end(
            producer, epoch: epoch, marker, at: result.baseOffset, appendTime: result.appendTime,
            configuration.producers)
        if let ended {
            undecided.append(ended)
            if let aborted = AbortedTransaction(ended) {
                activeSegment.index?.note(aborted)
                activeSegment.facts.absorbAbortion()
            }
        }
        checkInvariant()
        return TransactionEnd(marker: result, firstOffset: ended?.firstOffset)
    }

    /// Transactions that have begun here and not ended, in the order of their first offsets.
    package var openTransactions: [OpenTransaction] { producers.openTransactions }

    /// How far readers may go who want committed records only: every transaction that has a record below has ended, and
    /// its end is durable. Lies between log start offset and recovery point. O(1), or O(transactions ended since the last flush).
    package var lastStableOffset: Offset {
        var stable = min(recoveryPoint, producers.firstOpenOffset ?? recoveryPoint)
        for ended in undecided { stable = min(stable, ended.firstOffset) }
        // What was deleted holds nobody up any more.
        return max(stable, logStartOffset)
    }

    /// Forgets the transactions whose markers have become durable.
    func noteDurableMarkers() {
        if !undecided.isEmpty { undecided.removeAll { $0.markerOffset < recoveryPoint } }
    }
}
