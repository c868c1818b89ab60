// Offsets that a group commits with a transaction: together with its records, or not at all, now and after the next opening.

import DaybookTesting
import Testing

@testable import Daybook

@Suite struct TransactionOffsetTests {
    private func record(_ value: String) -> Record { Record(key: "k", value: value) }

    /// A topic `input` with ten records in each of two partitions.
    private func fillInput(_ daybook: Daybook) async throws {
        try await daybook.createTopic("input", partitions: 2)
        for number in Int32(0)..<2 {
            try await daybook.append((0..<10).map { record("\($0)") }, to: try partition(number, of: "input"))
        }
    }

    private func committed(_ daybook: Daybook, _ group: String = "billing") async throws -> [Int32: Offset] {
        let offsets = try await daybook.committedOffsets(group: group)
        return Dictionary(uniqueKeysWithValues: offsets.map { ($0.key.partition, $0.value.offset) })
    }

    @Test func `Offsets count with the records of their transaction, not before`() async throws {
        try await withDaybook(partitions: 2) { daybook in
            try await fillInput(daybook)
            let (first, second) = (try partition(0, of: "input"), try partition(1, of: "input"))
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            try await producer.transaction { transaction in
                try await transaction.send(record("a"), to: "orders", partition: 0)
                try await transaction.commit(group: "billing", offsets: [first: OffsetCommit(3)])
                // The last one for a partition counts.
                try await transaction.commit(
                    group: "billing", offsets: [first: OffsetCommit(5, metadata: "five"), second: OffsetCommit(1)])
                #expect(try await committed(daybook) == [:])
                #expect(try await daybook.committed(0) == [])
            }
            #expect(try await committed(daybook) == [0: 5, 1: 1])
            #expect(try await daybook.committedOffsets(group: "billing")[first]?.metadata == "five")
            #expect(try await daybook.committed(0) == ["a"])
            // Offsets alone are a transaction as well.
            try await producer.transaction { try await $0.commit(group: "billing", offsets: [second: OffsetCommit(2)]) }
            #expect(try await committed(daybook) == [0: 5, 1: 2])
            #expect(!daybook.hasOpenTransactions)
        }
    }

    @Test func `What is aborted moves no group, and commits from outside go their way`() async throws {
        try await withDaybook { daybook in
            try await fillInput(daybook)
            let input = try partition(0, of: "input")
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            await #expect(throws: Deliberate.self) {
                try await producer.transaction { transaction in
                    try await transaction.commit(group: "billing", offsets: [input: OffsetCommit(5)])
                    throw Deliberate()
                }
            }
            #expect(try await committed(daybook) == [:])
            let transaction = try await producer.begin()
            try await transaction.commit(group: "billing", offsets: [input: OffsetCommit(6)])
            try await daybook.commit(group: "billing", offsets: [input: OffsetCommit(2)])
            #expect(try await committed(daybook) == [0: 2])
            await transaction.abort()
            await expect(code: .transactionEnded) {
                try await transaction.commit(group: "billing", offsets: [input: OffsetCommit(7)])
            }
            #expect(try await committed(daybook) == [0: 2])
        }
    }

    @Test func `An offset that cannot be is refused, and the transaction goes on without it`() async throws {
        try await withDaybook { daybook in
            try await fillInput(daybook)
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            try await producer.transaction { transaction in
                try await transaction.send(record("a"), to: "orders")
                let (input, absent) = (try partition(0, of: "input"), try partition(0, of: "nothing"))
                await expect(code: .divergedHistory) {
                    try await transaction.commit(group: "billing", offsets: [input: OffsetCommit(11)])
                }
                await expect(code: .unknownTopic) {
                    try await transaction.commit(
                        group: "billing", offsets: [input: OffsetCommit(1), absent: OffsetCommit(0)])
                }
                await expect(code: .invalidGroup) { try await transaction.commit(group: "", offsets: [:]) }
                try await transaction.commit(group: "billing", offsets: [:])
            }
            #expect(try await committed(daybook) == [:])
            #expect(try await daybook.committed(0) == ["a"])
        }
    }

    @Test func `Several groups commit with one transaction, also in one partition of the internal topic`() throws {
        let disk = SimulatedDisk()
        let groups = (0..<5).map { "group \($0)" }
        try onOneThread(disk, internalPartitions: 2) { daybook, _ in
            try await fillInput(daybook)
            let input = try partition(0, of: "input")
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            for round in Int64(1)...3 {
                try await producer.transaction { transaction in
                    for group in groups {
                        try await transaction.commit(group: group, offsets: [input: OffsetCommit(Offset(round))])
                    }
                }
            }
            let transaction = try await producer.begin()
            try await transaction.commit(group: groups[0], offsets: [input: OffsetCommit(9)])
        }
        let kept = try onOneThread(disk, internalPartitions: 2) { daybook, _ in
            var kept: [[Int32: Offset]] = []
            for group in groups { kept.append(try await committed(daybook, group)) }
            return kept
        }
        #expect(kept == Array(repeating: [0: 3], count: groups.count))
    }

    @Test func `C59 offsets of a transaction that was not ended in time are forgotten`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { daybook, loop in
            try await fillInput(daybook)
            let input = try partition(0, of: "input")
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing", timeout: .seconds(1))
            let transaction = try await producer.begin()
            try await transaction.commit(group: "billing", offsets: [input: OffsetCommit(5)])
            await loop.pass(.seconds(2))
            await expect(code: .transactionTimedOut) { try await transaction.commit() }
            #expect(try await committed(daybook) == [:])
            try await producer.transaction { try await $0.commit(group: "billing", offsets: [input: OffsetCommit(6)]) }
            #expect(try await committed(daybook) == [0: 6])
        }
        let kept = try onOneThread(disk) { daybook, _ in try await committed(daybook) }
        #expect(kept == [0: 6])
    }
}
