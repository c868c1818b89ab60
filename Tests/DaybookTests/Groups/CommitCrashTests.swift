// Commits while the internal topic is compacted and the power fails: what was acknowledged is there afterwards, a commit of many
// partitions is there as a whole or not at all, and a reset overwrites nobody.

import DaybookModel
import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

@Suite("Commits in crashes")
struct CommitCrashTests {
    /// What groups have asked for, and what of it was acknowledged: always the same offset in all three partitions.
    private final class Ledger: Sendable {
        struct Line {
            var wanted: Int64 = 0
            var acknowledged: Int64 = 0
        }
        let lines = Mutex<[String: Line]>([:])

        func commit(_ group: String, _ offset: Int64, _ daybook: Daybook) async throws {
            lines.withLock { $0[group, default: Line()].wanted = offset }
            var offsets: [TopicPartition: OffsetCommit] = [:]
            for number in Int32(0)..<3 {
                offsets[try partition(number)] = OffsetCommit(Offset(offset), metadata: "\(offset)")
            }
            try await daybook.commit(group: group, offsets: offsets)
            lines.withLock { $0[group]?.acknowledged = offset }
        }

        /// Compares what groups find with what they know. What is found is what counts from now on.
        func check(_ daybook: Daybook, _ place: Comment) async throws {
            for (group, line) in lines.withLock({ $0 }) {
                let found = try await daybook.committedOffsets(group: group)
                let offsets = Set(found.values.map(\.offset.rawValue))
                #expect(offsets.count <= 1, "\(group): a commit counts as a whole; \(place)")
                #expect(found.isEmpty || found.count == 3, place)
                #expect(found.values.allSatisfy { $0.metadata == $0.offset.description }, place)
                let offset = offsets.first ?? 0
                #expect(
                    offset >= line.acknowledged && offset <= line.wanted,
                    "\(group) finds \(offset) of \(line); \(place)")
                lines.withLock { $0[group]?.acknowledged = offset }
            }
        }
    }

    private func open(_ disk: SimulatedDisk, _ loop: SimulationLoop) async throws -> Daybook {
        var configuration = Configuration().with(disk: disk)
        configuration.executor = loop
        configuration.housekeeping.isAutomatic = false
        configuration.internalTopicPartitions = 1
        return try await Daybook.open("/data", configuration: configuration)
    }

    /// A topic of three partitions with a hundred records each, and an internal topic of tiny segments.
    private func prepare(_ disk: SimulatedDisk, _ seed: UInt64) throws -> Int64 {
        let loop = SimulationLoop(clock: disk.clock, seed: seed)
        return try loop.run {
            let daybook = try await open(disk, loop)
            try await daybook.createTopic("orders", partitions: 3)
            for number in Int32(0)..<3 { try await fill(daybook, 100, "orders", number) }
            try await daybook.commit(group: "first", offsets: [try partition(): OffsetCommit(0)])
            try await daybook.alterTopic(
                "__consumer_offsets", settings: [("segment.bytes", "1024"), ("delete.retention.ms", "0")])
            try await daybook.close()
            return 60
        }
    }

    /// Groups that commit, and a compaction that never rests, until all is done or the power has failed. Returns how often it
    /// has compacted something.
    private func work(_ daybook: Daybook, _ ledger: Ledger, upTo last: Int64, _ disk: SimulatedDisk) async -> Int {
        await withTaskGroup(of: Void.self) { tasks in
            let (busy, compactions) = (Shared(4), Shared(0))
            for number in 0..<4 {
                tasks.addTask {
                    let group = "group \(number)"
                    let begin = ledger.lines.withLock { $0[group]?.acknowledged ?? 0 }
                    do {
                        for offset in 1...last where offset > begin { try await ledger.commit(group, offset, daybook) }
                    } catch {
                        #expect(error is DaybookError && disk.isDown, "\(error)")
                    }
                    busy.value.subtract(1, ordering: .relaxed)
                }
            }
            tasks.addTask {
                while busy.value.load(ordering: .relaxed) > 0 {
                    do {
                        let done = try await daybook.compact("__consumer_offsets")
                        if !done.isEmpty { compactions.value.add(1, ordering: .relaxed) }
                    } catch {
                        return #expect(error is DaybookError && disk.isDown, "\(error)")
                    }
                }
            }
            await tasks.waitForAll()
            return compactions.value.load(ordering: .relaxed)
        }
    }

    @Test(arguments: PowerCut.allCases)
    func `Compaction under load loses no commit, wherever the power fails`(_ cut: PowerCut) throws {
        var generator = SeededGenerator(seed: 11)
        var cutsInCompaction = 0
        for seed in UInt64(0)..<4 {
            let disk = SimulatedDisk(seed: seed, clock: ManualClock())
            let last = try prepare(disk, seed)
            let ledger = Ledger()
            for round in 0..<3 {
                let loop = SimulationLoop(clock: disk.clock, seed: seed)
                // The last time it comes to an end.
                let calls = round < 2 ? Int.random(in: 1...900, using: &generator) : nil
                let compactions = try loop.run {
                    let daybook = try await open(disk, loop)
                    try await ledger.check(daybook, "seed \(seed), round \(round)")
                    if let calls { disk.crash(at: disk.callsCount + calls) }
                    let compactions = await work(daybook, ledger, upTo: last, disk)
                    do { try await daybook.close() } catch { #expect(disk.isDown) }
                    return compactions
                }
                if disk.isDown {
                    cutsInCompaction += compactions > 0 ? 1 : 0
                    disk.restart(cut)
                }
            }
            for line in ledger.lines.withLock({ $0.values }) { #expect(line.acknowledged == last) }
            // Whatever is left to compact, and what the next process makes of it.
            for place in ["the end", "compacted"] {
                let loop = SimulationLoop(clock: disk.clock, seed: seed)
                try loop.run {
                    let daybook = try await open(disk, loop)
                    try await ledger.check(daybook, "seed \(seed), \(place)")
                    _ = try await daybook.compact("__consumer_offsets")
                    try await ledger.check(daybook, "seed \(seed), \(place), in the process that compacts")
                    let log = try await daybook.offsets(partition(0, of: "__consumer_offsets"))
                    #expect(log.logEndOffset.rawValue >= 4 * 3 * last && log.size < .kibibytes(16), "\(log)")
                    try await daybook.close()
                }
            }
        }
        #expect(cutsInCompaction > 0, "the power has failed while there was something to lose")
    }
}

/// A count that tasks share.
private final class Shared: Sendable {
    let value: Atomic<Int>
    init(_ value: Int) { self.value = Atomic(value) }
}
