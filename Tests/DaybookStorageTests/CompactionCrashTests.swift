// Compaction and deletion stopped at every single call: by a failing call, and by the end of the process. What is left is
// a valid log with nothing lost that should be there, and the next attempt ends where the first one would have.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Compaction interrupted")
struct CompactionCrashTests {
    private struct Stage {
        let stage: LogStage
        let disk = FaultyFileSystem()
        let log: PartitionLog
        let model: [KeyedRecord]

        /// A few segments, several of which become one.
        init() throws {
            var stage = try LogStage()
            stage.configuration.segmentBytes = .bytes(400)
            log = try stage.open(on: disk, epoch: 1).log
            var model: [KeyedRecord] = []
            for number in 0..<9 {
                model += try log.put(
                    [("a", "\(number)"), ("b\(number % 3)", number == 5 ? nil : "\(number)"), (nil, "x")],
                    clock: stage.clock)
            }
            model += try log.seal(clock: stage.clock)
            self.stage = stage
            self.model = model
        }

        /// Nothing that compaction must keep is missing, nothing is there that never was, and all is in order.
        func check(_ log: PartitionLog, _ comment: Comment) throws {
            let seen = try log.keyed()
            #expect(Set(model.compacted(below: log.logEndOffset.advanced(by: -1))).isSubset(of: seen), comment)
            #expect(Set(seen).isSubset(of: model), comment)
            #expect(seen.map(\.offset) == seen.map(\.offset).sorted(), comment)
            #expect(seen.state == model.state, comment)
            #expect(log.logEndOffset == model.last?.offset.advanced(by: 1), comment)
        }

        func compactAgain(_ log: PartitionLog, _ comment: Comment) throws {
            try log.compact(now: stage.clock.now())
            #expect(try log.keyed() == model.compacted(below: log.activeSegment.baseOffset), comment)
            let strange = try Disk.names(stage.directory).filter { $0.hasSuffix(".cleaned") }
            #expect(strange.isEmpty, comment)
        }
    }

    private func countCalls() throws -> Int {
        let stage = try Stage()
        let before = stage.disk.callsCount
        try stage.log.compact(now: stage.stage.clock.now())
        #expect(stage.log.segments.count < 5)
        return stage.disk.callsCount - before
    }

    @Test func `C9 C12 C65 a process that ends at any call of a compaction leaves a valid log`() throws {
        for call in 0..<(try countCalls()) {
            let stage = try Stage()
            stage.disk.inject(Fault.crash(at: call, torn: call % 40))
            #expect(throws: (any Error).self) { try stage.log.compact(now: stage.stage.clock.now()) }
            let (log, report) = try stage.stage.open(.killed, epoch: 2)
            let comment: Comment = "crash at call \(call)"
            #expect(report.damage.isEmpty && report.missing.isEmpty && report.tornTail == nil, comment)
            try stage.check(log, comment)
            // A reader that may not write sees the same beside it, whatever state the names are in.
            try stage.compactAgain(log, comment)
        }
    }

    @Test func `C12 a reader that changes nothing copes with every state in which a compaction can end`() throws {
        for call in 0..<(try countCalls()) {
            let stage = try Stage()
            stage.disk.inject(Fault.crash(at: call))
            #expect(throws: (any Error).self) { try stage.log.compact(now: stage.stage.clock.now()) }
            let before = try stage.stage.snapshot()
            let (log, _) = try stage.stage.open(LogStage.Before(isSameBoot: true, isReadOnly: true))
            try stage.check(log, "crash at call \(call)")
            #expect(try stage.stage.snapshot() == before)
        }
    }

    @Test func `C12 C22 a compacted segment that a half done rename has left under both names is there once`() throws {
        var count = 0
        for call in 0..<(try countCalls()) {
            let stage = try Stage()
            stage.disk.inject(Fault.crash(at: call))
            #expect(throws: (any Error).self) { try stage.log.compact(now: stage.stage.clock.now()) }
            guard let swap = stage.log.checkpoint.swap else { continue }
            let name = stage.stage.log(swap.baseOffset.rawValue)
            let other = FilePath(name.string + SegmentName.cleanedSuffix)
            if try !PosixFileSystem().exists(other) { try PosixFileSystem().link(name, to: other) }
            for isReadOnly in [true, false] {
                let (log, _) = try stage.stage.open(LogStage.Before(isSameBoot: true, isReadOnly: isReadOnly))
                let comment: Comment = "crash at call \(call), read only \(isReadOnly)"
                try stage.check(log, comment)
                #expect(
                    zip(log.segments, log.segments.dropFirst()).allSatisfy { $0.nextOffset <= $1.baseOffset }, comment)
                if !isReadOnly { try stage.compactAgain(log, comment) }
            }
            count += 1
        }
        #expect(count > 5)
    }

    @Test(arguments: [Errno.ioError, .noSpace, .interrupted])
    func `C26 a failing call of a compaction costs the attempt and nothing else`(errno: Errno) throws {
        for call in 0..<(try countCalls()) {
            let stage = try Stage()
            let kinds = Set(FileCallKind.allCases).subtracting(errno == .interrupted ? [.close] : [])
            stage.disk.inject(Fault(.fail(errno, after: errno == .interrupted ? 0 : 3), kinds, calls: call..<call + 1))
            let comment: Comment = "\(errno) at call \(call)"
            do {
                try stage.log.compact(now: stage.stage.clock.now())
            } catch {
                #expect(errno != .interrupted, "\(comment): \(error)")
            }
            stage.disk.heal()
            try stage.check(stage.log, comment)
            try stage.log.put([("after", "1")], clock: stage.stage.clock)
            try stage.log.close()
            let (log, _) = try stage.stage.open(.clean, epoch: 1)
            #expect(try log.keyed().state["after"] == "1", comment)
            try log.compact(now: stage.stage.clock.now())
            #expect(try log.keyed().count < stage.model.count, comment)
        }
    }

    @Test func `C42 retention may take segments away while they are being compacted`() throws {
        let stage = try Stage()
        let log = stage.log
        let plan = try #require(try log.planCompaction(CompactionPolicy(dirtyRatio: 0), now: stage.stage.clock.now()))
        var owner = LogOwner(log: log)
        let start = log.segments[2].baseOffset
        let isDone = Flag()
        owner.beforeEach = { _ in
            guard !isDone.value else { return }
            isDone.value = true
            try log.raiseLogStart(to: start)
            try log.saveCheckpoint()
            let expired = try log.takeExpiredSegments()
            try expired.remove()
            log.noteRemoved(expired)
        }
        _ = try? Compaction(plan, for: owner).run()
        #expect(log.logStartOffset == start)
        #expect(try log.keyed().allSatisfy { $0.offset >= start })
        #expect(try log.keyed().state["a"] == stage.model.state["a"])
        try log.close()
        let (reopened, report) = try stage.stage.open(.clean)
        #expect(report.isUneventful && reopened.logStartOffset == start)
        #expect(try reopened.keyed() == log.keyed())
    }
}

/// Something that happens once.
private final class Flag {
    var value = false
}
