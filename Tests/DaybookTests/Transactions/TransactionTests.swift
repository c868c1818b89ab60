// Transactions as their users see them: committed together or not at all, fenced, and never in each other's way.

import DaybookFiles
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Synchronization
import SystemPackage
import Testing

@testable import Daybook

@Suite struct TransactionTests {
    private func record(_ value: String) -> Record { Record(key: "k", value: value) }

    @Test func `Records to many partitions are committed together`() async throws {
        try await withDaybook(partitions: 3) { daybook in
            try await daybook.createTopic("invoices")
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            let answer = try await producer.transaction { transaction in
                for number in Int32(0)..<3 {
                    try await transaction.send(record("order \(number)"), to: "orders", partition: number)
                }
                try await transaction.send(record("invoice"), to: "invoices")
                for number in Int32(0)..<3 { #expect(try await daybook.committed(number) == []) }
                return 42
            }
            #expect(answer == 42)
            for number in Int32(0)..<3 {
                let judge = try await TransactionJudge(daybook, try partition(number))
                #expect(judge.committed == ["order \(number)"])
                #expect(judge.markers == [.commit])
            }
            #expect(try await daybook.committed(0, of: "invoices") == ["invoice"])
            #expect(!daybook.hasOpenTransactions)
        }
    }

    @Test func `A commit says what was written, and where`() async throws {
        try await withDaybook(partitions: 2) { daybook in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            for round in Int64(0)..<3 {
                let transaction = try await producer.begin()
                for number in 0..<10 {
                    try await transaction.send(record("\(number)"), to: "orders", partition: Int32(number % 2))
                }
                let summary = try await transaction.commit()
                #expect(summary.recordsCount == 10)
                // Five records and a marker a round.
                let first = Offset(round * 6)
                for number in Int32(0)..<2 {
                    let part = summary.partitions[try partition(number)]
                    #expect(part?.firstOffset == first && part?.recordsCount == 5)
                }
            }
        }
    }

    @Test func `What the body throws aborts the transaction and comes out`() async throws {
        try await withDaybook(partitions: 2) { daybook in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            await #expect(throws: Deliberate.self) {
                try await producer.transaction { transaction in
                    try await transaction.send(record("half"), to: "orders", partition: 0)
                    throw Deliberate()
                }
            }
            #expect(try await daybook.committed(0) == [])
            try await producer.transaction { try await $0.send(record("whole"), to: "orders", partition: 0) }
            let judge = try await TransactionJudge(daybook, try partition(0))
            #expect(judge.committed == ["whole"])
            #expect(!daybook.hasOpenTransactions)
        }
    }

    @Test func `Records that have left the producer are aborted as well`() async throws {
        try await withDaybook(partitions: 2) { daybook in
            let producer = try await daybook.makeTransactionalProducer(
                id: "invoicing", ProducerConfiguration(batchSize: .bytes(200)))
            let transaction = try await producer.begin()
            for number in 0..<50 { try await transaction.send(record("\(number)"), to: "orders", partition: 0) }
            await transaction.abort()
            try await daybook.flush()
            let judge = try await TransactionJudge(daybook, try partition(0))
            #expect(judge.committed == [] && judge.open == [] && judge.markers == [.abort])
            #expect(judge.aborted == (0..<judge.aborted.count).map(String.init))
            #expect(!daybook.hasOpenTransactions)
        }
    }

    @Test func `A task that is cancelled before the commit aborts`() async throws {
        try await withDaybook { daybook in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            let task = Task {
                try await producer.transaction { transaction in
                    try await transaction.send(record("x"), to: "orders")
                    withUnsafeCurrentTask { $0?.cancel() }
                }
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await daybook.committed(0) == [])
            try await producer.transaction { try await $0.send(record("y"), to: "orders") }
            #expect(try await daybook.committed(0) == ["y"])
        }
    }

    @Test func `An empty transaction leaves no trace`() async throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, _ in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            let calls = disk.callsCount
            try await producer.transaction { _ in }
            await #expect(throws: Deliberate.self) { try await producer.transaction { _ in throw Deliberate() } }
            #expect(disk.callsCount == calls)
        }
    }

    @Test func `A transaction that is over takes nothing, and ends once`() async throws {
        try await withDaybook { daybook in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            let first = try await producer.begin()
            try await first.send(record("a"), to: "orders")
            try await first.commit()
            let second = try await producer.begin()
            try await second.send(record("b"), to: "orders")
            // Late or doubled, in the midst of the next one.
            await expect(code: .transactionEnded) { try await first.send(record("late"), to: "orders") }
            await expect(code: .transactionEnded) { try await first.commit() }
            await first.abort()
            await expect(code: .transactionOpen) { try await producer.begin() }
            try await second.commit()
            #expect(try await daybook.committed(0) == ["a", "b"])
            await expect(code: .transactionEnded) { try await second.commit() }
        }
    }

    @Test func `A second producer of the same id fences the first one and aborts what it has open`() async throws {
        try await withDaybook(partitions: 2) { daybook in
            let first = try await daybook.makeTransactionalProducer(
                id: "invoicing", ProducerConfiguration(batchSize: .bytes(200)))
            try await first.transaction { try await $0.send(record("before"), to: "orders", partition: 0) }
            let open = try await first.begin()
            for _ in 0..<20 { try await open.send(record("fenced"), to: "orders", partition: 0) }
            try await open.send(record("fenced"), to: "orders", partition: 1)
            let second = try await daybook.makeTransactionalProducer(id: "invoicing")
            #expect(!daybook.hasOpenTransactions)
            await expect(code: .producerFenced) { try await open.send(record("x"), to: "orders", partition: 0) }
            await expect(code: .producerFenced) { try await open.commit() }
            await open.abort()
            await expect(code: .producerFenced) { try await first.begin() }
            try await second.transaction { try await $0.send(record("after"), to: "orders", partition: 0) }
            #expect(try await daybook.committed(0) == ["before", "after"])
            #expect(try await daybook.committed(1) == [])
            // Another id is nobody's rival.
            let other = try await daybook.makeTransactionalProducer(id: "shipping")
            try await other.transaction { try await $0.send(record("other"), to: "orders", partition: 1) }
            try await second.transaction { try await $0.send(record("mine"), to: "orders", partition: 1) }
            #expect(try await daybook.committed(1) == ["other", "mine"])
        }
    }

    @Test func `A record that is refused at once is not in the transaction, which goes on`() async throws {
        try await withDaybook { daybook in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            try await producer.transaction { transaction in
                try await transaction.send(record("a"), to: "orders")
                await expect(code: .unknownTopic) { try await transaction.send(record("x"), to: "ordres") }
                await expect(code: .unknownPartition) {
                    try await transaction.send(record("x"), to: "orders", partition: 7)
                }
                await expect(code: .internalTopic) {
                    try await transaction.send(record("x"), to: "__transaction_state")
                }
                try await transaction.send(record("b"), to: "orders")
            }
            #expect(try await daybook.committed(0) == ["a", "b"])
        }
    }

    @Test func `Closing the daybook aborts what is open, and the producer says so`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            let transaction = try await producer.begin()
            try await transaction.send(record("open"), to: "orders")
            try await daybook.close()
            await expect(code: .closed) { try await transaction.send(record("x"), to: "orders") }
            await expect(code: .closed) { try await transaction.commit() }
            await expect(code: .closed) { try await producer.begin() }
            let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            #expect(!reader.hasOpenTransactions)
            await expect(code: .readOnly) { try await reader.makeTransactionalProducer(id: "invoicing") }
            try await reader.close()
            daybook = try await Daybook.open(directory)
            let next = try await daybook.makeTransactionalProducer(id: "invoicing")
            try await next.transaction { try await $0.send(record("whole"), to: "orders") }
            #expect(try await daybook.committed(0) == ["whole"])
            try await daybook.close()
        }
    }

    @Test func `Closing a producer aborts what it has open`() async throws {
        try await withDaybook { daybook in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            let transaction = try await producer.begin()
            try await transaction.send(record("open"), to: "orders")
            await producer.close()
            await producer.close()
            #expect(!daybook.hasOpenTransactions)
            await expect(code: .transactionEnded) { try await transaction.commit() }
            await expect(code: .closed) { try await producer.begin() }
        }
    }

    @Test func `A topic that is deleted in the midst of a transaction aborts it and holds up nobody`() async throws {
        try await withDaybook(partitions: 2) { daybook in
            try await daybook.createTopic("going")
            let producer = try await daybook.makeTransactionalProducer(
                id: "invoicing", ProducerConfiguration(batchSize: .bytes(100)))
            let transaction = try await producer.begin()
            for _ in 0..<5 { try await transaction.send(record("a"), to: "going") }
            try await transaction.send(record("a"), to: "orders", partition: 0)
            try await daybook.deleteTopic("going")
            await #expect(throws: DaybookError.self) {
                for _ in 0..<5 { try await transaction.send(record("a"), to: "going") }
                try await transaction.commit()
            }
            await transaction.abort()
            try await producer.transaction { try await $0.send(record("b"), to: "orders", partition: 0) }
            #expect(try await daybook.committed(0) == ["b"])
        }
    }

    @Test func `An id and settings that cannot be are refused`() async throws {
        try await withDaybook { daybook in
            await expect(code: .invalidConfiguration) { try await daybook.makeTransactionalProducer(id: "") }
            let long = String(repeating: "x", count: 40_000)
            await expect(code: .invalidConfiguration) { try await daybook.makeTransactionalProducer(id: long) }
            for timeout in [Duration.zero, .seconds(90_000)] {
                await expect(code: .invalidConfiguration) {
                    try await daybook.makeTransactionalProducer(id: "a", timeout: timeout)
                }
            }
            let settings = [
                ProducerConfiguration(durability: .buffered), ProducerConfiguration(isIdempotent: false),
                ProducerConfiguration(linger: .seconds(-1)),
            ]
            for configuration in settings {
                await expect(code: .invalidConfiguration) {
                    try await daybook.makeTransactionalProducer(id: "a", configuration)
                }
            }
        }
    }

    @Test func `Transactions of many producers at once do not get in each other's way`() async throws {
        try await withDaybook(partitions: 3) { daybook in
            let committed = Values()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        let producer = try await daybook.makeTransactionalProducer(
                            id: "task \(task)", ProducerConfiguration(batchSize: .bytes(300), durability: .osCache))
                        for round in 0..<12 {
                            let values = (0..<20).map { "\(task)/\(round)/\($0)" }
                            do {
                                try await producer.transaction { transaction in
                                    for (index, value) in values.enumerated() {
                                        let record = Record(key: nil, value: value)
                                        try await transaction.send(record, to: "orders", partition: Int32(index % 3))
                                    }
                                    if round % 3 == task % 3 { throw Deliberate() }
                                }
                                committed.add(values)
                            } catch is Deliberate {}
                        }
                    }
                }
                try await group.waitForAll()
            }
            // With .osCache the markers follow a moment later.
            #expect(await eventually { !daybook.hasOpenTransactions })
            try await daybook.flush()
            var found: [String] = []
            for number in Int32(0)..<3 {
                let judge = try await TransactionJudge(daybook, try partition(number))
                found += judge.committed
                #expect(judge.open.isEmpty)
                // Each task's records in its order.
                for task in 0..<8 {
                    let own = judge.committed.filter { $0.hasPrefix("\(task)/") }
                        .map { $0.split(separator: "/").compactMap { Int($0) } }.map { $0[1] * 100 + $0[2] }
                    #expect(own == own.sorted())
                }
            }
            #expect(found.count == Set(found).count)
            #expect(Set(found) == committed.all)
        }
    }
}

/// Values that several tasks collect.
private final class Values: Sendable {
    private let state = Mutex<Set<String>>([])

    var all: Set<String> { state.withLock { $0 } }

    func add(_ values: [String]) { state.withLock { $0.formUnion(values) } }
}

/// Expects an error of the daybook with that code.
func expect<R>(
    code: DaybookError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> R
) async {
    let error = await #expect(throws: DaybookError.self, sourceLocation: sourceLocation) { _ = try await body() }
    #expect(error?.code == code, sourceLocation: sourceLocation)
}
