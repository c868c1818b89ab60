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
    /// What the child works with; it is passed by the environment, which an exit test inherits.
    private static let directoryVariable = "DAYBOOK_TRANSACTION_KILL_DIRECTORY"
    private static let delayVariable = "DAYBOOK_TRANSACTION_KILL_MICROSECONDS"
    private static let partitions = Int32(3)

    @Test(arguments: [UInt64(1), 2])
    func `Transactions survive kill -9 as a whole, over many lives`(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        try await withDirectory { directory in
            setenv(Self.directoryVariable, directory, 1)
            defer { unsetenv(Self.directoryVariable) }
            for life in 0..<5 {
                let delay = UInt32.random(in: 1_000...250_000, using: &generator)
                setenv(Self.delayVariable, "\(delay)", 1)
                await #expect(processExitsWith: .signal(SIGKILL)) { try await TransactionKillTests.live() }
                try await check(directory, "seed \(seed), life \(life), \(delay) µs")
            }
        }
    }

    /// The child: commits numbered transactions, notes each in a file, and is killed by a timer of its own.
    private static func live() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let directory = environment[directoryVariable],
            let delay = environment[delayVariable].flatMap({ UInt32($0) })
        else { return }
        signal(SIGALRM) { _ in kill(getpid(), SIGKILL) }
        var timer = itimerval()
        timer.it_value.tv_usec = __suseconds_t(delay)
        setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
        let daybook = try await Daybook.open(directory + "/data")
        if daybook.topics.isEmpty { try await daybook.createTopic("orders", partitions: Int(partitions)) }
        let acknowledgements = open(directory + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o644)
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
            let line = "\(next)\n"
            _ = line.withCString { write(acknowledgements, $0, strlen($0)) }
        }
    }

    private func check(_ directory: String, _ comment: Comment) async throws {
        let lines = (try? String(contentsOfFile: directory + "/acknowledged", encoding: .utf8)) ?? ""
        let acknowledged = lines.split(separator: "\n").compactMap { Int($0) }.max() ?? 0
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
