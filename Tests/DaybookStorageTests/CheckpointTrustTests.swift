// The small file of a partition against its segments: where it speaks of what is not there, the segments are right, and
// what it alone knows does not hang on any one of them.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Checkpoint against segments")
struct CheckpointTrustTests {
    @Test(arguments: [true, false])
    func `C12 C15 C35 a swap whose compacted files are gone takes no segment away`(isReadOnly: Bool) throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try log.fill(20, size: 60, clock: stage.clock)
        let bases = log.segments.map(\.baseOffset)
        log.checkpoint.swap = SegmentSwap(baseOffsets: Array(bases[1...3]))
        try log.saveCheckpoint()
        try log.close()
        let files = try stage.snapshot()
        for isFirstGone in [false, true] {
            for before in [LogStage.Before.clean, .durable(log.logEndOffset), .killed] {
                try stage.restore(files)
                if isFirstGone { try Disk.remove(stage.log(bases[1].rawValue)) }
                var before = before
                before.isReadOnly = isReadOnly
                let (again, _) = try stage.open(before)
                let lost = isFirstGone ? [bases[1]..<bases[2]] : []
                #expect(try again.content().contents == model.without(lost).contents, "first gone \(isFirstGone)")
                let left = try Disk.names(stage.directory).filter { $0.hasSuffix(".log") }
                #expect(left == bases.filter { !isFirstGone || $0 != bases[1] }.map { SegmentName.log($0) })
                if isReadOnly { continue }
                // And it is not asked again.
                #expect(again.checkpoint.swap == nil)
                try again.close()
                #expect(try stage.open(.clean).log.content().contents == model.without(lost).contents)
            }
        }
    }

    @Test func `C15 a checkpoint that is ahead of the segments neither stops anything nor gives an offset twice`()
        throws
    {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.fill(10, size: 60, clock: stage.clock)
        let ahead = log.logEndOffset.advanced(by: 10)
        log.checkpoint.logStartOffset = ahead
        log.checkpoint.cleanedTo = ahead.advanced(by: 90)
        try log.checkpoint.write(in: stage.directory, PosixFileSystem())
        try log.close()
        for before in [LogStage.Before.clean, .killed, .unknown] {
            let (again, _) = try stage.open(before, epoch: 1)
            #expect(again.logStartOffset == ahead && again.logEndOffset >= ahead)
            guard case .gap(let gap) = try again.read(from: .zero, limit: again.logEndOffset) else {
                Issue.record("records below the log start")
                continue
            }
            #expect(gap.nextOffset == ahead)
            let before = again.logEndOffset
            let more = try again.fill(30, size: 60, clock: stage.clock)
            #expect(more.first?.offsets.lowerBound == before)
            try again.compact(now: stage.clock.now())
            #expect(try again.content(from: before).contents == more.contents)
            try again.close()
        }
    }

    @Test func `C17 what is known beside the records outlives four hundred segments, a kill, and the newest files`()
        throws
    {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(1)
        let log = try stage.open(epoch: 1).log
        var model = try log.fill(3, clock: stage.clock)
        log.leaderEpoch = LeaderEpoch(rawValue: 2)
        model += try log.fill(3, clock: stage.clock)
        try log.raiseLogStart(to: Offset(5))
        log.checkpoint.cleanedTo = Offset(6)
        log.checkpoint.nextTombstoneExpiry = Timestamp(milliseconds: 77)
        log.checkpoint.lastScrub = ScrubResult(
            time: stage.clock.now(), segmentsCount: 3, bytes: 300, damagedSegmentsCount: 1)
        try log.saveCheckpoint()
        var known = log.checkpoint
        log.leaderEpoch = LeaderEpoch(rawValue: 3)
        model += try log.fill(400, size: 4, flush: false, clock: stage.clock)
        try log.flush()
        #expect(log.segments.count > 400)
        for segment in log.segments.suffix(3) {
            try PosixFileSystem().removeIfPresent(stage.sidecar(segment.baseOffset.rawValue))
        }
        let (again, report) = try stage.open(.killed)
        // The flush of new segments has said how far it came.
        known.durableTo = log.recoveryPoint
        #expect(again.checkpoint == known)
        #expect(again.logStartOffset == Offset(5))
        #expect(again.endOffset(of: LeaderEpoch(rawValue: 1)).startOffset == Offset(6))
        #expect(again.endOffset(of: LeaderEpoch(rawValue: 2)).startOffset == Offset(12))
        #expect(report.scannedBytes < 1000, "only what lost its sidecar is looked at")
        let seen = try again.content()
        #expect(seen.contents == model.dropFirst(5).contents)
        #expect(seen.dropLast(8) == model.dropFirst(5).dropLast(8), "append times, too")
    }
}
