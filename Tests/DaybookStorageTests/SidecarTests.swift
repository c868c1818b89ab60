// Sidecars are derivable: any of them may be missing, torn, zeroed, old, or another segment's. That costs time, never a
// record, and never another segment's time.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookTesting
import SystemPackage
import Testing

@testable import DaybookStorage

@Suite("Sidecar")
struct SidecarTests {
    let stage: LogStage
    let model: [Entry]
    let end: Offset
    let bases: [Int64]

    init() throws {
        stage = try LogStage()
        let log = try stage.open().log
        model = try log.fill(16, size: 60, clock: stage.clock)
        try log.close()
        end = log.logEndOffset
        bases = log.segments.map(\.baseOffset.rawValue)
        #expect(bases.count == 6)
    }

    /// Opens and reads all; every record is there, times do not fall, and only segments in `spoiled` lost theirs.
    private func check(
        _ spoiled: Set<Int64>, before: LogStage.Before? = nil, _ place: Comment = ""
    ) throws {
        let (log, report) = try stage.open(before ?? .durable(end))
        #expect(report.damage.isEmpty && report.missing.isEmpty && report.tornTail == nil, place)
        let sealed = spoiled.filter { $0 != bases.last }
        #expect(Set(report.rebuiltSidecars.map(\.rawValue)).isSubset(of: sealed), place)
        let seen = try log.content(maximumBytes: [1, 10_000])
        #expect(seen.contents == model.contents, place)
        #expect(seen.hasRisingTimes, place)
        for (expected, found) in zip(model, seen) {
            let base = bases.last { $0 <= expected.offsets.lowerBound.rawValue }
            if !spoiled.contains(base ?? -1) { #expect(expected == found, place) }
        }
        #expect(log.damage.isEmpty, place)
        // The next open finds everything in order again.
        let (again, second) = try stage.open(.durable(end))
        #expect(second.rebuiltSidecars.isEmpty, place)
        #expect(try again.content().contents == model.contents, place)
    }

    @Test("C13 C16 any one sidecar missing, empty, zeroed or garbage: only its own segment is scanned")
    func one() throws {
        let files = try stage.snapshot()
        var random = SeededGenerator(seed: 13)
        for base in bases {
            let path = stage.sidecar(base)
            let whole = try Disk.read(path)
            for spoil in 0..<5 {
                try stage.restore(files)
                switch spoil {
                case 0: try Disk.remove(path)
                case 1: try Disk.write([], to: path)
                case 2: try Disk.write([UInt8](repeating: 0, count: whole.count), to: path)
                case 3: try Disk.write(random.bytes(whole.count), to: path)
                default: try Disk.append(random.bytes(100), to: path)
                }
                let (_, report) = try stage.open(.durable(end))
                let size = files["orders-0/\(SegmentName.log(Offset(base)))"]?.count ?? 0
                #expect(report.scannedBytes <= size, "segment \(base), way \(spoil)")
                try stage.restore(files)
                if spoil == 4 { continue }
                try spoil == 0 ? Disk.remove(path) : Disk.write([UInt8](repeating: 0, count: whole.count), to: path)
                try check([base], "segment \(base), way \(spoil)")
            }
        }
    }

    @Test("C13 a sidecar cut at any length")
    func truncated() throws {
        let files = try stage.snapshot()
        for base in [bases[1], bases[5]] {
            let whole = try Disk.read(stage.sidecar(base))
            for length in stride(from: 0, to: whole.count, by: 5) {
                try stage.restore(files)
                try Disk.truncate(stage.sidecar(base), to: length)
                try check([base], "segment \(base) at \(length)")
            }
        }
    }

    @Test("C13 all sidecars missing: everything is scanned once, and never again")
    func all() throws {
        try stage.removeSidecars()
        let (log, report) = try stage.open(.durable(end))
        #expect(report.scannedBytes == log.size)
        #expect(report.rebuiltSidecars.count == bases.count - 1)
        try check(Set(bases))
        let (_, second) = try stage.open(.durable(end))
        #expect(second.scannedBytes <= log.activeSegment.size.rawValue)
    }

    @Test("C13 sidecars swapped between segments are nobody's")
    func swapped() throws {
        let files = try stage.snapshot()
        for first in bases.indices {
            for second in bases.indices where first < second {
                try stage.restore(files)
                let (a, b) = (stage.sidecar(bases[first]), stage.sidecar(bases[second]))
                let (left, right) = (try Disk.read(a), try Disk.read(b))
                try Disk.write(right, to: a)
                try Disk.write(left, to: b)
                try check([bases[first], bases[second]], "\(first) with \(second)")
            }
        }
    }

    @Test("C13 C19 another partition's sidecar, or another topic's of the same name, is not believed")
    func foreign() throws {
        for (topicID, partition) in [(UInt64(0xD0), Int32(1)), (0xD1, 0)] {
            let other = try LogStage(topicID: topicID, partition: partition)
            other.clock.set(to: Timestamp(milliseconds: 77))
            let log = try other.open().log
            try log.fill(16, size: 60, clock: other.clock)
            try log.close()
            #expect(log.segments.map(\.baseOffset.rawValue) == bases)
            for base in bases { try Disk.write(try Disk.read(other.sidecar(base)), to: stage.sidecar(base)) }
            let (again, report) = try stage.open(.durable(end))
            #expect(report.rebuiltSidecars.count == bases.count - 1)
            let seen = try again.content()
            #expect(seen.contents == model.contents)
            #expect(seen.allSatisfy { $0.appendTime ?? 0 > 1000 }, "no time of the other log")
        }
    }

    @Test("C13 an old sidecar of the same segment: the rest is scanned, the known times stay")
    func stale() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let first = try log.fill(2, clock: stage.clock)
        try log.close()
        let old = try Disk.read(stage.sidecar(0))
        let again = try stage.open(.clean).log
        var model = first + (try again.fill(12, size: 60, clock: stage.clock))
        try again.close()
        try Disk.write(old, to: stage.sidecar(0))
        let (third, report) = try stage.open(.durable(again.logEndOffset))
        #expect(report.rebuiltSidecars == [.zero])
        #expect(report.scannedBytes < third.segments[0].size.rawValue)
        let seen = try third.content()
        #expect(seen.prefix(4) == first.prefix(4))
        #expect(seen.contents == model.contents && seen.hasRisingTimes)
        model = seen
        #expect(try stage.open(.durable(again.logEndOffset)).log.content() == model)
    }

    @Test("C13 a sidecar of an earlier life that a power cut behind a proper close brings back promises nothing")
    func broughtBack() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        while log.segments.count < 2 { try log.fill(1, size: 60, flush: false, clock: stage.clock) }
        let old = try Disk.read(stage.sidecar(0))
        // The power goes: of the records nothing is left, and of the segment that followed neither.
        try Disk.write([], to: stage.log(0))
        try Disk.remove(stage.log(log.activeSegment.baseOffset.rawValue))
        let again = try stage.open().log
        let model = try again.fill(1, size: 60, clock: stage.clock)
        try again.close()
        // It goes once more, before the system has written the new sidecar back.
        try Disk.write(old, to: stage.sidecar(0))
        let (third, report) = try stage.open(.clean)
        #expect(report.missing.isEmpty && report.damage.isEmpty && report.tornTail == nil)
        #expect(third.logEndOffset == again.logEndOffset)
        #expect(try third.content().contents == model.contents)
    }

    /// A closed segment whose sidecar has several blocks, and everything the log was asked to keep.
    private func severalBlocks(
        _ timestampType: TimestampType = .create
    ) throws -> (stage: LogStage, model: [Entry], end: Offset) {
        var stage = try LogStage()
        stage.configuration.timestampType = timestampType
        var model: [Entry] = []
        var log = try stage.open().log
        // A clean end leaves a block.
        for _ in 0..<3 {
            model += try log.fill(2, clock: stage.clock)
            try log.close()
            log = try stage.open(.clean).log
        }
        while log.segments.count == 1 { model += try log.fill(1, size: 60, clock: stage.clock) }
        try log.close()
        return (stage, model, log.logEndOffset)
    }

    @Test("C13 a power cut that takes a part of a sidecar and leaves its end: made anew, with everything that is left")
    func beginningLost() throws {
        let (stage, model, end) = try severalBlocks()
        let files = try stage.snapshot()
        let whole = try Disk.read(stage.sidecar(0))
        let blocks = SidecarInspection(whole).summaries
        #expect(blocks.count >= 4)
        let seal = try #require(blocks.last)
        for (number, block) in blocks.dropLast().enumerated() {
            for lost in [block.positions, .zero..<block.positions.upperBound] {
                try stage.restore(files)
                var bytes = whole
                for place in lost.lowerBound.rawValue..<lost.upperBound.rawValue { bytes[place] = 0 }
                try Disk.write(bytes, to: stage.sidecar(0))
                let place: Comment = "block \(number), \(lost)"
                // Whoever only reads does without, and so does an open that no restart of the machine precedes.
                for before in [LogStage.Before(recoveryPoint: end, isReadOnly: true), .killed, .clean] {
                    let (log, report) = try stage.open(before)
                    #expect(report.isUneventful, place)
                    #expect(log.segments[0].facts == seal.facts, place)
                }
                let (log, report) = try stage.open(.durable(end), epoch: 1)
                #expect(report.rebuiltSidecars == [.zero] && report.damage.isEmpty, place)
                #expect(log.segments[0].facts == seal.facts, place)
                #expect(!log.segments[0].hasUnflushedBytes, place)
                let seen = try log.content(maximumBytes: [1])
                #expect(seen.contents == model.contents && seen.hasRisingTimes, place)
                #expect(seen.first == model.first, place)
                // Of what the lost blocks covered only the bounds are known.
                let unknown =
                    (number > 0 && lost.lowerBound == block.positions.lowerBound)
                    ? blocks[number - 1].facts.nextOffset..<block.facts.nextOffset : .zero..<block.facts.nextOffset
                for (entry, found) in zip(model, seen) where !unknown.contains(entry.offsets.lowerBound) {
                    #expect(entry == found, place)
                }
                let remade = SidecarInspection(try Disk.read(stage.sidecar(0)))
                #expect(remade.problems.isEmpty && remade.summaries.map(\.number) == [0], place)
                #expect(remade.summaries.first?.isSealed == true && remade.summaries.first?.isFlushed == true, place)
                #expect(try stage.open(.durable(end)).report.rebuiltSidecars.isEmpty, place)
            }
        }
    }

    @Test("C13 where the log stamps its batches, they tell when they were appended, and not what is left of a sidecar")
    func ownTimes() throws {
        let (stage, model, end) = try severalBlocks(.append)
        let files = try stage.snapshot()
        let whole = try Disk.read(stage.sidecar(0))
        for block in SidecarInspection(whole).summaries.dropLast() {
            try stage.restore(files)
            var bytes = whole
            for place in block.positions.lowerBound.rawValue..<block.positions.upperBound.rawValue { bytes[place] = 0 }
            try Disk.write(bytes, to: stage.sidecar(0))
            let (log, report) = try stage.open(.durable(end), epoch: 1)
            #expect(report.rebuiltSidecars == [.zero])
            #expect(try log.content() == model, "block \(block.number)")
            for entry in model {
                let time = try #require(entry.appendTime)
                let first = model.first { $0.appendTime.map { $0 >= time } ?? false }
                let found = try log.offset(appendedAtOrAfter: Timestamp(milliseconds: time), limit: end)
                #expect(found == first?.offsets.lowerBound, "block \(block.number), \(entry)")
            }
        }
    }

    @Test("an open that no restart of the machine precedes reads the end of a sidecar and no more")
    func costOfOpening() throws {
        let (stage, _, end) = try severalBlocks()
        func opens(_ before: LogStage.Before) throws -> Int {
            let disk = FaultyFileSystem()
            _ = try stage.open(before, on: disk)
            return disk.trace.count { $0.kind == .open && $0.path == stage.sidecar(0) }
        }
        #expect(try opens(.clean) == 1)
        #expect(try opens(.killed) == 1)
        #expect(try opens(.durable(end)) == 2)
    }

    @Test("a sidecar that claims offsets its active segment does not have: a gap, and reading ends")
    func forged() throws {
        let files = try stage.snapshot()
        let facts = try stage.open(.clean).log.activeSegment.facts
        // The second time it claims no more, and its index points into a batch.
        for (claimed, misleads) in [(Int64(7), false), (0, true)] {
            var forged = SidecarBlock(
                number: 0, isSealed: false, isFlushed: true,
                facts: SegmentFacts(
                    baseOffset: facts.baseOffset, size: facts.size,
                    nextOffset: facts.nextOffset.advanced(by: claimed), recordsCount: facts.recordsCount,
                    batchesCount: facts.batchesCount, controlRecordsCount: 0, abortedCount: 0, hash: facts.hash,
                    appendTimes: (facts.firstAppendTime, facts.lastAppendTime),
                    timestamps: (facts.firstTimestamp, facts.maxTimestamp), epochStarts: facts.epochStarts),
                entries: [], appendTimes: [], aborted: [], producers: ProducerStateTable())
            if misleads {
                forged.entries = [
                    IndexEntry(
                        offset: facts.baseOffset.advanced(by: 1), position: Position(9), headerChecksum: 1,
                        maxTimestampBefore: Timestamp(milliseconds: .min))
                ]
            }
            try stage.restore(files)
            try Disk.write(forged.encoded(for: stage.identity), to: stage.sidecar(facts.baseOffset.rawValue))
            let log = try stage.open(.clean).log
            let seen = try log.content()
            let gap: [Entry] = claimed > 0 ? [.gap(end..<end.advanced(by: claimed))] : []
            #expect(seen.contents == model.contents + gap.contents)
            let more = try log.fill(1, clock: stage.clock)
            #expect(try log.content().contents == model.contents + gap.contents + more.contents)
        }
    }

    @Test("C13 a sidecar that cannot be read, or is absurdly large, counts as missing")
    func unreadable() throws {
        try Disk.truncate(stage.sidecar(bases[0]), to: 1 << 40)
        try Disk.remove(stage.sidecar(bases[1]))
        try PosixFileSystem().createDirectory(stage.sidecar(bases[1]))
        try Disk.remove(stage.sidecar(bases[5]))
        try PosixFileSystem().createDirectory(stage.sidecar(bases[5]))
        let disk = FaultyFileSystem(faults: [
            Fault(.fail(.ioError), [.read], calls: 0..<Int.max) { [bad = stage.sidecar(bases[2])] in $0 == bad }
        ])
        let (log, report) = try stage.open(.durable(end), on: disk)
        #expect(report.rebuiltSidecars.map(\.rawValue) == Array(bases[0...2]))
        #expect(log.sidecarFailure != nil)
        #expect(try log.content().contents == model.contents)
        #expect(try log.fill(1, clock: stage.clock).count == 2)
    }

    @Test("C32 recovery on a full disk: sidecars that cannot be written do not stop it")
    func fullDisk() throws {
        try stage.removeSidecars()
        let disk = FaultyFileSystem(faults: [
            Fault(.fail(.noSpace), [.open, .write], calls: 0..<Int.max) { $0.extension == "sidecar" }
        ])
        let (log, _) = try stage.open(.durable(end), on: disk)
        #expect(log.sidecarFailure?.errno == .noSpace)
        #expect(try log.content().contents == model.contents)
    }

    @Test("C16 segments rolled but not flushed before a kill keep index and times through the next open's flush")
    func sealedUnflushed() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try log.fill(16, size: 60, flush: false, clock: stage.clock)
        stage.clock.advance(by: .seconds(60))
        let (again, report) = try stage.open(.killed)
        #expect(report.rebuiltSidecars.isEmpty)
        try again.flush()
        try again.close()
        let (third, second) = try stage.open(.durable(again.logEndOffset))
        #expect(second.scannedBytes == 0)
        let sealed = third.segments.dropLast()
        #expect(sealed.allSatisfy { !$0.hasUnflushedBytes })
        let known = Int(sealed.last?.nextOffset.rawValue ?? 0)
        #expect(try third.content(maximumBytes: [1]).prefix(known) == model.prefix(known))
        #expect(
            third.segments[third.segments.count - 2].index?.entries.count ?? 0 > 1, "the index entries are still there")
    }

    @Test("C19 C5 blocks of an earlier life, about bytes that were cut since, are not believed after a kill")
    func earlierLife() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let first = try log.fill(1, clock: stage.clock)
        // Rolled, not flushed: the sidecar speaks of bytes that a power cut may take.
        while log.segments.count == 1 { try log.fill(1, size: 60, flush: false, clock: stage.clock) }
        let size = log.segments[0].size.rawValue
        try Disk.remove(stage.log(log.segments[1].baseOffset.rawValue))
        var bytes = try Disk.read(stage.log(0))
        bytes[bytes.count / 2] ^= 1
        try Disk.write(bytes, to: stage.log(0))
        let again = try stage.open(.durable(Offset(2)), epoch: 1).log
        var model = try again.content(below: again.logEndOffset)
        #expect(model.count < 8 && model.prefix(2).contents == first.contents)
        // Grows to the very size it had, with other batches, and the process is killed.
        while again.segments.count == 1, again.size < size - 99 {
            model += try again.fill(1, size: 9, flush: false, clock: stage.clock)
        }
        let rest = size - again.size
        if again.segments.count == 1, rest > 80 {
            let batch = try Batch.make([[UInt8](repeating: 1, count: rest - 61 - 8)])
            model += try again.append(batch, now: stage.clock.now()).entries(of: batch)
        }
        let third = try stage.open(.killed).log
        #expect(third.logEndOffset == again.logEndOffset)
        #expect(try third.content().contents == model.contents)
        #expect(third.damage.isEmpty)
    }

    @Test("append times of rebuilt sidecars lie between those of their neighbours, whatever the files' dates say")
    func bounds() throws {
        // The model's times are of 1970, the files' dates are of now.
        stage.clock.set(to: Timestamp(milliseconds: 1 << 42))
        for spoiled in [[1, 2], [0], [4, 5], [0, 1, 2, 3]] {
            for index in spoiled {
                try? PosixFileSystem().removeFile(stage.sidecar(bases[index]))
            }
            let log = try stage.open(.durable(end)).log
            let seen = try log.content()
            #expect(seen.contents == model.contents)
            #expect(seen.hasRisingTimes, "\(spoiled)")
        }
    }

    @Test("batches that carry their append time lose nothing with their sidecar")
    func appendTimeBatches() throws {
        var stage = try LogStage()
        stage.configuration.timestampType = .append
        let log = try stage.open().log
        try log.fill(12, size: 60, clock: stage.clock)
        let model = try log.content()
        try log.close()
        try stage.removeSidecars()
        stage.clock.advance(by: .seconds(1000))
        #expect(try stage.open(.durable(log.logEndOffset)).log.content() == model)
    }

    @Test("the hash of the covered bytes is the checksum of the file")
    func hash() throws {
        let log = try stage.open(.durable(end)).log
        for segment in log.segments {
            let bytes = try Disk.read(segment.file.path)
            #expect(bytes.withUnsafeBytes { CRC32C.checksum($0) } == segment.facts.hash)
            #expect(segment.facts.size.rawValue == bytes.count)
        }
    }
}
