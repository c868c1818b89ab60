// Appends of identified producers and the ends of transactions in a log: what is taken, what is refused, and how far readers
// of committed records may go.

import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

@Suite("Producers and transactions of a log")
struct TransactionTests {
    private let stage: LogStage
    private let log: PartitionLog

    init() throws {
        stage = try LogStage()
        log = try stage.open(epoch: 1).log
    }

    private var clock: ManualClock { stage.clock }

    @Test func `C57 a repeated batch is answered with the original's place and time, and nothing is written`() throws {
        let first = try log.send(Sender(id: 1), count: 3, clock: clock)
        clock.advance(by: .seconds(1))
        try log.send(Sender(id: 1, sequence: 3), clock: clock)
        let (end, size) = (log.logEndOffset, log.size)
        let again = try log.send(Sender(id: 1), count: 3, clock: clock)
        #expect(again.isDuplicate && !first.isDuplicate)
        #expect(again.baseOffset == first.baseOffset && again.nextOffset == first.nextOffset)
        #expect(again.appendTime == first.appendTime)
        #expect(log.logEndOffset == end && log.size == size)
    }

    @Test func `a refused batch leaves the log as it was`() throws {
        try log.send(Sender(id: 1, epoch: 2), clock: clock)
        let size = log.size
        let outOfOrder = try storageError { try log.send(Sender(id: 1, epoch: 2, sequence: 5), clock: clock) }
        guard case .outOfOrderSequence(_, expected: 1, found: 5) = outOfOrder else {
            Issue.record("\(String(describing: outOfOrder))")
            return
        }
        let fenced = try storageError { try log.send(Sender(id: 1, epoch: 1, sequence: 1), clock: clock) }
        guard case .producerFenced(_, epoch: 1, current: 2) = fenced else {
            Issue.record("\(String(describing: fenced))")
            return
        }
        #expect(log.size == size)
        try log.send(Sender(id: 1, epoch: 2, sequence: 1), clock: clock)
    }

    @Test func `a conditional append happens at its offset or not at all`() throws {
        try log.fill(1, clock: clock)
        let batch = try Batch.make(1, of: 10, mark: 1)
        let conflict = try storageError { _ = try log.append(batch, now: clock.now(), expecting: 1) }
        guard case .offsetConflict(expected: 1, actual: 2) = conflict else {
            Issue.record("\(String(describing: conflict))")
            return
        }
        #expect(try log.append(batch, now: clock.now(), expecting: 2).baseOffset == 2)
        // Who repeats it because no answer came gets the answer.
        let own = try Batch.make(Sender(id: 1))
        #expect(try log.append(own, now: clock.now(), expecting: 3).baseOffset == 3)
        let again = try log.append(try Batch.make(Sender(id: 1)), now: clock.now(), expecting: 3)
        #expect(again.isDuplicate && again.baseOffset == 3)
    }

    @Test func `the last stable offset stops at the first open transaction and behind durable markers only`() throws {
        try log.fill(1, clock: clock)
        #expect(log.lastStableOffset == 2)
        try log.send(Sender(id: 1), isTransactional: true, clock: clock)
        try log.send(Sender(id: 2), isTransactional: true, clock: clock)
        try log.flush()
        #expect(log.lastStableOffset == 2 && log.recoveryPoint == 4)
        let end = try #require(try log.end(.commit, 1, clock: clock))
        #expect(end.firstOffset == 2 && end.marker.baseOffset == 4 && end.marker.nextOffset == 5)
        #expect(log.lastStableOffset == 2, "the marker is not durable yet")
        try log.flush()
        #expect(log.lastStableOffset == 3)
        #expect(log.openTransactions.map(\.firstOffset) == [3])
        try log.end(.abort, 2, clock: clock)
        try log.flush()
        #expect(log.lastStableOffset == 6 && log.openTransactions.isEmpty)
    }

    @Test func `what is deleted holds no reader up`() throws {
        try log.send(Sender(id: 1), isTransactional: true, clock: clock)
        try log.fill(2, clock: clock)
        #expect(log.lastStableOffset == 0)
        try log.raiseLogStart(to: 3)
        #expect(log.lastStableOffset == 3, "the transaction is open still, and begins with what is left of it")
        try log.end(.commit, 1, clock: clock)
        try log.flush()
        #expect(log.lastStableOffset == log.logEndOffset)
    }

    @Test func `a marker is Kafka's, in seventy-eight bytes`() throws {
        try log.send(Sender(id: 1, epoch: 4), isTransactional: true, clock: clock)
        let size = log.size
        try log.end(.commit, 1, epoch: 4, coordinatorEpoch: 9, clock: clock)
        #expect(log.size == size + 78)
        guard case .batches(let batches, _) = try log.read(from: 1, limit: 2) else {
            Issue.record("no batch")
            return
        }
        #expect(batches[0].isControl && batches[0].isTransactional)
        let marker = batches[0].withBytes { ControlRecord(in: $0, batches[0].header) }
        #expect(marker == ControlRecord(kind: .commit, coordinatorEpoch: 9))
    }

    @Test func `C58 a coordinator that repeats itself ends nothing twice`() throws {
        try log.send(Sender(id: 1), isTransactional: true, clock: clock)
        #expect(try log.end(.commit, 1, clock: clock) != nil)
        let size = log.size
        #expect(try log.end(.commit, 1, clock: clock) == nil)
        #expect(try log.end(.abort, 1, clock: clock) == nil)
        #expect(log.size == size)
        // The next transaction is of the epoch that the marker raised: a late repetition must not end it.
        try log.send(Sender(id: 2), isTransactional: true, clock: clock)
        #expect(try log.end(.commit, 2, epoch: 1, clock: clock)?.firstOffset == 2)
        try log.send(Sender(id: 2, epoch: 1), isTransactional: true, clock: clock)
        let late = try log.endTransaction(
            producer: ProducerID(rawValue: 2), epoch: 1, kind: .commit, coordinatorEpoch: 0, now: clock.now(),
            raisingEpoch: true)
        #expect(late == nil && log.openTransactions.map(\.firstOffset) == [4])
    }

    @Test func `C58 a marker of an older epoch or an older coordinator is refused`() throws {
        try log.send(Sender(id: 1, epoch: 3), isTransactional: true, clock: clock)
        try log.end(.commit, 1, epoch: 3, coordinatorEpoch: 7, clock: clock)
        try log.send(Sender(id: 1, epoch: 3, sequence: 1), isTransactional: true, clock: clock)
        let fenced = try storageError { try log.end(.abort, 1, epoch: 2, coordinatorEpoch: 7, clock: clock) }
        guard case .producerFenced(_, epoch: 2, current: 3) = fenced else {
            Issue.record("\(String(describing: fenced))")
            return
        }
        let old = try storageError { try log.end(.abort, 1, epoch: 3, coordinatorEpoch: 6, clock: clock) }
        guard case .coordinatorFenced(_, epoch: 6, current: 7) = old else {
            Issue.record("\(String(describing: old))")
            return
        }
        #expect(log.openTransactions.map(\.firstOffset) == [2])
    }

    @Test func `a marker that raises the epoch is written although nothing is open, and fences`() throws {
        let fence = try #require(try log.end(.abort, 1, epoch: 5, clock: clock))
        #expect(fence.firstOffset == nil && fence.marker.baseOffset == 0)
        #expect(try log.end(.abort, 1, epoch: 5, clock: clock) == nil, "once is enough")
        let zombie = try storageError { try log.send(Sender(id: 1, epoch: 4), isTransactional: true, clock: clock) }
        guard case .producerFenced(_, epoch: 4, current: 5) = zombie else {
            Issue.record("\(String(describing: zombie))")
            return
        }
        #expect(log.lastStableOffset == 0, "not flushed yet")
        try log.flush()
        #expect(log.lastStableOffset == 1)
    }

    @Test func `a producer's batches stay inside the transaction that it has open`() throws {
        try log.send(Sender(id: 1), isTransactional: true, clock: clock)
        let outside = try storageError { try log.send(Sender(id: 1, sequence: 1), clock: clock) }
        guard case .transactionOpen = outside else {
            Issue.record("\(String(describing: outside))")
            return
        }
        let control = ControlRecord(kind: .commit, coordinatorEpoch: 0)
            .batch(producer: ProducerID(rawValue: 1), epoch: 0, timestamp: clock.now())
        #expect(throws: StorageError.self) { try log.append(control, now: clock.now()) }
    }
}
