// Kill −9 of a process that commits transactions over three partitions, at seeded random moments, over many lives: what it was
// told is committed is there, everywhere, and no part of anything else.

import Daybook
import DaybookTesting
import Foundation
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite(.serialized) struct TransactionKillTests {
    private static let child = DoomedProcess("TRANSACTION_KILL_TEST")
    private static let partitions = Int32(3)

    @Test(arguments: [UInt64(1), 2])
    func `Transactions survive kill -9 as a whole, over many lives`(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        try await withDirectory { directory in
            for life in 0..<5 {
                let delay = UInt32.random(in: 1_000...250_000, using: &generator)
                Self.child.prepare(directory, microseconds: delay)
                await #expect(processExitsWith: .signal(SIGKILL)) { try await TransactionKillTests.live() }
                try await check(directory, "seed \(seed), life \(life), \(delay) µs")
            }
        }
    }

    /// The child: commits numbered transactions, notes each in a file, and is killed by a timer of its own.
    private static func live() async throws {
        guard let directory = child.begin() else { return }
        let daybook = try await Daybook.open(directory + "/data")
        if daybook.topics.isEmpty { try await daybook.createTopic("orders", partitions: Int(partitions)) }
        let producer = try await daybook.makeTransactionalProducer(
            id: "invoicing", ProducerConfiguration(batchSize: .bytes(500), durability: .osCache))
        // The log says where the last life ended.
        var next = try await TransactionJudge(daybook, try partition(0)).committed.count
        while true {
            let value = "\(next)/" + String(repeating: "x", count: next * 37 % 900)
            // Every third attempt is taken back, and made again.
            for isCommitted in next % 3 == 0 ? [false, true] : [true] {
                let transaction = try await producer.begin()
                for partition in 0..<partitions {
                    try await transaction.send(Record(key: nil, value: value), to: "orders", partition: partition)
                }
                if isCommitted { try await transaction.commit() } else { await transaction.abort() }
            }
            next += 1
            child.tell("\(next)", in: directory)
        }
    }

    private func check(_ directory: String, _ comment: Comment) async throws {
        let acknowledged = Self.child.lines(in: directory).compactMap { Int($0) }.max() ?? 0
        guard FileManager.default.fileExists(atPath: directory + "/data/LOCK") else { return }
        let daybook = try await Daybook.open(directory + "/data")
        if daybook.topics.isEmpty {
            #expect(acknowledged == 0, comment)
        } else {
            var counts: [Int] = []
            for number in 0..<Self.partitions {
                let judge = try await TransactionJudge(daybook, try partition(number))
                #expect(judge.open.isEmpty, comment)
                counts.append(judge.committed.count)
                for (index, value) in judge.committed.enumerated() where !value.hasPrefix("\(index)/") {
                    Issue.record("partition \(number), commit \(index) holds \(value.prefix(40)); \(comment)")
                    break
                }
            }
            #expect(Set(counts).count == 1 && counts[0] >= acknowledged, "\(counts), \(acknowledged); \(comment)")
        }
        try await daybook.close()
    }
}
