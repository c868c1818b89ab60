// Compaction and deletion while the power goes: at every call, with everything that a disk may keep or lose, and again in
// the recovery that follows. What was durable is there, what was deleted for good stays so.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Compaction and power cuts")
struct CompactionPowerCutTests {
    private struct Stage {
        let base: PowerCutStage
        var model: [KeyedRecord] = []

        init(seed: UInt64) throws { base = try PowerCutStage(seed: seed, segmentBytes: .bytes(400)) }

        var clock: ManualClock { base.clock }
        var disk: SimulatedDisk { base.disk }

        func open(durable: Offset) throws -> (log: PartitionLog, report: PartitionRecovery) {
            try base.open(durable: durable)
        }

        mutating func fill(_ log: PartitionLog) throws {
            for number in 0..<6 {
                model += try log.put(
                    [("a", "\(number)"), ("b\(number % 3)", number == 4 ? nil : "\(number)"), (nil, "x")], clock: clock)
            }
            model += try log.seal(clock: clock)
        }

        var end: Offset { model.last?.offset.advanced(by: 1) ?? .zero }

        /// Nothing that compaction must keep is missing, nothing is there that never was, and all is in order.
        func check(_ log: PartitionLog, _ report: PartitionRecovery, from start: Offset = .zero, _ comment: Comment)
            throws
        {
            #expect(report.damage.isEmpty && report.missing.isEmpty && report.tornTail == nil, comment)
            let seen = try log.keyed()
            let owed = model.compacted(below: end.advanced(by: -1)).filter { $0.offset >= start }
            #expect(Set(owed).isSubset(of: seen), comment)
            #expect(Set(seen).isSubset(of: model), comment)
            #expect(seen.map(\.offset) == seen.map(\.offset).sorted(), comment)
            #expect(log.logEndOffset == end, comment)
        }
    }

    private func crash(_ cut: PowerCut, seed: UInt64, _ work: (Stage, PartitionLog) throws -> Void) throws {
        var first = try Stage(seed: seed)
        let log = try first.open(durable: .zero).log
        try first.fill(log)
        let calls = first.disk.callsCount
        try work(first, log)
        let count = first.disk.callsCount - calls
        for call in 0..<count {
            var stage = try Stage(seed: seed &+ UInt64(call))
            let log = try stage.open(durable: .zero).log
            try stage.fill(log)
            stage.disk.crash(at: stage.disk.callsCount + call)
            #expect(throws: (any Error).self) { try work(stage, log) }
            stage.disk.restart(cut, seed: seed &+ UInt64(call))
            // The next recovery loses its power too, somewhere.
            stage.disk.crash(at: stage.disk.callsCount + call % 23)
            let interrupted = try? stage.open(durable: stage.end)
            if interrupted == nil { stage.disk.restart(cut, seed: seed &+ UInt64(call) &* 31) }
            stage.disk.crash(at: .max)
            let comment: Comment = "\(cut) at call \(call), seed \(seed)"
            let (reopened, report) = try interrupted ?? stage.open(durable: stage.end)
            try stage.check(reopened, report, from: reopened.logStartOffset, comment)
            if interrupted == nil {
                try reopened.flush()
                try reopened.compact(now: stage.clock.now())
                #expect(
                    try reopened.keyed().state == stage.model.filter { $0.offset >= reopened.logStartOffset }.state,
                    comment)
            }
        }
    }

    @Test(arguments: [PowerCut.drawn, .nothing, .everything, .onlyFirst, .onlyLast], [1, 2] as [UInt64])
    func `C9 C22 C65 a power cut at any call of a compaction takes nothing that was durable`(
        cut: PowerCut, seed: UInt64
    ) throws {
        try crash(cut, seed: seed * 1000) { stage, log in try log.compact(now: stage.clock.now()) }
    }

    @Test(arguments: [PowerCut.drawn, .nothing, .everything, .onlyFirst, .onlyLast])
    func `C22 C41 a power cut at any call of a deletion takes only what was to be deleted`(cut: PowerCut) throws {
        try crash(cut, seed: 77) { stage, log in
            try log.raiseLogStart(to: Offset(8))
            try log.saveCheckpoint()
            let expired = try log.takeExpiredSegments()
            try expired.remove()
            log.noteRemoved(expired)
        }
    }

    @Test(
        "C13 C5 the sidecar of a compacted segment, beside the bytes that it was to replace, promises nothing about them"
    )
    func sidecarOfTheOther() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        var model: [KeyedRecord] = []
        for number in 0..<8 {
            model += try log.put([("a", "\(number)"), ("b\(number)", "\(number)")], clock: stage.clock)
        }
        let end = log.logEndOffset
        model += try log.seal(clock: stage.clock)
        let following = log.activeSegment.baseOffset
        let files = try stage.snapshot()
        try log.compact(now: stage.clock.now())
        let compacted = try Disk.read(stage.sidecar(0))
        #expect(try log.keyed().count < model.count)
        for isLast in [false, true] {
            for before in [LogStage.Before.durable(end), .killed, .unknown] {
                try stage.restore(files)
                try Disk.write(compacted, to: stage.sidecar(0))
                // A power cut may have taken the next segment's name.
                if isLast { try Disk.remove(stage.log(following.rawValue)) }
                let owed = isLast ? Array(model.dropLast()) : model
                let (again, report) = try stage.open(before, epoch: 1)
                let place: Comment = "last \(isLast), \(before)"
                #expect(report.damage.isEmpty && report.missing.isEmpty && report.tornTail == nil, place)
                #expect(try again.keyed() == owed, place)
                #expect(try stage.quarantined().isEmpty, place)
                let more = try again.put([("c", "more")], clock: stage.clock)
                try again.close()
                #expect(try stage.open(.durable(again.logEndOffset)).log.keyed() == owed + more, place)
            }
        }
    }
}
