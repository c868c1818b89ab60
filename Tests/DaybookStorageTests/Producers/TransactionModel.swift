// What a log with identified producers and transactions should know, kept by the simplest means: the batches and markers that
// were appended, and the table of producers behind each of them.

import DaybookModel
import DaybookRecords
import DaybookStorage
import Testing

/// Everything that was appended, in order.
struct TransactionModel {
    struct Event {
        var offsets: Range<Offset>
        var producer: Int64?
        var isTransactional = false
        var marker: ControlRecord.Kind?
        /// The producers behind it, as the log that appended it knew them.
        var table: ProducerStateTable
    }

    var events: [Event] = []
    var logStart = Offset.zero

    var end: Offset { events.last?.offsets.upperBound ?? .zero }

    mutating func note(_ result: AppendResult, producer: Int64?, isTransactional: Bool, _ log: PartitionLog) {
        events.append(
            Event(
                offsets: result.baseOffset..<result.nextOffset, producer: producer, isTransactional: isTransactional,
                table: log.producers))
    }

    mutating func note(_ end: TransactionEnd, _ kind: ControlRecord.Kind, producer: Int64, _ log: PartitionLog) {
        events.append(
            Event(
                offsets: end.marker.baseOffset..<end.marker.nextOffset, producer: producer, marker: kind,
                table: log.producers))
    }

    /// Forgets what was never durable and is not there any more.
    mutating func cut(to end: Offset) { events.removeAll { $0.offsets.lowerBound >= end } }

    /// The producers where a log ends.
    func table(at end: Offset) -> ProducerStateTable {
        events.last { $0.offsets.upperBound <= end }?.table ?? ProducerStateTable()
    }

    /// A transaction in a partition: its batches and its marker, if that is there.
    struct Transaction {
        var producer: Int64
        var batches: [Range<Offset>] = []
        var marker: (offset: Offset, kind: ControlRecord.Kind)?
    }

    var transactions: [Transaction] {
        var open: [Int64: Transaction] = [:]
        var ended: [Transaction] = []
        for event in events {
            guard let producer = event.producer else { continue }
            if let kind = event.marker {
                if var transaction = open.removeValue(forKey: producer) {
                    transaction.marker = (event.offsets.lowerBound, kind)
                    ended.append(transaction)
                }
            } else if event.isTransactional {
                open[producer, default: Transaction(producer: producer)].batches.append(event.offsets)
            }
        }
        return (ended + open.values).sorted { $0.batches[0].lowerBound < $1.batches[0].lowerBound }
    }

    /// How far readers of committed records may go, when everything below `recoveryPoint` is durable.
    func lastStableOffset(_ recoveryPoint: Offset) -> Offset {
        let undecided = transactions.filter { $0.marker.map { $0.offset >= recoveryPoint } ?? true }
        return max(logStart, min(recoveryPoint, undecided.first?.batches[0].lowerBound ?? recoveryPoint))
    }

    /// What a log must agree with.
    func check(_ log: PartitionLog, _ comment: Comment? = nil) {
        // Without append times: nobody knows them of what was not summed up when the process ended.
        #expect(log.producers.sorted.map(\.withoutTimes) == table(at: end).sorted.map(\.withoutTimes), comment)
        #expect(log.lastStableOffset == lastStableOffset(log.recoveryPoint), comment)
        let open = transactions.filter { $0.marker == nil }
        #expect(log.openTransactions.map(\.firstOffset) == open.map { $0.batches[0].lowerBound }, comment)
        let aborted = transactions.filter { $0.marker?.kind == .abort }
            .map {
                AbortedTransaction(
                    producer: ProducerID(rawValue: $0.producer), firstOffset: $0.batches[0].lowerBound,
                    lastOffset: $0.marker!.offset)
            }
            .filter { $0.lastOffset >= log.segments[0].baseOffset }.sorted { $0.lastOffset < $1.lastOffset }
        #expect(log.segments.reduce(0) { $0 + $1.facts.abortedCount } == Int64(aborted.count), comment)
    }
}

extension ProducerState {
    /// The state without append times, which nobody knows any more when sidecars are lost.
    var withoutTimes: ProducerState {
        var state = ProducerState(id: id, epoch: epoch, lastTime: .none)
        (state.coordinatorEpoch, state.transactionStart) = (coordinatorEpoch, transactionStart)
        for index in batches.indices {
            let batch = batches[index]
            state.batches.append(
                ProducedBatch(
                    baseSequence: batch.baseSequence, lastDelta: batch.lastDelta, baseOffset: batch.baseOffset,
                    appendTime: .none))
        }
        return state
    }
}
