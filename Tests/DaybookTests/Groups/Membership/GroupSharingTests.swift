// Members that work side by side while others come, leave, are cut short and stay away: what becomes of the records. Virtual
// time on one thread, from seeds.

import Daybook
import DaybookTesting
import Synchronization
import Testing

@Suite struct GroupSharingTests {
    private static let recordsCount = 160
    private static let partitionsCount = 4

    /// Which assignors a group has.
    enum Choice: String, CaseIterable, CustomTestStringConvertible {
        case range, roundRobin, sticky, cooperativeSticky, mixed

        var assignors: [any GroupAssignor] {
            switch self {
            case .range: [.range]
            case .roundRobin: [.roundRobin]
            case .sticky: [.sticky]
            case .cooperativeSticky: [.cooperativeSticky]
            case .mixed: [.cooperativeSticky, .range]
            }
        }

        var testDescription: String { rawValue }
    }

    /// What happened to whom, for all members of a run.
    private final class Ledger: Sendable {
        private struct State {
            var deliveries: [TopicPartition: [Offset: Int]] = [:]
            /// Behind what was committed for good.
            var committed: [TopicPartition: Offset] = [:]
            var owners: [TopicPartition: String] = [:]
            var problems: [String] = []
        }
        private let state = Mutex(State())

        func deliver(_ batch: ConsumedBatch, to member: String) throws {
            let offsets = try batch.records().map(\.offset)
            state.withLock { state in
                let place = batch.topicPartition
                if let first = offsets.first, first < state.committed[place] ?? .zero {
                    state.problems.append("\(member) got \(place)@\(first), which was committed")
                }
                for offset in offsets { state.deliveries[place, default: [:]][offset, default: 0] += 1 }
            }
        }

        func commit(_ positions: [TopicPartition: Offset]) {
            state.withLock { $0.committed.merge(positions) { max($0, $1) } }
        }

        func own(_ partitions: [TopicPartition], _ member: String) {
            state.withLock { state in
                for place in partitions {
                    if let other = state.owners.updateValue(member, forKey: place), other != member {
                        state.problems.append("\(member) was given \(place), which was \(other)'s")
                    }
                }
            }
        }

        func disown(_ partitions: [TopicPartition], _ member: String) {
            state.withLock { state in
                for place in partitions where state.owners[place] == member { state.owners[place] = nil }
            }
        }

        var deliveredCount: Int { state.withLock { $0.deliveries.values.reduce(0) { $0 + $1.count } } }
        var repeatedCount: Int {
            state.withLock { $0.deliveries.values.reduce(0) { $0 + $1.values.count { $0 > 1 } } }
        }
        var problems: [String] { state.withLock { $0.problems } }
    }

    /// How members behave.
    private struct Manners {
        var assignors: [any GroupAssignor]
        /// Some stay away for longer than they may.
        var areLazy = false
        /// Some end in the midst of what they do, without a word.
        var areCutShort = false
        var pollInterval: Duration { areLazy ? .milliseconds(200) : .seconds(300) }
    }

    /// One member, which comes, works for a while, goes in good order, and comes again, until everything has been delivered.
    private static func work(
        _ name: String, _ seed: UInt64, _ daybook: Daybook, _ loop: SimulationLoop, _ ledger: Ledger, _ manners: Manners
    ) async throws {
        var generator = SeededGenerator(seed: seed)
        var lives = 0
        while ledger.deliveredCount < recordsCount {
            lives += 1
            let life = "\(name)\(lives)"
            let consumer = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: member(life, ledger, manners),
                configuration: ConsumerConfiguration(partitionReadAhead: .kibibytes(4)))
            let rounds = Int.random(in: 1...25, using: &generator)
            for _ in 0..<rounds where ledger.deliveredCount < recordsCount {
                let batches = try await consumer.poll(
                    max: Int.random(in: 1...7, using: &generator), timeout: .milliseconds(20))
                for batch in batches { try ledger.deliver(batch, to: life) }
                await loop.pass(.milliseconds(Int.random(in: 0...5, using: &generator)))
                if manners.areLazy, Int.random(in: 0..<20, using: &generator) == 0 {
                    await loop.pass(.milliseconds(500))
                }
                let positions = consumer.positions
                do {
                    try await consumer.commit()
                    ledger.commit(positions)
                } catch let error as DaybookError where manners.areLazy && error.code == .unknownMember {
                    // It stayed away for too long: others have its partitions, and get what it could not commit.
                }
            }
            await consumer.close()
            await loop.pass(.milliseconds(Int.random(in: 0...30, using: &generator)))
        }
    }

    private static func member(_ name: String, _ ledger: Ledger, _ manners: Manners) -> GroupMemberConfiguration {
        GroupMemberConfiguration(
            assignors: manners.assignors, clientID: name, maximumPollInterval: manners.pollInterval,
            onAssigned: { _, partitions in ledger.own(partitions, name) },
            onRevoked: { consumer, partitions in
                let positions = consumer.positions
                // One that was put out meanwhile cannot, and its partitions' next owners get what it has not committed.
                do {
                    try await consumer.commit()
                    ledger.commit(positions)
                } catch let error as DaybookError where manners.areLazy && error.code == .unknownMember {}
                ledger.disown(partitions, name)
            },
            onLost: { _, partitions in ledger.disown(partitions, name) })
    }

    private static func run(_ seed: UInt64, _ manners: Manners) throws -> Ledger {
        let ledger = Ledger()
        try onLoop(seed: seed, partitions: partitionsCount) { daybook, loop in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let producer = try daybook.makeProducer(ProducerConfiguration(linger: .milliseconds(3)))
                    for number in 0..<recordsCount {
                        try await producer.enqueue(
                            Record(key: nil, value: "\(number)"), to: "orders",
                            partition: Int32(number % partitionsCount))
                        if number % 10 == 0 { await loop.pass(.milliseconds(4)) }
                    }
                    try await producer.close()
                }
                for (index, name) in ["A", "B", "C"].enumerated() {
                    let seed = seed &* 31 &+ UInt64(index)
                    group.addTask {
                        guard manners.areCutShort, name != "A" else {
                            return try await work(name, seed, daybook, loop, ledger, manners)
                        }
                        try await workAndBeCutShort(name, seed, daybook, loop, ledger, manners)
                    }
                }
                try await group.waitForAll()
            }
        }
        return ledger
    }

    /// The member's task is cancelled again and again, wherever it is then, and another one takes its place.
    private static func workAndBeCutShort(
        _ name: String, _ seed: UInt64, _ daybook: Daybook, _ loop: SimulationLoop, _ ledger: Ledger, _ manners: Manners
    ) async throws {
        var generator = SeededGenerator(seed: seed &+ 1000)
        var attempt = 0
        while ledger.deliveredCount < recordsCount {
            attempt += 1
            let (attempt, time) = (attempt, Duration.microseconds(Int.random(in: 0...60_000, using: &generator)))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    do {
                        try await work("\(name)\(attempt).", seed &+ UInt64(attempt), daybook, loop, ledger, manners)
                    } catch is CancellationError {}
                }
                await loop.pass(time)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    // MARK: promises

    @Test(arguments: Choice.allCases)
    func `Nothing is lost, repeated, or with two members at once, whoever comes and goes`(_ choice: Choice) throws {
        for seed in UInt64(1)...4 {
            let ledger = try Self.run(seed, Manners(assignors: choice.assignors))
            #expect(ledger.problems.isEmpty, "seed \(seed)")
            #expect(ledger.deliveredCount == Self.recordsCount && ledger.repeatedCount == 0, "seed \(seed)")
        }
    }

    @Test(arguments: Choice.allCases)
    func `Nothing is lost, and nothing that was committed is repeated, where members stay away for too long`(
        _ choice: Choice
    ) throws {
        var repeated = 0
        for seed in UInt64(1)...4 {
            let ledger = try Self.run(seed, Manners(assignors: choice.assignors, areLazy: true))
            #expect(ledger.deliveredCount == Self.recordsCount, "seed \(seed)")
            #expect(ledger.problems.filter { $0.contains("committed") }.isEmpty, "seed \(seed)")
            repeated += ledger.repeatedCount
        }
        // Otherwise nobody has stayed away.
        #expect(repeated > 0)
    }

    @Test(arguments: Choice.allCases)
    func `Nothing is lost, and nothing that was committed is repeated, wherever members are cut short`(
        _ choice: Choice
    ) throws {
        for seed in UInt64(1)...4 {
            let ledger = try Self.run(seed, Manners(assignors: choice.assignors, areCutShort: true))
            #expect(ledger.deliveredCount == Self.recordsCount, "seed \(seed)")
            #expect(ledger.problems.filter { $0.contains("committed") }.isEmpty, "seed \(seed)")
        }
    }
}
