// Transactions and the end of the process: a power cut, or a kill, at every call that a life of transactions makes, once more
// while the next opening is at work. What is committed is committed everywhere, what is not is nowhere.

import DaybookFiles
import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

@Suite struct TransactionCrashTests {
    private static let partitions = Int32(3)

    /// What a life of transactions was told of them, by their numbers; what nobody knows is not in it.
    private final class Told: Sendable {
        private let outcomes = Mutex<[Int: Bool]>([:])

        var all: [Int: Bool] { outcomes.withLock { $0 } }

        func note(_ number: Int, isCommitted: Bool?) { outcomes.withLock { $0[number] = isCommitted } }
    }

    /// Four transactions over three partitions and the offsets of a group: committed, aborted by its body, committed in more than
    /// one batch, left open.
    private static func live(
        _ daybook: Daybook, _ disk: SimulatedDisk, _ durability: Durability, _ told: Told
    ) async throws {
        let settings = ProducerConfiguration(batchSize: .bytes(150), durability: durability)
        do {
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing", settings)
            for number in 0..<4 {
                let transaction = try await producer.begin()
                told.note(number, isCommitted: false)
                for partition in 0..<partitions {
                    for _ in 0..<(number == 2 ? 3 : 1) {
                        let record = Record(key: "k", value: "\(number)")
                        try await transaction.send(record, to: "orders", partition: partition)
                    }
                }
                let place = OffsetCommit(Offset(Int64(number) + 1))
                try await transaction.commit(group: "billing", offsets: [try partition(0, of: "input"): place])
                switch number {
                case 1: await transaction.abort()
                case 3: try await daybook.flush()
                default:
                    try await transaction.commit()
                    told.note(number, isCommitted: true)
                }
            }
        } catch let error as DaybookError where disk.isDown {
            // The last one that has begun.
            if error.code == .transactionInDoubt, let last = told.all.keys.max() { told.note(last, isCommitted: nil) }
        }
    }

    /// Opens the directory and sees to it that every transaction is whole. `isKept`: what was told is still true.
    private func check(_ disk: SimulatedDisk, _ told: [Int: Bool], isKept: Bool, _ comment: Comment) throws {
        let (found, place) = try onOneThread(disk) { daybook, _ in
            #expect(!daybook.hasOpenTransactions, comment)
            var found: [[String]] = []
            for number in 0..<Self.partitions {
                let judge = try await TransactionJudge(daybook, try partition(number))
                #expect(judge.open.isEmpty, comment)
                found.append(judge.committed)
            }
            // Whoever comes next can use the id, and what it does is not mixed up with what was there.
            let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
            try await producer.transaction {
                try await $0.send(Record(key: "k", value: "next"), to: "orders", partition: 1)
            }
            #expect(try await daybook.committed(1) == found[1] + ["next"], comment)
            return (found, try await daybook.committedOffsets(group: "billing")[try partition(0, of: "input")]?.offset)
        }
        #expect(Set(found).count == 1, "\(comment): a part is committed: \(found)")
        let committed = Set(found[0].compactMap { Int($0) })
        #expect(found[0] == [0, 2, 2, 2].filter { committed.contains($0) }.map(String.init), comment)
        // The group is where the last committed transaction has put it.
        #expect(place == committed.max().map { Offset(Int64($0) + 1) }, comment)
        for (number, isCommitted) in told where isKept || !isCommitted {
            #expect(committed.contains(number) == isCommitted, "\(comment): transaction \(number) of \(found[0])")
        }
    }

    /// Cuts a life short at its call `number`, then the next opening as well, and checks what the one after that finds. Returns
    /// whether the life was long enough.
    private func cutShort(
        at number: Int, _ durability: Durability, isKept: Bool, _ restart: (SimulatedDisk) -> Void
    ) throws -> Bool {
        let disk = SimulatedDisk(seed: UInt64(number))
        let told = Told()
        let isLongEnough = try onOneThread(disk, partitions: Int(Self.partitions)) { daybook, _ in
            try await daybook.createTopic("input")
            try await daybook.append(
                (0..<5).map { Record(key: "k", value: "\($0)") }, to: try partition(0, of: "input"))
            disk.crash(at: disk.callsCount + number)
            try await Self.live(daybook, disk, durability, told)
            defer { disk.crash() }
            return disk.isDown
        }
        restart(disk)
        // Every third time the opening that ends the transactions is cut short itself.
        if number % 3 == 0 {
            disk.crash(at: disk.callsCount + number % 61)
            do { try onOneThread(disk) { _, _ in disk.crash() } } catch is DaybookError {}
            restart(disk)
        }
        try check(disk, told.all, isKept: isKept, "\(durability), call \(number)")
        return isLongEnough
    }

    @Test(arguments: PowerCut.allCases)
    func `C59 a power cut at any call leaves each transaction committed everywhere or nowhere`(_ cut: PowerCut) throws {
        var number = 0
        while try cutShort(at: number, .durable, isKept: true, { $0.restart(cut) }) { number += 1 }
        #expect(number > 40, "the life ended after \(number) calls")
    }

    @Test(arguments: [PowerCut.drawn, .nothing, .onlyLast])
    func `What was committed to the page cache may be lost in a power cut, but not a part of it`(_ cut: PowerCut) throws
    {
        var number = 0
        while try cutShort(at: number, .osCache, isKept: false, { $0.restart(cut) }) { number += 1 }
        #expect(number > 40, "the life ended after \(number) calls")
    }

    @Test(arguments: [Durability.durable, .osCache])
    func `A kill at any call takes back nothing that was committed, and leaves no part`(_ durability: Durability) throws
    {
        var number = 0
        while try cutShort(at: number, durability, isKept: true, { $0.restartProcess() }) { number += 1 }
        #expect(number > 40, "the life ended after \(number) calls")
    }
}
