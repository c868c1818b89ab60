// Several clients with a few transactional ids between them, on one thread and in virtual time: they fence each other, forget
// their transactions, are cancelled, and now and then the machine stops. Afterwards the logs say what the clients were told.

import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

@Suite struct TransactionModelTests {
    private static let partitions = Int32(3)
    private static let ids = 3

    private static func input() throws -> TopicPartition { try partition(0, of: "input") }

    /// How a transaction ended, as far as its client knows.
    private enum Outcome: Hashable {
        case committed, notCommitted
        /// The answer to the commit has not come, or said so.
        case unknown
    }

    /// What the clients have done. Values are unique.
    private final class History: Sendable {
        struct Entry {
            var values: [Set<String>] = Array(repeating: [], count: Int(TransactionModelTests.partitions))
            /// Which of the transactional ids.
            let id: Int
            /// It also says how far the group of that id has come: behind the input's record with the transaction's number.
            var hasOffset = false
            var outcome = Outcome.notCommitted
        }

        private let state = Mutex<(entries: [Entry], errors: [DaybookError.Code: Int])>(([], [:]))

        var entries: [Entry] { state.withLock { $0.entries } }
        var errors: [DaybookError.Code: Int] { state.withLock { $0.errors } }

        func begin(_ id: Int) -> Int {
            state.withLock { state in
                state.entries.append(Entry(id: id))
                return state.entries.count - 1
            }
        }

        func add(_ value: String, _ partition: Int32, to number: Int) {
            state.withLock { _ = $0.entries[number].values[Int(partition)].insert(value) }
        }

        func addOffset(to number: Int) { state.withLock { $0.entries[number].hasOffset = true } }

        func end(_ number: Int, _ outcome: Outcome) { state.withLock { $0.entries[number].outcome = outcome } }

        func count(_ error: DaybookError) { state.withLock { $0.errors[error.code, default: 0] += 1 } }
    }

    /// One who uses transactions until its rounds are over or the disk is down.
    private struct Client {
        let name: Int
        let daybook: Daybook
        let disk: SimulatedDisk
        let loop: SimulationLoop
        let durability: Durability
        let history: History

        func run(_ seed: UInt64) async {
            var generator = SeededGenerator(seed: seed)
            for _ in 0..<6 {
                do {
                    try await useProducer(&generator)
                } catch let error as DaybookError {
                    history.count(error)
                    if disk.isDown { return }
                    let expected: Set<DaybookError.Code> = [.producerFenced, .transactionTimedOut]
                    if !expected.contains(error.code) { Issue.record(error, "seed \(seed), client \(name)") }
                } catch is CancellationError {
                } catch {
                    Issue.record(error, "seed \(seed), client \(name)")
                }
            }
        }

        private func useProducer(_ generator: inout SeededGenerator) async throws {
            let settings = ProducerConfiguration(batchSize: .bytes(120), durability: durability)
            let id = Int.random(in: 0..<TransactionModelTests.ids, using: &generator)
            let producer = try await daybook.makeTransactionalProducer(id: "id \(id)", settings, timeout: .seconds(4))
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let choice = Int.random(in: 0..<8, using: &generator)
                if choice == 0 {
                    try await sendInCancelledTask(producer, id)
                    continue
                }
                let transaction = try await producer.begin()
                let number = history.begin(id)
                for index in 0..<Int.random(in: 1...8, using: &generator) {
                    let partition = Int32.random(in: 0..<TransactionModelTests.partitions, using: &generator)
                    try await send("\(number)/\(index)", partition, number, transaction)
                    if Int.random(in: 0..<6, using: &generator) == 0 {
                        await loop.pass(.milliseconds(Int64.random(in: 0...3000, using: &generator)))
                    }
                }
                if Bool.random(using: &generator) {
                    history.addOffset(to: number)
                    try await transaction.commit(
                        group: "group \(id)",
                        offsets: [TransactionModelTests.input(): OffsetCommit(Offset(Int64(number) + 1))])
                }
                // Some are forgotten, and aborted by time or by the next producer.
                if choice == 1 { return }
                if choice == 2 { await transaction.abort() } else { try await commit(number, transaction) }
            }
        }

        private func send(_ value: String, _ partition: Int32, _ number: Int, _ transaction: Transaction) async throws {
            history.add(value, partition, to: number)
            try await transaction.send(Record(key: "k", value: value), to: "orders", partition: partition)
        }

        private func commit(_ number: Int, _ transaction: Transaction) async throws {
            history.end(number, .unknown)
            do {
                try await transaction.commit()
                history.end(number, .committed)
            } catch let error as DaybookError {
                if error.code != .transactionInDoubt { history.end(number, .notCommitted) }
                throw error
            }
        }

        private func sendInCancelledTask(_ producer: TransactionalProducer, _ id: Int) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await producer.transaction { transaction in
                        let number = history.begin(id)
                        try await send("\(number)/cancelled", 0, number, transaction)
                    }
                }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    /// How a life ends.
    private enum Ending: CaseIterable {
        case close, kill, powerCut
    }

    private func live(_ disk: SimulatedDisk, _ seed: UInt64, _ ending: Ending, _ history: History) throws {
        var generator = SeededGenerator(seed: seed)
        let crash = Int.random(in: 20..<500, using: &generator)
        // What is only in the page cache may be lost by a power cut, which the history could not tell from a fault.
        let durability: Durability = ending == .powerCut || Bool.random(using: &generator) ? .durable : .osCache
        try onOneThread(disk, seed: seed, partitions: Int(Self.partitions)) { daybook, loop in
            if !daybook.topics.contains(where: { $0.name.description == "input" }) {
                try await daybook.createTopic("input")
                try await daybook.append((0..<2000).map { Record(key: nil, value: "\($0)") }, to: Self.input())
            }
            if ending != .close { disk.crash(at: disk.callsCount + crash) }
            await withTaskGroup(of: Void.self) { group in
                for name in 0..<4 {
                    let client = Client(
                        name: name, daybook: daybook, disk: disk, loop: loop, durability: durability, history: history)
                    group.addTask { await client.run(seed &* 31 &+ UInt64(name)) }
                }
            }
            if ending != .close { disk.crash() }
        }
        switch ending {
        case .close: break
        case .kill: disk.restartProcess()
        case .powerCut: disk.restart(.drawn)
        }
    }

    /// Compares the logs with what the clients know; what they do not know has to be one or the other from now on.
    private func check(_ disk: SimulatedDisk, _ history: History, _ comment: Comment) throws {
        let (found, places) = try onOneThread(disk) { daybook, _ in
            #expect(!daybook.hasOpenTransactions, comment)
            var found: [[String]] = []
            for number in 0..<Self.partitions {
                found.append(try await TransactionJudge(daybook, try partition(number)).committed)
            }
            var places: [Offset?] = []
            for id in 0..<Self.ids {
                places.append(try await daybook.committedOffsets(group: "group \(id)")[Self.input()]?.offset)
            }
            return (found, places)
        }
        let sets = found.map { Set($0) }
        for (number, entry) in history.entries.enumerated() {
            let isThere = zip(entry.values, sets).map { $0.isSubset(of: $1) }
            let isAbsent = zip(entry.values, sets).map { $0.isDisjoint(with: $1) }
            if entry.outcome != .notCommitted, isThere.allSatisfy({ $0 }) {
                history.end(number, .committed)
            } else {
                #expect(entry.outcome != .committed, "\(comment): transaction \(number) has lost records")
                #expect(isAbsent.allSatisfy { $0 }, "\(comment): a part of transaction \(number) is there")
                history.end(number, .notCommitted)
            }
        }
        for (id, place) in places.enumerated() {
            let last = history.entries.lastIndex { $0.id == id && $0.hasOffset && $0.outcome == .committed }
            #expect(place == last.map { Offset(Int64($0) + 1) }, "\(comment): group \(id)")
        }
        for values in found {
            #expect(values.count == Set(values).count, comment)
            // Records of one transaction in the order in which they were sent.
            var last: [Substring: Int] = [:]
            for value in values {
                let parts = value.split(separator: "/")
                guard parts.count == 2, let index = Int(parts[1]) else { continue }
                #expect(index > last[parts[0]] ?? -1, comment)
                last[parts[0]] = index
            }
        }
    }

    @Test func `C59 clients that fence, forget, cancel and crash find in the logs what they were told`() throws {
        var errors: [DaybookError.Code: Int] = [:]
        var committedCount = 0
        for seed in UInt64(0)..<30 {
            let disk = SimulatedDisk(seed: seed)
            let history = History()
            var generator = SeededGenerator(seed: seed)
            for (life, ending) in Ending.allCases.shuffled(using: &generator).enumerated() {
                try live(disk, seed &* 7 &+ UInt64(life), ending, history)
                try check(disk, history, "seed \(seed), life \(life) (\(ending))")
            }
            errors.merge(history.errors, uniquingKeysWith: +)
            committedCount += history.entries.filter { $0.outcome == .committed }.count
        }
        // Otherwise nothing of that has been tried.
        #expect(errors[.producerFenced, default: 0] > 30)
        #expect(errors[.transactionTimedOut, default: 0] > 5)
        #expect(committedCount > 300)
    }
}
