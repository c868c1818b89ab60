// Transactions that do not go as their users meant: forgotten, refused by the disk at each point, or too many for one producer
// id. All on one thread, with a disk and a clock in the test's hand.

import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@testable import Daybook

@Suite struct TransactionTroubleTests {
    private func record(_ value: String) -> Record { Record(key: "k", value: value) }

    @Test func `C59 a transaction that nobody ends is aborted after its time, and its producer can go on`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, loop in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing", timeout: .seconds(10))
            for round in 0..<3 {
                let transaction = try await producer.begin()
                try await transaction.send(record("forgotten"), to: "orders", partition: 0)
                await loop.pass(.seconds(9))
                try await transaction.send(record("forgotten"), to: "orders", partition: 1)
                #expect(daybook.hasOpenTransactions)
                await loop.pass(.seconds(2))
                #expect(!daybook.hasOpenTransactions)
                await expect(code: .transactionTimedOut) {
                    try await transaction.send(record("late"), to: "orders", partition: 0)
                }
                if round == 0 { await expect(code: .transactionTimedOut) { try await transaction.commit() } }
                if round == 1 { await transaction.abort() }
            }
            try await producer.transaction { try await $0.send(record("in time"), to: "orders", partition: 0) }
            #expect(try await daybook.committed(0) == ["in time"])
            #expect(try await daybook.committed(1) == [])
        }
    }

    @Test func `Time is measured for each transaction, not from the first one on`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, loop in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing", timeout: .seconds(10))
            for number in 0..<20 {
                let transaction = try await producer.begin()
                try await transaction.send(record("\(number)"), to: "orders", partition: 0)
                await loop.pass(.milliseconds(9_900))
                try await transaction.commit()
            }
            #expect(try await daybook.committed(0) == (0..<20).map(String.init))
        }
    }

    @Test func `A record that could not be written aborts the transaction, with the cause`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, loop in
            let producer = try await daybook.makeTransactionalProducer(
                id: "invoicing", ProducerConfiguration(batchSize: .bytes(200)))
            let transaction = try await producer.begin()
            try await transaction.send(record("kept"), to: "orders", partition: 1)
            disk.inject(Fault(.fail(.noSpace), [.write]) { $0.string.contains("orders-0") })
            for _ in 0..<20 { try await transaction.send(record("lost"), to: "orders", partition: 0) }
            await loop.settle()
            await expect(code: .diskFull) { try await transaction.send(record("x"), to: "orders", partition: 1) }
            let error = await #expect(throws: DaybookError.self) { try await transaction.commit() }
            #expect(error?.code == .transactionAborted)
            #expect((error?.cause as? DaybookError)?.code == .diskFull)
            #expect(!daybook.hasOpenTransactions)
            for number in Int32(0)..<2 { #expect(try await daybook.committed(number) == []) }
            // The last batch alone is refused.
            disk.inject(Fault(.fail(.noSpace), [.write]) { $0.string.contains("orders-0") })
            await expect(code: .transactionAborted) {
                try await producer.transaction { try await $0.send(record("lost"), to: "orders", partition: 0) }
            }
            try await producer.transaction { try await $0.send(record("written"), to: "orders", partition: 0) }
            #expect(try await daybook.committed(0) == ["written"])
        }
    }

    @Test func `A decision that the disk refuses is an abort`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, _ in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            disk.inject(Fault(.fail(.noSpace), [.write]) { $0.string.contains("__transaction_state") })
            await expect(code: .transactionAborted) {
                try await producer.transaction { try await $0.send(record("x"), to: "orders", partition: 0) }
            }
            #expect(try await daybook.committed(0) == [])
            #expect(!daybook.hasOpenTransactions)
            try await producer.transaction { try await $0.send(record("y"), to: "orders", partition: 0) }
            #expect(try await daybook.committed(0) == ["y"])
        }
    }

    @Test func `A marker that the disk refuses is written later, and the next transaction waits for it`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, loop in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            let transaction = try await producer.begin()
            try await transaction.send(record("a"), to: "orders", partition: 0)
            try await transaction.send(record("b"), to: "orders", partition: 1)
            // The second write is the marker's.
            disk.inject(Fault(.fail(.noSpace), [.write], calls: 1..<4) { $0.string.contains("orders-0") })
            // It is decided: nobody can take it back.
            try await transaction.commit()
            #expect(try await daybook.committed(0) == [])
            #expect(try await daybook.committed(1) == ["b"])
            try await producer.transaction { try await $0.send(record("c"), to: "orders", partition: 1) }
            #expect(loop.clock.elapsed() >= .milliseconds(300))
            #expect(try await daybook.committed(0) == ["a"])
            #expect(try await daybook.committed(1) == ["b", "c"])
        }
    }

    @Test func `While the disk refuses a marker nobody waits for ever, and somebody who comes later can go on`() throws
    {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, loop in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            let transaction = try await producer.begin()
            try await transaction.send(record("a"), to: "orders", partition: 0)
            disk.inject(Fault(.fail(.noSpace), [.write], calls: 1..<200) { $0.string.contains("orders-0") })
            try await transaction.commit()
            await expect(code: .diskFull) { try await producer.begin() }
            #expect(loop.clock.elapsed() >= .seconds(4))
            await expect(code: .diskFull) { try await daybook.makeTransactionalProducer(id: "invoicing") }
            disk.heal()
            await loop.pass(.seconds(1))
            try await producer.transaction { try await $0.send(record("b"), to: "orders", partition: 0) }
            #expect(try await daybook.committed(0) == ["a", "b"])
        }
    }

    @Test func `More transactions than there are epochs go on with another producer id`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, _ in
            let first = try await daybook.makeTransactionalProducer(id: "invoicing")
            try await first.transaction { try await $0.send(record("0"), to: "orders", partition: 0) }
            // As 32,765 transactions later.
            let id = try #require(try await daybook.read(try partition(0), from: 0, isolation: .durable).batches.first)
                .producer.id
            let orders = try daybook.partition(try partition(1))
            _ = try orders.withLog { log throws in
                try log.endTransaction(
                    producer: id, epoch: .max - 2, kind: .abort, coordinatorEpoch: 0, now: Timestamp(milliseconds: 0))
            }
            try await daybook.close()
        }
        try onOneThread(disk) { daybook, _ in
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            for number in 1..<4 {
                try await producer.transaction { try await $0.send(record("\(number)"), to: "orders", partition: 0) }
            }
            #expect(try await daybook.committed(0) == ["0", "1", "2", "3"])
            let producers = try await daybook.read(try partition(0), from: 0, isolation: .durable).batches.filter {
                !$0.isControl
            }.map(
                \.producer)
            #expect(producers.map(\.epoch) == [0, .max - 1, 0, 1])
            #expect(Set(producers.map(\.id)).count == 2)
        }
    }
}
