// The life of a transactional id without any log: what is written when, who is fenced, and what a late marker could meet.

import DaybookModel
import DaybookRecords
import DaybookTesting
import Testing

@testable import Daybook

@Suite struct TransactionStateMachineTests {
    private typealias Machine = TransactionStateMachine
    private let now = Timestamp(milliseconds: 1000)
    private let a: TopicPartition
    private let b: TopicPartition

    init() throws {
        a = try partition(0)
        b = try partition(1)
    }

    /// A machine with its first producer, whose id is 7.
    private func admitted() -> Machine {
        var machine = Machine()
        #expect(machine.admit(freshID: nil, timeout: 60_000, givingUp: [], now: now) == .needsProducerID)
        guard
            case .write(let value) = machine.admit(
                freshID: ProducerID(rawValue: 7), timeout: 60_000, givingUp: [], now: now)
        else {
            Issue.record("nothing is to be written")
            return machine
        }
        #expect(value.status == .empty && value.producerID.rawValue == 7 && value.producerEpoch == 0)
        #expect(value.timeout == 60_000 && value.partitions == nil)
        #expect(machine.isBusy)
        #expect(machine.registered(isWritten: true) == 1)
        return machine
    }

    private func begin(_ machine: inout Machine, incarnation: Int = 1) {
        let beginning = machine.begin(incarnation, freshID: nil, now: now)
        #expect(beginning == .begun(number: machine.number, machine.producer, epoch: machine.epoch))
    }

    @Test func `A commit is decided in the log before any marker, and complete behind the last one`() {
        var machine = admitted()
        begin(&machine)
        let decision = machine.commit([b, a], now: now)
        #expect(decision?.status == .prepareCommit)
        #expect(decision?.partitions == [a, b])
        #expect(decision?.producerEpoch == 1, "that of the markers")
        #expect(decision?.clientVersion == 2)
        #expect(decision?.startTime == now)
        let marks = machine.decided(.durable)
        #expect(marks?.kind == .commit && marks?.epoch == 1 && marks?.partitions == [a, b])
        #expect(machine.marked(a, isLeft: false, now: now) == .goesOn)
        guard case .ended(let value?) = machine.marked(b, isLeft: false, now: now) else {
            Issue.record("the transaction goes on")
            return
        }
        #expect(value.status == .completeCommit && value.partitions == [] && value.producerEpoch == 1)
        #expect(!machine.isBusy)
        begin(&machine)
        #expect(machine.epoch == 1 && machine.number == 2)
    }

    @Test func `An abort needs no decision and leaves nothing to complete`() {
        var machine = admitted()
        begin(&machine)
        let marks = machine.abort([a])
        #expect(marks == TransactionMarks(kind: .abort, producer: machine.producer, epoch: 1, partitions: [a]))
        #expect(machine.marked(a, isLeft: false, now: now) == .ended(nil))
        begin(&machine)
        #expect(machine.epoch == 1)
    }

    @Test func `A transaction without records ends without a trace`() {
        var machine = admitted()
        begin(&machine)
        #expect(machine.commit([], now: now) == nil)
        begin(&machine)
        #expect(machine.abort([]) == nil)
        begin(&machine)
        #expect(machine.epoch == 0)
    }

    @Test func `A producer has one transaction at a time, and waits for the end of the last one`() {
        var machine = admitted()
        begin(&machine)
        #expect(machine.begin(1, freshID: nil, now: now) == .isOpen)
        _ = machine.commit([a], now: now)
        #expect(machine.begin(1, freshID: nil, now: now) == .wait)
        _ = machine.decided(.durable)
        #expect(machine.begin(1, freshID: nil, now: now) == .wait)
        _ = machine.marked(a, isLeft: false, now: now)
        begin(&machine)
    }

    @Test func `A new producer aborts what the last one has open, and fences it`() {
        var machine = admitted()
        begin(&machine)
        let first = machine.admit(freshID: nil, timeout: 1, givingUp: [a], now: now)
        let marks = TransactionMarks(kind: .abort, producer: machine.producer, epoch: 1, partitions: [a])
        #expect(first == .mark(marks))
        #expect(machine.admit(freshID: nil, timeout: 1, givingUp: [], now: now) == .wait)
        _ = machine.marked(a, isLeft: false, now: now)
        guard case .write(let value) = machine.admit(freshID: nil, timeout: 1, givingUp: [], now: now) else {
            Issue.record("the new producer is not let in")
            return
        }
        // Another one than that of the markers.
        #expect(value.producerEpoch == 2 && value.producerID.rawValue == 7)
        #expect(machine.registered(isWritten: true) == 2)
        #expect(machine.begin(1, freshID: nil, now: now) == .fenced)
        begin(&machine, incarnation: 2)
    }

    @Test func `A new producer waits for the end of a commit that has begun`() {
        var machine = admitted()
        begin(&machine)
        _ = machine.commit([a], now: now)
        #expect(machine.admit(freshID: nil, timeout: 1, givingUp: [], now: now) == .wait)
        #expect(machine.decided(.durable)?.kind == .commit)
        #expect(machine.admit(freshID: nil, timeout: 1, givingUp: [], now: now) == .wait)
    }

    @Test func `A producer that could not be written down fences nobody`() {
        var machine = admitted()
        _ = machine.admit(freshID: nil, timeout: 1, givingUp: [], now: now)
        #expect(machine.registered(isWritten: false) == 1)
        begin(&machine)
        #expect(machine.epoch == 1, "the other epoch may be in the log")
    }

    @Test func `A decision that was refused is an abort; one in doubt suspends the id`() {
        var machine = admitted()
        begin(&machine)
        _ = machine.commit([a], now: now)
        var other = machine
        #expect(machine.decided(.refused)?.kind == .abort)
        #expect(machine.marked(a, isLeft: false, now: now) == .ended(nil))
        begin(&machine)

        #expect(other.decided(.inDoubt) == nil)
        #expect(other.begin(1, freshID: nil, now: now) == .suspended)
        #expect(other.admit(freshID: nil, timeout: 1, givingUp: [], now: now) == .suspended)
    }

    @Test func `A decision stays the last word while a partition lacks its marker`() {
        var machine = admitted()
        begin(&machine)
        _ = machine.commit([a, b], now: now)
        _ = machine.decided(.durable)
        _ = machine.marked(a, isLeft: true, now: now)
        #expect(machine.marked(b, isLeft: false, now: now) == .ended(nil))
        #expect(machine.begin(1, freshID: nil, now: now) == .suspended)
        // What was aborted needs no word.
        var other = admitted()
        begin(&other)
        _ = other.abort([a])
        #expect(other.marked(a, isLeft: true, now: now) == .ended(nil))
        begin(&other)
        #expect(Machine(producer: .none, epoch: -1, isSuspended: true).state == .suspended)
    }

    @Test func `Used-up epochs are followed by a new producer id, for transactions and for producers`() {
        var machine = Machine(producer: ProducerID(rawValue: 7), epoch: Machine.lastEpoch - 1)
        _ = machine.admit(freshID: nil, timeout: 1, givingUp: [], now: now)
        #expect(machine.registered(isWritten: true) == 1)
        begin(&machine)
        #expect(machine.epoch == Machine.lastEpoch)
        #expect(machine.abort([a])?.epoch == .max)
        _ = machine.marked(a, isLeft: false, now: now)
        #expect(machine.begin(1, freshID: nil, now: now) == .needsProducerID)
        let fresh = ProducerID(rawValue: 8)
        #expect(machine.begin(1, freshID: fresh, now: now) == .begun(number: 2, fresh, epoch: 0))
        for epoch in [Machine.lastEpoch, Int16.max] {
            var last = Machine(producer: ProducerID(rawValue: 7), epoch: epoch)
            #expect(last.admit(freshID: nil, timeout: 1, givingUp: [], now: now) == .needsProducerID)
            guard case .write(let value) = last.admit(freshID: fresh, timeout: 1, givingUp: [], now: now) else {
                Issue.record("the new producer is not let in")
                continue
            }
            #expect(value.producerID == fresh && value.producerEpoch == 0)
        }
    }

    /// A partition by the rules of `ProducerStateTable`, for one producer id: epochs never fall, and a marker of the epoch
    /// that the partition knows already ends nothing.
    private struct PartitionModel {
        var epoch: Int16 = -1
        /// The transaction that is open.
        var open: Int?
        var ends: [Int: ControlRecord.Kind] = [:]

        mutating func write(_ transaction: Int, epoch: Int16) -> Bool {
            guard epoch >= self.epoch else { return false }
            self.epoch = epoch
            open = open ?? transaction
            return open == transaction
        }

        mutating func mark(_ kind: ControlRecord.Kind, epoch: Int16) {
            guard epoch > self.epoch else { return }
            self.epoch = epoch
            if let open { ends[open] = kind }
            open = nil
        }
    }

    @Test(arguments: UInt64(0)..<300)
    func `C58 whatever comes late or twice, each transaction ends everywhere as it was decided`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var machine = Machine()
        var partitions = [a: PartitionModel(), b: PartitionModel()]
        var incarnation = 0
        /// Markers on their way; some arrive twice, some late, in any order.
        var marks: [(mark: TransactionMarks, partition: TopicPartition, isFirst: Bool)] = []
        /// Records on their way, which may arrive after the end of their transaction.
        var records: [(transaction: Int, epoch: Int16, partition: TopicPartition)] = []
        var touched: Set<TopicPartition> = []
        var decided: [Int: ControlRecord.Kind] = [:]

        func send(_ wanted: TransactionMarks?) {
            guard let wanted else { return }
            for partition in wanted.partitions { marks.append((wanted, partition, true)) }
            decided[machine.number] = wanted.kind
        }
        for _ in 0..<400 {
            switch Int.random(in: 0..<12, using: &generator) {
            case 0:
                let givingUp = machine.state == .open ? touched.sorted() : []
                switch machine.admit(freshID: ProducerID(rawValue: 7), timeout: 1, givingUp: givingUp, now: now) {
                case .write: incarnation = machine.registered(isWritten: Bool.random(using: &generator))
                case .mark(let wanted): send(wanted)
                default: break
                }
            case 1, 2:
                if case .begun = machine.begin(incarnation, freshID: nil, now: now) { touched = [] }
            case 3, 4, 5:
                guard machine.state == .open, let partition = [a, b].randomElement(using: &generator) else { break }
                touched.insert(partition)
                records.append((machine.number, machine.epoch, partition))
            case 6:
                guard machine.state == .open else { break }
                // The records are in the log before a commit is decided.
                for record in records.filter({ $0.transaction == machine.number }) {
                    let isIn = partitions[record.partition]?.write(record.transaction, epoch: record.epoch)
                    #expect(isIn == true, "seed \(seed), transaction \(record.transaction)")
                }
                records.removeAll { $0.transaction == machine.number }
                if machine.commit(touched.sorted(), now: now) != nil {
                    send(machine.decided(Bool.random(using: &generator) ? .durable : .refused))
                }
            case 7:
                if machine.state == .open { send(machine.abort(touched.sorted())) }
            case 8, 9:
                guard let index = records.indices.randomElement(using: &generator) else { break }
                let record = records.remove(at: index)
                // Of a transaction that has been given up it may be refused; it is never in another one.
                let isIn = partitions[record.partition]?.write(record.transaction, epoch: record.epoch) == true
                #expect(isIn || record.transaction != machine.number || machine.state != .open, "seed \(seed)")
            default:
                guard let index = marks.indices.randomElement(using: &generator) else { break }
                let (mark, partition, isFirst) = marks.remove(at: index)
                partitions[partition]?.mark(mark.kind, epoch: mark.epoch)
                if isFirst { _ = machine.marked(partition, isLeft: false, now: now) }
                if Bool.random(using: &generator) { marks.append((mark, partition, false)) }
            }
        }
        for (partition, model) in partitions {
            for (transaction, kind) in model.ends {
                #expect(decided[transaction] == kind, "seed \(seed), transaction \(transaction) in \(partition)")
            }
        }
    }
}
