// Several segments wait for one flush, and the power goes: what is left of the later ones goes with what is lost of the
// earlier ones, as one torn tail. Below what is known to be durable the same loss is damage, and nothing is taken away.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Segments behind a lost flush")
struct LostFlushTests {
    let stage: LogStage
    let files: [String: [UInt8]]
    let model: [Entry]
    let bases: [Offset]
    /// Everything below was flushed: two segments and a half.
    let durable = Offset(10)

    /// Segments of two batches, that is of four records.
    init() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(280)
        let log = try stage.open(epoch: 1).log
        var model = try log.fill(5, size: 30, clock: stage.clock)
        #expect(log.recoveryPoint == durable)
        model += try log.fill(5, size: 30, flush: false, clock: stage.clock)
        #expect(log.segments.map(\.size.rawValue).allSatisfy { $0 <= 280 })
        bases = log.segments.map(\.baseOffset)
        #expect(bases == [0, 4, 8, 12, 16].map { Offset($0) })
        (self.stage, self.model) = (stage, model)
        files = try stage.snapshot()
    }

    private func afterPowerCut(isReadOnly: Bool = false) -> LogStage.Before {
        LogStage.Before(recoveryPoint: .zero, mayHaveLostPower: true, isReadOnly: isReadOnly)
    }

    /// Everything from `end` on is gone, and what was left of it is in quarantine.
    private func expectEnd(_ end: Offset, _ left: [[UInt8]], _ comment: Comment) throws {
        let before = try stage.snapshot()
        let (reader, seen) = try stage.open(afterPowerCut(isReadOnly: true))
        #expect(try reader.content(below: reader.logEndOffset).contents == model.before(end).contents, comment)
        #expect(try stage.snapshot() == before, comment)
        let (log, report) = try stage.open(afterPowerCut(), epoch: 2)
        #expect(report.damage.isEmpty && report.missing.isEmpty, comment)
        #expect(report.tornTail != nil || !report.setAside.isEmpty, comment)
        #expect(seen.setAside.map(\.segment) == report.setAside.map(\.segment), comment)
        #expect(log.logEndOffset == end, comment)
        #expect(try log.content(below: end).contents == model.before(end).contents, comment)
        let kept = try stage.quarantined()
        #expect(Set(kept.map(\.bytes)) == Set(left), comment)
        #expect(kept.allSatisfy { $0.manifest.contains("torn tail") }, comment)
        // It goes on from there, and finds the same at the next open.
        let more = try log.fill(4, size: 30, clock: stage.clock)
        #expect(more.first?.offsets.lowerBound == end, comment)
        try log.close()
        let again = try stage.open(.clean).log
        #expect(try again.content().contents == model.before(end).contents + more.contents, comment)
    }

    private func bytes(_ base: Int64) -> [UInt8] {
        files["\(stage.identity.topicPartition)/\(SegmentName.log(Offset(base)))"]!
    }

    @Test
    func `C1 C5 C7 an unflushed batch that is lost takes what was written behind it along, in later segments too`()
        throws
    {
        for kind in 0..<3 {
            try stage.restore(files)
            try stage.removeSidecars()
            let whole = bytes(12)
            let place = whole.count / 2
            switch kind {
            case 0: try Disk.write(whole[..<place] + [UInt8](repeating: 0, count: place), to: stage.log(12))
            case 1: try Disk.write(Array(whole[..<(place + 20)]), to: stage.log(12))
            // A whole batch less: nothing in the file looks wrong.
            default: try Disk.write(Array(whole[..<place]), to: stage.log(12))
            }
            let tail = try Disk.read(stage.log(12)).dropFirst(place)
            try expectEnd(Offset(14), (tail.isEmpty ? [] : [Array(tail)]) + [bytes(16)], "kind \(kind)")
        }
    }

    @Test func `C5 of several segments behind the first loss none is kept`() throws {
        try stage.restore(files)
        try stage.removeSidecars()
        let rest = Array(bytes(8)[..<(bytes(8).count / 2 + 1)])
        try Disk.write(rest, to: stage.log(8))
        try expectEnd(durable, [Array(rest.suffix(1)), bytes(12), bytes(16)], "three segments")
    }

    @Test func `C22 where the name of the first segment is lost, the log begins anew`() throws {
        try stage.restore(files)
        try stage.removeSidecars()
        try Disk.remove(stage.directory.appending(PartitionCheckpoint.fileName))
        try Disk.remove(stage.log(0))
        try expectEnd(.zero, [4, 8, 12, 16].map { bytes($0) }, "no first segment")
        // Records may have been deleted before the first segment, and the word on that be lost.
        try stage.restore(files)
        try stage.removeSidecars()
        try Disk.write([1, 2, 3], to: stage.directory.appending(PartitionCheckpoint.fileName))
        try Disk.remove(stage.log(0))
        let (log, report) = try stage.open(afterPowerCut(), epoch: 2)
        #expect(report.setAside.isEmpty && report.missing == [.zero..<Offset(4)])
        #expect(log.logEndOffset == model.last?.offsets.upperBound)
    }

    @Test func `C7 C8 below what is known to be durable a loss is damage, whatever the power did`() throws {
        for source in ["watermark", "checkpoint", "sidecar"] {
            try stage.restore(files)
            var before = afterPowerCut()
            // Of the sidecars of closed segments the first two say that their bytes were flushed.
            if source != "sidecar" { try stage.removeSidecars() }
            try Disk.remove(stage.directory.appending(PartitionCheckpoint.fileName))
            if source == "watermark" { before.recoveryPoint = durable }
            if source == "checkpoint" {
                var checkpoint = PartitionCheckpoint(topicID: stage.identity.topicID)
                checkpoint.durableTo = durable
                try checkpoint.write(in: stage.directory, PosixFileSystem())
            }
            var rotten = bytes(4)
            rotten[70] ^= 1
            try Disk.write(rotten, to: stage.log(4))
            let (log, report) = try stage.open(before, epoch: 2)
            #expect(report.setAside.isEmpty && report.tornTail == nil, "\(source)")
            #expect(
                try log.content(below: log.logEndOffset).contents == model.without([Offset(4)..<Offset(6)]).contents,
                "\(source)")
        }
    }

    @Test func `C8 without a power cut no segment is taken away`() throws {
        for before in [LogStage.Before.unknown, .killed, .clean] {
            try stage.restore(files)
            try stage.removeSidecars()
            var rotten = bytes(12)
            rotten[70] ^= 1
            try Disk.write(rotten, to: stage.log(12))
            let (log, report) = try stage.open(before, epoch: 2)
            #expect(report.setAside.isEmpty)
            #expect(
                try log.content(below: log.logEndOffset).contents == model.without([Offset(12)..<Offset(14)]).contents)
        }
    }

    @Test func `A flush that begins a segment leaves behind how far the log was durable`() throws {
        let log = try stage.open(.clean, epoch: 2).log
        let more = try log.fill(20, size: 30, clock: stage.clock)
        let checkpoint = try PartitionCheckpoint.read(
            in: stage.directory, topicID: stage.identity.topicID, PosixFileSystem())
        let last = try #require(log.segments.last { !$0.facts.isEmpty })
        #expect(checkpoint.map { $0.durableTo > last.baseOffset && $0.durableTo <= log.recoveryPoint } == true)
        #expect(more.count == 40)
    }

    @Test func `C9 a crash at any call while segments are taken away is gone through again`() throws {
        for number in 0..<500 {
            try stage.restore(files)
            try stage.removeSidecars()
            let rest = Array(bytes(8)[..<(bytes(8).count / 2 + 1)])
            try Disk.write(rest, to: stage.log(8))
            let disk = FaultyFileSystem(faults: Fault.crash(at: number, torn: 3))
            do throws(FileError) { _ = try stage.open(afterPowerCut(), on: disk) } catch {}
            guard disk.trace.contains(where: { $0.outcome != .done }) else { return #expect(number > 20) }
            let (log, report) = try stage.open(afterPowerCut(), epoch: 2)
            let place: Comment = "crash at call \(number)"
            #expect(report.damage.isEmpty && report.missing.isEmpty, place)
            #expect(log.logEndOffset == durable, place)
            #expect(try log.content(below: durable).contents == model.before(durable).contents, place)
            let kept = Set(try stage.quarantined().map(\.bytes))
            #expect(kept.isSuperset(of: [Array(rest.suffix(1)), bytes(12), bytes(16)]), place)
        }
        Issue.record("no end of calls")
    }
}

extension [Entry] {
    /// What lies before `end`.
    fileprivate func before(_ end: Offset) -> [Entry] { filter { $0.offsets.upperBound <= end } }
}
