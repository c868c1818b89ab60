// Retention decides by append times and sizes alone; deleting records drops the oldest, once and for all, and an offset is
// never given a second time.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Retention")
struct RetentionTests {
    private func facts(_ log: PartitionLog) -> [SegmentFacts] { log.segments.map(\.facts) }

    private func plan(_ log: PartitionLog, _ policy: RetentionPolicy, now: Timestamp) -> RetentionPlan {
        policy.plan(facts(log), logStartOffset: log.logStartOffset, limit: log.recoveryPoint, now: now)
    }

    private func delete(_ log: PartitionLog, before offset: Offset) throws {
        try log.raiseLogStart(to: offset)
        try log.saveCheckpoint()
        let expired = try log.takeExpiredSegments()
        try expired.remove()
        log.noteRemoved(expired)
    }

    @Test func `Segments go by the time of their last append`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.fill(20, clock: stage.clock)
        let cut = log.segments[3]
        let moment = cut.facts.lastAppendTime
        let policy = RetentionPolicy(maximumAge: 1000)
        // Exactly as old as allowed is not too old.
        #expect(plan(log, policy, now: moment.advanced(byMilliseconds: 1000)).logStartOffset == cut.baseOffset)
        #expect(plan(log, policy, now: moment.advanced(byMilliseconds: 1001)).logStartOffset == cut.nextOffset)
        #expect(plan(log, policy, now: Timestamp(milliseconds: .max)).logStartOffset == log.logEndOffset)
        #expect(plan(log, policy, now: Timestamp(milliseconds: .min)).logStartOffset == .zero)
        #expect(plan(log, RetentionPolicy(), now: Timestamp(milliseconds: .max)).logStartOffset == .zero)
    }

    @Test(arguments: 0..<30)
    func `C48 producers' timestamps neither keep nor delete anything`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let stage = try LogStage()
        let log = try stage.open().log
        for _ in 0..<20 {
            let wild = [Int64.min, -1, 0, 1 << 60, .max].randomElement(using: &random) ?? 0
            stage.clock.advance(by: .milliseconds(10))
            _ = try log.append(
                try Batch.make([random.bytes(40), random.bytes(30)], timestamps: [wild, wild]), now: stage.clock.now())
        }
        try log.flush()
        let now = stage.clock.now()
        let expected = log.segments.last { $0.facts.lastAppendTime.milliseconds(until: now) > 100 }?.nextOffset ?? .zero
        #expect(plan(log, RetentionPolicy(maximumAge: 100), now: now).logStartOffset == expected)
    }

    @Test func `The oldest segments go while the others have at least the bytes to keep`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.fill(20, clock: stage.clock)
        for bytes in [0, 1, 500, log.size / 2, log.size - 1, log.size, log.size * 2] {
            let start = plan(log, RetentionPolicy(maximumBytes: bytes), now: stage.clock.now()).logStartOffset
            let left = log.segments.filter { $0.nextOffset > start }.reduce(0) { $0 + $1.size.rawValue }
            #expect(left >= min(bytes, log.size) && left > 0)
            let oldest = try #require(log.segments.first { $0.nextOffset > start })
            #expect(left - oldest.size.rawValue < max(bytes, 1))
        }
    }

    @Test func `What a group still needs stays, up to the limits for that, and the pressure rises before`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.fill(20, clock: stage.clock)
        let held = log.segments[2].baseOffset.advanced(by: 1)
        let later = stage.clock.now().advanced(byMilliseconds: 10_000)
        var policy = RetentionPolicy(maximumAge: 1000, held: held)
        #expect(plan(log, policy, now: later).logStartOffset == log.segments[2].baseOffset)
        #expect(plan(log, policy, now: later).holdPressure == nil)
        policy.maximumHeldAge = 20_000
        let near = plan(log, policy, now: later)
        #expect(near.logStartOffset == log.segments[2].baseOffset && !near.overridesHold)
        #expect((near.holdPressure ?? 0) > 0.5 && (near.holdPressure ?? 2) < 1)
        let beyond = plan(log, policy, now: later.advanced(byMilliseconds: 15_000))
        #expect(beyond.overridesHold && beyond.logStartOffset == log.logEndOffset)
        policy.maximumHeldAge = nil
        policy.maximumHeldBytes = log.size / 2
        let full = plan(log, policy, now: later)
        #expect(full.overridesHold && full.logStartOffset > held && full.logStartOffset < log.logEndOffset)
        // Nobody is held back by a group that is further on.
        #expect(plan(log, RetentionPolicy(maximumAge: 1000, held: log.logEndOffset), now: later).overridesHold == false)
    }

    @Test func `Deleted records are a gap, whole segments are gone, and the rest is untouched`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try log.fill(20, clock: stage.clock)
        let start = log.segments[3].baseOffset.advanced(by: 1)
        let bases = log.segments.map(\.baseOffset)
        try delete(log, before: start)
        let gap = try log.read(from: .zero, limit: log.logEndOffset)
        guard case .gap(let gap) = gap else { throw StorageError.offsetOutOfRange(start, available: start..<start) }
        #expect(gap == Gap(baseOffset: .zero, nextOffset: start, cause: .retained))
        let rest = model.filter { $0.offsets.lowerBound >= start }
        #expect(try log.content() == rest)
        let names = try Disk.names(stage.directory).filter { $0.hasSuffix(".log") }
        #expect(names == bases.dropFirst(3).map { SegmentName.log($0) })
        try log.close()
        let (reopened, report) = try stage.open(.clean)
        #expect(report.isUneventful && reopened.logStartOffset == start)
        #expect(try reopened.content() == rest)
        #expect(throws: StorageError.self) { try reopened.raiseLogStart(to: reopened.logEndOffset.advanced(by: 1)) }
    }

    @Test(arguments: [false, true])
    func `C45 with all records deleted the offsets go on, whatever is lost beside the segments`(losesCheckpoint: Bool)
        throws
    {
        let stage = try LogStage()
        var log = try stage.open().log
        try log.fill(10, clock: stage.clock)
        let end = log.logEndOffset
        for _ in 0..<3 {
            try log.flush()
            try delete(log, before: log.logEndOffset)
            #expect(try Disk.names(stage.directory).filter { $0.hasSuffix(".log") }.count == 1)
            #expect(log.logStartOffset == end && log.logEndOffset == end)
            try log.close()
            if losesCheckpoint { try Disk.remove(stage.path("orders-0/checkpoint")) }
            log = try stage.open(losesCheckpoint ? .unknown : .clean).log
            #expect(log.logEndOffset == end)
        }
        let model = try log.fill(3, clock: stage.clock)
        #expect(model[0].offsets.lowerBound == end)
        #expect(try log.content(from: end) == model)
    }

    @Test func `C41 offsets that were deleted are never given again when the process ends at any call`() throws {
        func prepare() throws -> (LogStage, FaultyFileSystem, PartitionLog, [Entry]) {
            let stage = try LogStage()
            let disk = FaultyFileSystem()
            let log = try stage.open(on: disk, epoch: 1).log
            return (stage, disk, log, try log.fill(8, clock: stage.clock))
        }
        let (stage, disk, log, _) = try prepare()
        let before = disk.callsCount
        try withExtendedLifetime(stage) { try delete(log, before: log.logEndOffset) }
        for call in 0..<disk.callsCount - before {
            let (stage, disk, log, model) = try prepare()
            disk.inject(Fault.crash(at: call))
            #expect(throws: (any Error).self) { try delete(log, before: log.logEndOffset) }
            let (reopened, report) = try stage.open(.killed, epoch: 2)
            #expect(report.damage.isEmpty && report.missing.isEmpty && report.tornTail == nil)
            #expect(reopened.logEndOffset == log.logEndOffset, "crash at call \(call)")
            let seen = try reopened.content()
            #expect(seen == [] || seen.contents == model.contents, "crash at call \(call)")
            // What is left over goes with the next deletion.
            try reopened.flush()
            try delete(reopened, before: reopened.logEndOffset)
            #expect(try Disk.names(stage.directory).filter { $0.hasSuffix(".log") }.count == 1)
        }
    }

    @Test func `C22 no file goes before a checkpoint on disk says that its records are deleted`() throws {
        let stage = try LogStage()
        let disk = FaultyFileSystem()
        let log = try stage.open(on: disk, epoch: 1).log
        let model = try log.fill(8, clock: stage.clock)
        disk.inject(Fault(.fail(.noSpace), [.write]) { $0.lastComponent?.string == "checkpoint.new" })
        try log.raiseLogStart(to: log.logEndOffset)
        #expect(throws: FileError.self) { try log.saveCheckpoint() }
        // The log starts later in memory, and only there.
        #expect(try log.takeExpiredSegments().isEmpty)
        #expect(try stage.open(.killed).log.content().contents == model.contents)
        try log.saveCheckpoint()
        #expect(try !log.takeExpiredSegments().isEmpty)
    }

    @Test func `C44 a reader with a plan in hand does not fail when its segment goes`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.fill(20, clock: stage.clock)
        guard case .read(let plan) = try log.planRead(from: .zero, limit: log.logEndOffset, maximumBytes: 100) else {
            throw StorageError.offsetOutOfRange(.zero, available: .zero..<(.zero))
        }
        let start = log.segments[3].baseOffset
        try delete(log, before: start)
        #expect(log.isOutdated(plan))
        let outcome = try? plan.run()
        if let outcome { #expect(try log.finishRead(outcome) == nil) }
        #expect(try log.content(from: .zero).first == .gap(.zero..<start))
    }

    @Test func `C19 a checkpoint of another topic of the same name counts for nothing`() throws {
        let stage = try LogStage()
        var checkpoint = PartitionCheckpoint(topicID: stage.identity.topicID + 1)
        checkpoint.logStartOffset = Offset(5)
        checkpoint.swap = SegmentSwap(baseOffsets: [.zero, Offset(4)])
        try checkpoint.write(in: stage.directory, PosixFileSystem())
        let log = try stage.open().log
        let model = try log.fill(10, clock: stage.clock)
        try log.close()
        let (reopened, _) = try stage.open(.clean)
        #expect(reopened.logStartOffset == .zero)
        #expect(try reopened.content() == model)
    }

    @Test(arguments: 0..<40)
    func `C13 a garbled checkpoint stops nothing`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try log.fill(10, clock: stage.clock)
        try delete(log, before: log.segments[1].baseOffset)
        try log.close()
        let path = stage.path("orders-0/checkpoint")
        var bytes = try Disk.read(path)
        switch seed % 4 {
        case 0: bytes = []
        case 1: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << Int.random(in: 0..<8, using: &random)
        case 2: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
        default: bytes = random.bytes(Int.random(in: 1...2000, using: &random))
        }
        try Disk.write(bytes, to: path)
        let (reopened, report) = try stage.open(.clean)
        #expect(report.damage.isEmpty && reopened.logEndOffset == log.logEndOffset)
        let seen = try reopened.content().records
        #expect(seen == model.filter { $0.offsets.lowerBound >= log.logStartOffset })
    }

    @Test func `A checkpoint reads back as it was written`() {
        var checkpoint = PartitionCheckpoint(topicID: 0xabc)
        #expect(PartitionCheckpoint(decoding: checkpoint.encoded(), topicID: 0xabc) == checkpoint)
        checkpoint.logStartOffset = Offset(7)
        checkpoint.generation = 3
        checkpoint.cleanedTo = Offset(99)
        checkpoint.nextTombstoneExpiry = Timestamp(milliseconds: 12)
        checkpoint.swap = SegmentSwap(baseOffsets: [Offset(7), Offset(20)])
        checkpoint.lastScrub = ScrubResult(
            time: Timestamp(milliseconds: 5), segmentsCount: 2, bytes: 3, damagedSegmentsCount: 1)
        #expect(PartitionCheckpoint(decoding: checkpoint.encoded(), topicID: 0xabc) == checkpoint)
        #expect(PartitionCheckpoint(decoding: checkpoint.encoded(), topicID: 0xabd) == nil)
    }
}
