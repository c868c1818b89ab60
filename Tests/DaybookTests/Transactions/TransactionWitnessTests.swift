// Transactions whose decision has been lost to damage, while some of their markers are written: the markers tell how the others end,
// and opening says so.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookTesting
import Testing

@testable import Daybook
@testable import DaybookStorage

@Suite struct TransactionWitnessTests {
    private static let producer = ProducerID(rawValue: 77)

    /// Leaves a transaction in partitions 0, 1 and 2 with these markers, and no decision anywhere.
    private func leave(_ marks: [(partition: Int32, kind: ControlRecord.Kind)], on disk: SimulatedDisk) throws {
        try onOneThread(disk) { (daybook, _) async throws in
            for number in Int32(0)..<3 {
                var builder = RecordBatchBuilder(targetSize: .max)
                builder.options.producer = ProducerIdentity(id: Self.producer, epoch: 4, baseSequence: 0)
                builder.options.isTransactional = true
                builder.append(Record(key: "k", value: "in doubt"), timestamp: Timestamp(milliseconds: 1000))
                let batch = try builder.seal(using: Compressor())
                let target = try daybook.partition(partition(number))
                let error: DaybookError? = await withCheckedContinuation { continuation in
                    target.submit(
                        AppendRequest(batch: batch, durability: .durable) { continuation.resume(returning: $0.failure) }
                    )
                }
                #expect(error == nil)
            }
            for mark in marks {
                let target = try daybook.partition(partition(mark.partition))
                let error: DaybookError? = await withCheckedContinuation { continuation in
                    let request = MarkRequest(kind: mark.kind, producer: Self.producer, epoch: 5, coordinatorEpoch: 0) {
                        continuation.resume(returning: $0)
                    }
                    target.submit(.mark(request))
                }
                #expect(error == nil)
            }
            #expect(daybook.hasOpenTransactions)
        }
    }

    @Test func `A commit that one partition has seen is carried out in all, although its decision is lost`() throws {
        let disk = SimulatedDisk()
        try leave([(1, .commit)], on: disk)
        try onOneThread(disk) { (daybook, _) async throws in
            for number in Int32(0)..<3 { #expect(try await daybook.committed(number) == ["in doubt"]) }
            let findings = daybook.recovery.findings.filter { $0.kind == .lostDecision }
            #expect(try findings.map(\.topicPartition) == [partition(0), partition(2)])
            #expect(findings.allSatisfy { $0.description.contains("committed, as it is in orders-1") })
        }
        // It is over now.
        try onOneThread(disk) { (daybook, _) async throws in
            #expect(daybook.recovery.findings.allSatisfy { $0.kind != .lostDecision })
        }
    }

    @Test(arguments: [ControlRecord.Kind.abort, nil])
    func `Without a commit that anybody has seen it is aborted, and nothing has been lost`(_ kind: ControlRecord.Kind?)
        throws
    {
        let disk = SimulatedDisk()
        try leave(kind.map { [(partition: Int32(1), kind: $0)] } ?? [], on: disk)
        try onOneThread(disk) { (daybook, _) async throws in
            #expect(!daybook.hasOpenTransactions)
            for number in Int32(0)..<3 { #expect(try await daybook.committed(number) == []) }
            #expect(daybook.recovery.findings.allSatisfy { $0.kind != .lostDecision })
        }
    }

    @Test func `Where states of transactions are damaged, an abort for want of a decision is told`() throws {
        let open = OpenTransaction(producer: Self.producer, epoch: 4, firstOffset: 3, lastTime: .none)
        let plan = TransactionRecoveryPlan(open: [(try partition(0), [open])], values: [:])
        #expect(plan.marks.map(\.kind) == [.abort])
        var report = RecoveryReport()
        report.add(plan, isDamaged: false)
        #expect(report.findings.isEmpty)
        report.add(plan, isDamaged: true)
        #expect(report.findings.map(\.kind) == [.lostDecision])
        #expect(report.findings.first?.description.contains("may have been decided otherwise") == true)
    }

    @Test func `Where a decision is about a transaction, nobody looks for witnesses`() throws {
        let here = try partition(0)
        var value = TransactionLogValue(
            producerID: Self.producer, producerEpoch: 5, timeout: 1000, status: .prepareCommit, partitions: [here],
            lastUpdateTime: .none, startTime: .none)
        value.clientVersion = 2
        let decided = OpenTransaction(producer: Self.producer, epoch: 4, firstOffset: 3, lastTime: .none)
        let later = OpenTransaction(producer: Self.producer, epoch: 6, firstOffset: 9, lastTime: .none)
        let elsewhere = try partition(1)
        let open = [(here, [decided, later]), (elsewhere, [decided]), (try partition(2), [])]
        let left = TransactionRecoveryPlan.undecided(open, ["t": value])
        #expect(left.map(\.0) == [here, elsewhere] && left.map(\.1) == [[later], [decided]])
        #expect(TransactionRecoveryPlan.undecided([(here, [decided])], ["t": value]).isEmpty)
        #expect(TransactionRecoveryPlan.undecided([(here, [decided])], [:]).map(\.1) == [[decided]])
    }

    @Test func `Verification finds a transaction that is committed here and aborted there`() async throws {
        let disk = SimulatedDisk()
        func findings() async throws -> [VerificationReport.Finding] {
            try await Daybook.verify("/data", fileSystem: disk).findings.filter { $0.kind == .transaction }
        }
        try leave([(1, .commit)], on: disk)
        try onOneThread(disk) { _, _ in }
        #expect(try await findings().isEmpty)
        let torn = SimulatedDisk()
        try leave([(1, .abort), (2, .commit)], on: torn)
        let found = try await Daybook.verify("/data", fileSystem: torn).findings.filter { $0.kind == .transaction }
        #expect(found.count == 1 && found.first?.file.hasPrefix("orders-1/") == true, "\(found)")
        #expect(found.first?.description.contains("of orders-2/") == true)
    }

    @Test func `Only a commit of the very transaction is a witness`() throws {
        let open = OpenTransaction(producer: Self.producer, epoch: 4, firstOffset: 3, lastTime: .none)
        func kind(_ producer: ProducerID, _ epoch: Int16, _ kind: ControlRecord.Kind) throws -> ControlRecord.Kind? {
            let witness = TransactionWitness(
                topicPartition: try partition(1), producer: producer, epoch: epoch, kind: kind)
            return TransactionRecoveryPlan(open: [(try partition(0), [open])], values: [:], witnesses: [witness])
                .marks.first?.kind
        }
        #expect(try kind(Self.producer, 5, .commit) == .commit)
        #expect(try kind(Self.producer, 5, .abort) == .abort)
        #expect(try kind(Self.producer, 4, .commit) == .abort)
        #expect(try kind(Self.producer, 6, .commit) == .abort)
        #expect(try kind(ProducerID(rawValue: 78), 5, .commit) == .abort)
    }
}
