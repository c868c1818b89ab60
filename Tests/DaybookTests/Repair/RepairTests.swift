// Each kind of damage, combinations drawn from a seed, and a crash at every call of a repair.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import SystemPackage
import Testing

@Suite("Repair")
struct RepairTests {
    /// One kind of damage, done to a partition.
    enum Harm: String, CaseIterable {
        case flip, flips, cutSegment, emptySegment, removeMiddle, removeFirst, removeLast, removeFolder
        case zeroSidecar, removeSidecar, foreignSidecar, junkBetween, junkAtEnd, misnamed, contained, leftovers,
            stranger
        case registryCopy, registries, state, watermarks, noWatermarks, checkpoint, checkpointCopy

        func inflict(_ stage: RepairStage, _ generator: inout SeededGenerator, partition: Int) throws {
            let logs = (try? stage.logs(partition)) ?? []
            guard logs.count > 3 else { return }
            let middle = logs[Int.random(in: 1..<logs.count - 1, using: &generator)]
            let any = logs[Int.random(in: 0..<logs.count, using: &generator)]
            let folder = stage.damaged + "/orders-\(partition)"
            func sidecar(_ log: String) -> String { log.replacingOccurrences(of: ".log", with: ".sidecar") }
            func flip(_ path: String, _ count: Int = 1) throws {
                guard FileManager.default.fileExists(atPath: path) else { return }
                let places = (0..<count).map { _ in Int.random(in: 0..<100_000, using: &generator) }
                try stage.change(path) { bytes in
                    for place in places where !bytes.isEmpty { bytes[place % bytes.count] ^= 0x10 }
                }
            }
            switch self {
            case .flip: try flip(any)
            case .flips: try flip(middle, 5)
            case .cutSegment: try stage.change(middle) { $0.removeLast(min($0.count, 77)) }
            case .emptySegment: try stage.change(middle) { $0.removeAll() }
            case .removeMiddle: try stage.remove(middle)
            case .removeFirst: try stage.remove(logs[0])
            case .removeLast: try stage.remove(logs[logs.count - 1])
            case .removeFolder: try stage.remove(folder)
            case .zeroSidecar: try stage.change(sidecar(any)) { $0.resetBytes(in: 0..<$0.count) }
            case .removeSidecar: try stage.remove(sidecar(any))
            case .foreignSidecar:
                let other = try Data(contentsOf: URL(filePath: sidecar(logs[0])))
                try stage.change(sidecar(middle)) { $0 = other }
            case .junkBetween: try stage.change(middle) { $0.insert(contentsOf: Data("junk between".utf8), at: 0) }
            case .junkAtEnd: try stage.change(middle) { $0 += Data("junk at the end of a segment".utf8) }
            case .misnamed:
                let bytes = try Data(contentsOf: URL(filePath: middle))
                try bytes.write(to: URL(filePath: folder + "/00000000000000000003.log"))
            case .contained:
                let bytes = try Data(contentsOf: URL(filePath: logs[1]))
                try stage.change(logs[0]) { $0 += bytes }
            case .leftovers:
                for name in ["checkpoint.new", "00000000000000000000.log.cleaned", "00000000000000004711.sidecar"] {
                    try Data("left \(name)".utf8).write(to: URL(filePath: folder + "/" + name))
                }
                try Data("left".utf8).write(to: URL(filePath: stage.damaged + "/topics.new"))
            case .stranger:
                let stranger = stage.damaged + "/strangers-7"
                if FileManager.default.fileExists(atPath: stranger) { return }
                try FileManager.default.createDirectory(atPath: stranger, withIntermediateDirectories: true)
                try Data("strange".utf8).write(to: URL(filePath: stranger + "/00000000000000000000.log"))
            case .registryCopy: try flip(stage.damaged + "/topics.copy")
            case .registries: for name in ["topics", "topics.copy"] { try flip(stage.damaged + "/" + name) }
            case .state: try flip(stage.damaged + "/state")
            case .watermarks: try flip(stage.damaged + "/watermarks", 8)
            case .noWatermarks:
                let path = stage.damaged + "/watermarks"
                if FileManager.default.fileExists(atPath: path) { try stage.remove(path) }
            case .checkpointCopy: try stage.change(folder + "/checkpoint") { $0[30] ^= 0x10 }
            case .checkpoint: try Data("no checkpoint".utf8).write(to: URL(filePath: folder + "/checkpoint"))
            }
        }
    }

    @Test func `There is nothing to repair in a directory that is whole`() async throws {
        let stage = try await RepairStage()
        try stage.reset()
        let before = try stage.files()
        let plan = try await Daybook.planRepair(stage.damaged)
        #expect(plan.isEmpty && plan.notes.isEmpty)
        _ = try await Daybook.repair(plan)
        #expect(try stage.files() == before)
        await #expect(throws: DaybookError.self) { try await Daybook.planRepair("/does/not/exist") }
    }

    @Test func `Each kind of damage is mended, and nothing is destroyed`() async throws {
        let stage = try await RepairStage()
        for (index, harm) in Harm.allCases.enumerated() {
            for round in 0..<3 {
                var generator = SeededGenerator(seed: UInt64(index * 100 + round))
                try stage.reset()
                try harm.inflict(stage, &generator, partition: round % 2)
                let plan = try await stage.mend("\(harm), round \(round)")
                #expect(!plan.isEmpty || !plan.notes.isEmpty || harm == .registries, "\(harm), round \(round)")
            }
        }
    }

    @Test(arguments: [UInt64(11), 12, 13, 14]) func `Damage of several kinds at once is mended`(seed: UInt64)
        async throws
    {
        let stage = try await RepairStage()
        var generator = SeededGenerator(seed: seed)
        for round in 0..<8 {
            try stage.reset()
            var done: [String] = []
            for _ in 0..<Int.random(in: 2...5, using: &generator) {
                let harm = Harm.allCases[Int.random(in: 0..<Harm.allCases.count, using: &generator)]
                let partition = Int.random(in: 0...1, using: &generator)
                // What an earlier one has removed cannot be harmed any more.
                do { try harm.inflict(stage, &generator, partition: partition) } catch is CocoaError { continue }
                done.append("\(harm) in \(partition)")
            }
            try await stage.mend("seed \(seed), round \(round): \(done)")
        }
    }

    @Test func `A crash at any call of a repair loses nothing, and the next repair ends it`() async throws {
        let stage = try await RepairStage()
        try stage.reset()
        var generator = SeededGenerator(seed: 5)
        for harm in [Harm.flips, .removeMiddle, .leftovers, .checkpoint, .registryCopy, .noWatermarks, .stranger] {
            try harm.inflict(stage, &generator, partition: 0)
        }
        try Harm.zeroSidecar.inflict(stage, &generator, partition: 1)
        let source = stage.path("source")
        try FileManager.default.copyItem(atPath: stage.damaged, toPath: source)
        let before = try stage.files()
        let contents = [
            try await stage.readable(0, access: .readOnly), try await stage.readable(1, access: .readOnly),
        ]
        func logs() throws -> [String: Data] {
            try stage.files().filter { $0.key.hasPrefix("orders-") && $0.key.hasSuffix(".log") }
        }
        let counting = FaultyFileSystem()
        let plan = try await stage.repair(on: counting)
        let expected = try logs()
        #expect(plan.actions.count >= 8)
        // Calls that change nothing are all alike to what is on disk.
        let calls = counting.trace.filter { FileCallKind.changing.contains($0.kind) }.map(\.number)
        #expect(calls.count > 60)
        for (index, number) in calls.enumerated() {
            try stage.reset(from: source)
            let comment: Comment = "crash at call \(number)"
            do {
                try await stage.repair(on: FaultyFileSystem(faults: Fault.crash(at: number, torn: 7)))
                Issue.record("the repair went on: \(comment)")
            } catch let error as DaybookError {
                #expect(error.code == .inputOutput, comment)
            }
            let next = try await stage.repair()
            #expect(try logs() == expected, comment)
            // Each check opens the directory several times: every fifth will do.
            if index % 5 == 0 { try await stage.check(before, contents, next, comment) }
        }
    }

    @Test func `A plan that has been overtaken is refused, and so is a repair beside a writer`() async throws {
        let stage = try await RepairStage()
        try stage.reset()
        try stage.change(try stage.logs()[1]) { $0[70] ^= 1 }
        let plan = try await Daybook.planRepair(stage.damaged)
        #expect(plan.actions.map(\.kind) == [.rewriteSegment, .writeState] && plan.lostOffsetsCount == 1)
        let daybook = try await Daybook.open(stage.damaged)
        for isPlan in [true, false] {
            let error = try await #require(throws: DaybookError.self) {
                if isPlan {
                    _ = try await Daybook.planRepair(stage.damaged)
                } else {
                    _ = try await Daybook.repair(plan)
                }
            }
            #expect(error.code == .directoryLocked)
        }
        try await daybook.close()
        let before = try stage.files()
        let error = try await #require(throws: DaybookError.self) { try await Daybook.repair(plan) }
        #expect(error.code == .planOutdated)
        #expect(try stage.files() == before)
    }

    @Test func `A plan makes no call that would change a file`() async throws {
        let stage = try await RepairStage()
        try stage.reset()
        try stage.change(try stage.logs()[1]) { $0[70] ^= 1 }
        try stage.change(stage.damaged + "/topics") { $0[3] ^= 1 }
        try stage.remove(stage.damaged + "/LOCK")
        let disk = FaultyFileSystem(
            faults: [Fault(.fail(.readOnlyFileSystem), FileCallKind.changing.union([.lock]), calls: 0..<Int.max)])
        let plan = try await Daybook.planRepair(stage.damaged, fileSystem: disk, clock: ManualClock())
        #expect(plan.actions.map(\.kind) == [.writeRegistry, .rewriteSegment, .writeState])
        #expect(disk.trace.allSatisfy { !FileCallKind.changing.contains($0.kind) })
    }

    @Test func `Without both registries topics keep their ids, and the plan says what is lost`() async throws {
        let stage = try await RepairStage()
        try stage.reset()
        for name in ["topics", "topics.copy"] { try stage.change(stage.damaged + "/" + name) { $0[9] ^= 1 } }
        // Folders of numbers that no topic can have, the largest that there is among them, make no topic larger.
        let strangers = ["orders-2147483647", "orders-100000"]
        for name in strangers {
            try FileManager.default.createDirectory(
                atPath: stage.damaged + "/" + name, withIntermediateDirectories: false)
        }
        let plan = try await stage.mend("both registries")
        #expect(plan.actions.map(\.kind) == [.writeRegistry, .writeRegistry, .setAside, .setAside, .writeState])
        #expect(plan.notes.contains { $0.contains("orders") && $0.contains("2 partitions") && $0.contains("settings") })
        let daybook = try await Daybook.open(stage.damaged)
        #expect(daybook.topics.map(\.partitionsCount) == [2] && daybook.recovery.findings.isEmpty)
        try await daybook.close()
    }

    @Test func `A checkpoint that is damaged in one of its copies is made whole from the other one`() async throws {
        let stage = try await RepairStage()
        try stage.reset()
        var generator = SeededGenerator(seed: 1)
        try Harm.checkpointCopy.inflict(stage, &generator, partition: 0)
        let verification = try await Daybook.verify(stage.damaged)
        #expect(verification.findings.map(\.kind) == [.checkpoint])
        let plan = try await stage.mend("one copy")
        let action = try #require(plan.actions.first { $0.kind == .writeCheckpoint })
        #expect(action.reason.contains("one of its two copies"))
        #expect(plan.actions.allSatisfy { [.writeCheckpoint, .writeState].contains($0.kind) })
    }

    @Test func `The next open raises the leader epoch, and compaction begins anew`() async throws {
        let stage = try await RepairStage()
        try stage.reset()
        let first = try await Daybook.open(stage.damaged)
        let epoch = first.recovery.leaderEpoch
        try await first.close()
        try stage.change(try stage.logs()[1]) { $0[70] ^= 1 }
        try await stage.repair()
        let checkpoint = try #require(try stage.files()["orders-0/checkpoint"])
        #expect(String(decoding: checkpoint, as: UTF8.self).contains("cleaned-to 0\n"))
        let daybook = try await Daybook.open(stage.damaged)
        #expect(daybook.recovery.leaderEpoch > epoch)
        try await daybook.close()
    }
}
