// Transactions of members of a group: each record that the group gets has its effect once, whoever comes, goes and stays away in
// between. Virtual time on one thread.

import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

@Suite struct MemberTransactionTests {
    private static let inputs = 60

    private static func openTopics(_ daybook: Daybook) async throws {
        try await daybook.createTopic("output")
        for number in Int32(0)..<3 { try await daybook.fill(0..<inputs / 3, of: number) }
    }

    /// Copies `orders` to `output` as a member of a group until everything is there; now and then it takes too long.
    private static func copy(
        _ name: String, _ seed: UInt64, _ daybook: Daybook, _ loop: SimulationLoop, _ codes: Codes
    ) async throws {
        var generator = SeededGenerator(seed: seed)
        let producer = try await daybook.makeTransactionalProducer(id: name)
        while try await output(daybook).count < inputs {
            let consumer = try await daybook.makeConsumer(
                group: "g", topics: ["orders"],
                member: GroupMemberConfiguration(clientID: name, maximumPollInterval: .milliseconds(300)))
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                let (max, pause) = (Int.random(in: 1...4, using: &generator), Int.random(in: 0...9, using: &generator))
                do {
                    _ = try await producer.process(consumer, max: max, timeout: .milliseconds(30)) {
                        transaction, batches in
                        for record in try batches.flatMap({ try $0.records() }) {
                            let copy = Record(key: nil, value: "\(record.topicPartition)@\(record.offset)")
                            try await transaction.send(copy, to: "output")
                        }
                        await loop.pass(pause == 9 ? .milliseconds(700) : .milliseconds(pause))
                    }
                } catch let error as DaybookError {
                    codes.note(error)
                }
            }
            if Bool.random(using: &generator) { await consumer.close() }
        }
        await producer.close()
    }

    private static func output(_ daybook: Daybook) async throws -> [String] {
        try await daybook.committed(0, of: "output")
    }

    private final class Codes: Sendable {
        private let codes = Mutex<Set<DaybookError.Code>>([])
        func note(_ error: DaybookError) {
            codes.withLock { _ = $0.insert((error.cause as? DaybookError)?.code ?? error.code) }
        }
        var all: Set<DaybookError.Code> { codes.withLock { $0 } }
    }

    @Test func `Members that process in transactions give each record its effect once, also those that are put out`()
        throws
    {
        let codes = Codes()
        for seed in UInt64(1)...6 {
            try onLoop(seed: seed, partitions: 3) { daybook, loop in
                try await Self.openTopics(daybook)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (index, name) in ["A", "B"].enumerated() {
                        group.addTask { try await Self.copy(name, seed * 7 + UInt64(index), daybook, loop, codes) }
                    }
                    try await group.waitForAll()
                }
                let output = try await Self.output(daybook)
                #expect(output.count == Self.inputs && Set(output).count == output.count, "seed \(seed)")
            }
        }
        // Some have been put out in the midst of a transaction, or nothing has been tried.
        #expect(codes.all.contains(.unknownMember))
        #expect(codes.all.isSubset(of: [.unknownMember, .illegalGeneration, .notAssigned, .rebalanceInProgress]))
    }

    @Test func `A transaction whose member is put out before it is committed is aborted`() throws {
        try onLoop(seed: 31) { daybook, loop in
            try await daybook.createTopic("output")
            try await daybook.fill(0..<10)
            let consumer = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: GroupMemberConfiguration(maximumPollInterval: .seconds(5)))
            try await loop.rest(consumer)
            let member = try #require(consumer.groupMember)
            let producer = try await daybook.makeTransactionalProducer(id: "t", timeout: .seconds(60))
            let transaction = try await producer.begin()
            try await transaction.send(Record(key: nil, value: "never"), to: "output")
            let place = [try partition(): OffsetCommit(10)]
            try await transaction.commit(place, as: member)
            await loop.pass(.seconds(6))
            let error = await #expect(throws: DaybookError.self) { try await transaction.commit() }
            #expect(error?.code == .transactionAborted)
            #expect((error?.cause as? DaybookError)?.code == .unknownMember)
            #expect(try await Self.output(daybook).isEmpty)
            #expect(try await daybook.committedOffsets(group: "g").isEmpty)
            // The next one is told at once.
            let next = try await producer.begin()
            let refused = await #expect(throws: DaybookError.self) { try await next.commit(place, as: member) }
            #expect(refused?.code == .unknownMember)
            await next.abort()
            await consumer.close()
        }
    }

    @Test func `A member that others keep waiting in a rebalance goes on with its transactions`() throws {
        try onLoop(partitions: 2) { daybook, loop in
            try await daybook.createTopic("output")
            for number in Int32(0)..<2 { try await daybook.fill(0..<10, of: number) }
            let consumer = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            let slow = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            try await loop.rest(consumer, slow)
            #expect(consumer.numbers.count == 1)
            try await consumer.seek(consumer.assignment[0], to: .beginning)
            let third = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            _ = try await third.poll(timeout: .zero)
            await loop.pass(.seconds(1))
            let producer = try await daybook.makeTransactionalProducer(id: "t", timeout: .seconds(60))
            let began = daybook.services.clock.elapsed()
            let result: Int? = try await producer.process(consumer, timeout: .seconds(1)) { transaction, batches in
                for record in try batches.flatMap({ try $0.records() }) {
                    try await transaction.send(Record(key: nil, value: "\(record.offset)"), to: "output")
                }
                return batches.count
            }
            // It has asked to join, and one that does not come is waited for.
            #expect(try await daybook.coordinatedGroup("g").standing.state == .preparingRebalance)
            #expect(result ?? 0 > 0 && daybook.services.clock.elapsed() - began < .seconds(2))
            #expect(try await daybook.committedOffsets(group: "g").map(\.value.offset) == [10])
            for each in [consumer, slow, third] { await each.close() }
        }
    }

    @Test func `Each member that has committed with a transaction is looked at when it is committed`() throws {
        try onLoop(partitions: 2) { daybook, loop in
            for number in Int32(0)..<2 { try await daybook.fill(0..<10, of: number) }
            let first = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            let second = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            try await loop.rest(first, second)
            let producer = try await daybook.makeTransactionalProducer(id: "t")
            let transaction = try await producer.begin()
            for consumer in [first, second] {
                let place = [consumer.assignment[0]: OffsetCommit(5)]
                try await transaction.commit(place, by: try #require(consumer.commits))
            }
            await first.close()
            try await loop.rest(second)
            #expect(second.numbers == [0, 1])
            let error = await #expect(throws: DaybookError.self) { try await transaction.commit() }
            #expect((error?.cause as? DaybookError)?.code == .unknownMember)
            #expect(try await daybook.committedOffsets(group: "g").isEmpty)
            await second.close()
        }
    }

    @Test(arguments: [true, false])
    func `Who is given a partition begins when the transactions that commit for it have ended`(_ commits: Bool) throws {
        try onLoop(seed: 32) { daybook, loop in
            try await daybook.fill(0..<10)
            let committer = try await daybook.offsetCommitter(group: "g")
            let (id, place) = (ProducerID(rawValue: 900), committer.topicPartition)
            let producer = ProducerIdentity(id: id, epoch: 0, baseSequence: 0)
            let commit = try committer.prepare([try partition(): OffsetCommit(6)], producer: producer)
            let pending: DaybookError? = await withCheckedContinuation { continuation in
                committer.append(commit) { continuation.resume(returning: $0) }
            }
            #expect(pending == nil)
            let consumer = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            try await loop.rest(consumer)
            #expect(try await consumer.poll(timeout: .seconds(60)).isEmpty && consumer.assignment.isEmpty)
            async let first = consumer.values(1)
            await loop.pass(.seconds(1))
            daybook.endTransaction(commits ? .commit : .abort, of: id, in: place)
            #expect(try await first == [commits ? "6" : "0"])
            await consumer.close()
        }
    }
}
