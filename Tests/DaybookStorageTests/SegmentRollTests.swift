// Segments: when one is closed, thousands of tiny ones, offsets beyond four bytes, and the sparse index against a walk
// over every batch.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookTesting
import SystemPackage
import Testing

@testable import DaybookStorage

@Suite("Segments and index")
struct SegmentRollTests {
    @Test("a segment is closed before it would grow beyond its size, and never while it is empty")
    func bytes() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(1000)
        let log = try stage.open().log
        try log.fill(30, size: 60, clock: stage.clock)
        let sizes = log.segments.map(\.size.rawValue)
        #expect(sizes.allSatisfy { $0 <= 1000 })
        #expect(zip(sizes, sizes.dropFirst()).dropLast().allSatisfy { $0 + $1 > 1000 })
        // A batch larger than a segment gets one of its own.
        try log.fill(1, size: 2000, clock: stage.clock)
        try log.fill(1, size: 20, clock: stage.clock)
        #expect(log.segments.dropLast().last?.facts.batchesCount == 1)
        #expect(try log.content().count == 64)
    }

    @Test("a segment is closed when its first batch is old enough at the next append, not before")
    func age() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .mebibytes(1)
        stage.configuration.segmentMilliseconds = 1000
        let log = try stage.open().log
        try log.fill(1, clock: stage.clock)
        stage.clock.advance(by: .milliseconds(989))
        try log.fill(1, clock: stage.clock)  // 10 ms more: 999
        #expect(log.segments.count == 1)
        try log.fill(1, clock: stage.clock)
        #expect(log.segments.count == 2)
        #expect(log.segments[1].baseOffset == Offset(4))
        stage.clock.advance(by: .seconds(100))
        #expect(log.segments.count == 2)
        try log.close()
        let again = try stage.open(.clean).log
        try again.fill(1, clock: stage.clock)
        #expect(again.segments.count == 3, "the age outlives the process")
    }

    @Test("C46 a reader tails a log that rolls at every batch, across 1,500 segments and reopenings")
    func tail() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(1)
        stage.poolLimit = 5
        let disk = FaultyFileSystem()
        disk.isTracing = false
        var log = try stage.open(on: disk).log
        var (model, seen): ([Entry], [Entry]) = ([], [])
        var random = SeededGenerator(seed: 46)
        while log.segments.count < 1500 {
            model += try log.fill(Int.random(in: 1...40, using: &random), size: 4, flush: false, clock: stage.clock)
            if Bool.random(using: &random) { try log.flush() }
            let limit = Bool.random(using: &random) ? log.recoveryPoint : log.logEndOffset
            let next = seen.last?.offsets.upperBound ?? .zero
            if next <= limit { seen += try log.content(from: next, below: limit, maximumBytes: [1, 1000]) }
            if Int.random(in: 0..<30, using: &random) == 0 {
                log = try stage.open(.killed, on: disk).log
                // The active segment's last batch may have got an estimated time.
                #expect(log.logEndOffset == model.last?.offsets.upperBound)
            }
        }
        try log.flush()
        seen += try log.content(from: seen.last?.offsets.upperBound ?? .zero)
        #expect(seen.contents == model.contents)
        #expect(seen.gaps.isEmpty)
        #expect(log.pool.openCount <= 5)
        try log.close()
        let (again, report) = try stage.open(.clean, on: disk)
        #expect(report.scannedBytes == 0)
        #expect(try again.content().contents == model.contents)
    }

    @Test("C47 offsets far beyond 2^31, in one segment and from its first on")
    func wideOffsets() throws {
        let stage = try LogStage()
        var before = LogStage.Before.durable(Offset(1 << 40))
        before.logStartOffset = Offset(1 << 40)
        let log = try stage.open(before).log
        let model = try log.fill(12, size: 60, clock: stage.clock)
        #expect(model[0].offsets.lowerBound == Offset(1 << 40))
        try log.close()
        let again = try stage.open(before).log
        #expect(try again.content(maximumBytes: [1, 300]) == model)
        #expect(again.segments[1].file.path == stage.log((1 << 40) + 6))
    }

    @Test("C47 C53 a compacted segment that spans more than 2^31 offsets")
    func compacted() throws {
        var stage = try LogStage()
        stage.configuration.indexIntervalBytes = .bytes(0)
        var bytes: [UInt8] = []
        var next: Int64 = 5
        var bases: [Int64] = []
        try Disk.write([], to: stage.log(next))
        for mark in 0..<6 {
            // Batches whose other records have been compacted away: few records, many offsets.
            let batch = try Batch.make(3, of: 20, mark: UInt8(mark))
            var memory = batch.withBytes { [UInt8]($0) }
            var header = batch.header
            header.baseOffset = Offset(next)
            header.lastOffsetDelta = .max - 7
            memory.withUnsafeMutableBytes { header.seal(into: $0) }
            bytes += memory
            bases.append(next)
            next = header.nextOffset.rawValue
        }
        try Disk.write(bytes, to: stage.log(5))
        #expect(next > 6 << 30)
        for withSidecars in [false, true] {
            var before = LogStage.Before.durable(Offset(next))
            before.logStartOffset = Offset(5)
            let log = try stage.open(before).log
            #expect(log.logEndOffset == Offset(next))
            for (index, base) in bases.enumerated() {
                for offset in [base, base + 1, base + 1 << 30] {
                    guard
                        case .batches(let batches, _) = try log.read(
                            from: Offset(offset), limit: Offset(next), maximumBytes: 1)
                    else {
                        Issue.record("nothing at \(offset)")
                        continue
                    }
                    #expect(batches[0].baseOffset == Offset(base))
                    #expect(try batches[0].records()[0].record.value?[0] == UInt8(index))
                }
            }
            let found = try log.offset(forTimestamp: Timestamp(milliseconds: 2), limit: Offset(next))
            #expect(found == Offset(7))
            if !withSidecars { try log.close() }
        }
    }

    @Test("C6 the sparse index finds what a walk over every batch finds", arguments: [0, 1, 150, 400, 1 << 20])
    func sparseIndex(interval: Int) throws {
        var stage = try LogStage()
        stage.configuration.indexIntervalBytes = .bytes(interval)
        stage.configuration.segmentBytes = .kibibytes(8)
        let log = try stage.open().log
        var random = SeededGenerator(seed: UInt64(interval))
        for _ in 0..<150 {
            let batch = try Batch.make(
                Int.random(in: 1...5, using: &random), of: Int.random(in: 2...90, using: &random), mark: 3)
            _ = try log.append(batch, now: stage.clock.advance(by: .milliseconds(1)))
        }
        try log.flush()
        try log.close()
        let again = try stage.open(.clean).log
        for segment in again.segments {
            var walker = BatchWalker(segment.file, to: segment.size, expecting: segment.baseOffset)
            var entries = 0
            walk: while true {
                switch try walker.next() {
                case .end: break walk
                case .invalid(let problem, let position):
                    Issue.record("\(problem) at \(position)")
                    break walk
                case .batch(let header, let bytes, let position):
                    for offset in [header.baseOffset, header.lastOffset] {
                        guard
                            case .batches(let batches, _) = try again.read(
                                from: offset, limit: again.logEndOffset,
                                maximumBytes: Int.random(in: 1...2000, using: &random))
                        else {
                            Issue.record("nothing at \(offset)")
                            continue
                        }
                        #expect(batches[0].header == header)
                    }
                    if segment.index?.entries.contains(where: { $0.position == position }) == true {
                        let entry = try #require(segment.index?.entry(atOrBefore: header.baseOffset))
                        #expect(entry.offset == header.baseOffset)
                        #expect(entry.headerChecksum == IndexEntry.headerChecksum(of: bytes))
                        entries += 1
                    }
                }
            }
            #expect(entries == segment.index?.entries.count)
        }
    }

    @Test("C6 C69 index entries that point elsewhere, or to other headers, are found out and made anew")
    func wrongEntries() throws {
        var stage = try LogStage()
        stage.configuration.indexIntervalBytes = .bytes(0)
        stage.configuration.segmentBytes = .mebibytes(1)
        let log = try stage.open().log
        let model = try log.fill(6, size: 20, clock: stage.clock)
        let segment = log.segments[0]
        let entries = try #require(segment.index?.entries)
        var random = SeededGenerator(seed: 6)
        for _ in 0..<60 {
            var wrong = entries
            let (a, b) = (
                Int.random(in: 0..<entries.count, using: &random), Int.random(in: 0..<entries.count, using: &random)
            )
            let other = entries[b]
            wrong[a] = IndexEntry(
                offset: entries[a].offset, position: Bool.random(using: &random) ? other.position : entries[a].position,
                headerChecksum: Bool.random(using: &random) ? other.headerChecksum : entries[a].headerChecksum,
                maxTimestampBefore: entries[a].maxTimestampBefore)
            var index = SegmentIndex()
            index.append(entries: wrong, appendTimes: segment.index?.appendTimes ?? [])
            segment.index = index
            let from = Offset(Int64.random(in: 0..<12, using: &random))
            let seen = try log.content(from: from, maximumBytes: [1])
            #expect(seen == model.filter { $0.offsets.lowerBound >= from })
            #expect(segment.damage.isEmpty)
        }
    }

    @Test("opening costs the tail: what sidecars vouch for is not read")
    func costOfOpening() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .kibibytes(64)
        let log = try stage.open().log
        while log.segments.count < 12 { try log.fill(10, size: 500, flush: false, clock: stage.clock) }
        try log.flush()
        let tail = log.activeSegment.size.rawValue
        let disk = FaultyFileSystem()
        let (again, report) = try stage.open(.durable(log.recoveryPoint), on: disk)
        #expect(report.scannedBytes == tail)
        #expect(again.size > 10 * 64 << 10)
        let read = disk.trace.filter { $0.kind == .read && $0.path.extension == "log" }
        #expect(Set(read.map(\.path)) == [again.activeSegment.file.path])
        // After a power cut each closed segment's sidecar is looked at twice: at its end, and whether all of it is there.
        let opens = disk.trace.filter { $0.kind == .open && $0.path.extension == "sidecar" }.count
        #expect(opens == 2 * again.segments.count - 1)
    }
}
