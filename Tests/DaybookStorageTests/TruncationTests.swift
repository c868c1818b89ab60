// Files that end early or go on too long: cut at every length, followed by garbage, zeros, or frames that were valid
// once and somewhere else.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Truncation and tails")
struct TruncationTests {
    let stage: LogStage
    let model: [Entry]
    let end: Offset
    let files: [String: [UInt8]]
    let bases: [Int64]

    init() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(200)
        let log = try stage.open().log
        model = try log.fill(6, size: 4, clock: stage.clock)
        try log.close()
        end = log.logEndOffset
        bases = log.segments.map(\.baseOffset.rawValue)
        files = try stage.snapshot()
        self.stage = stage
    }

    /// The records of a segment that lie wholly in its first `length` bytes.
    private func kept(_ base: Int64, _ length: Int) throws -> [Entry] {
        let next = bases.first { $0 > base } ?? end.rawValue
        let size = try #require(files["orders-0/\(SegmentName.log(Offset(base)))"]).count
        let inside = model.filter { (base..<next).contains($0.offsets.lowerBound.rawValue) }
        let batch = size / (inside.count / 2)
        return Array(inside.prefix(length / batch * 2))
    }

    @Test(
        "C1 C2 C3 C18 the last segment cut at every length, above the recovery point: a torn tail, and two more opens agree"
    )
    func lastAbove() throws {
        let base = try #require(bases.last)
        let path = stage.log(base)
        let whole = try #require(files["orders-0/\(SegmentName.log(Offset(base)))"])
        for length in whole.indices {
            for withSidecars in [true, false] {
                try stage.restore(files)
                if withSidecars { try Disk.remove(stage.sidecar(base)) } else { try stage.removeSidecars() }
                // Nothing tells that the segment has ever been durable.
                try Disk.remove(stage.directory.appending(PartitionCheckpoint.fileName))
                try Disk.truncate(path, to: length)
                let (log, report) = try stage.open(.durable(Offset(base)), epoch: 1)
                let place = Comment(rawValue: "length \(length), sidecars \(withSidecars)")
                let before = model.filter { $0.offsets.lowerBound.rawValue < base }
                let expected = before + (try kept(base, length))
                #expect(try log.content().contents == expected.contents, place)
                let valid = try kept(base, length).count / 2 * (whole.count / 2)
                #expect((report.tornTail != nil) == (length != valid), place)
                #expect(log.activeSegment.size == Position(valid), place)
                #expect(try Disk.read(path).count == valid, place)
                #expect(
                    try stage.quarantined().map(\.bytes) == (length == valid ? [] : [Array(whole[valid..<length])]),
                    place)
                let more = try log.fill(1, clock: stage.clock)
                let (again, second) = try stage.open(.durable(log.recoveryPoint))
                #expect(second.tornTail == nil && second.damage.isEmpty, place)
                #expect(try again.content().contents == (expected + more).contents, place)
            }
        }
    }

    @Test("C1 C54 the last segment cut at every length, below the recovery point: told, and no offset is given twice")
    func lastBelow() throws {
        let base = try #require(bases.last)
        let whole = try #require(files["orders-0/\(SegmentName.log(Offset(base)))"])
        for length in whole.indices {
            for withSidecars in [true, false] {
                try stage.restore(files)
                if !withSidecars { try stage.removeSidecars() }
                try Disk.truncate(stage.log(base), to: length)
                // With a sidecar even an unknown recovery point is known: the sidecar's promise.
                let (log, report) = try stage.open(withSidecars ? .unknown : .durable(end), epoch: 1)
                let place = Comment(rawValue: "length \(length), sidecars \(withSidecars)")
                let expected = model.filter { $0.offsets.lowerBound.rawValue < base } + (try kept(base, length))
                let lost = (expected.last?.offsets.upperBound ?? .zero)..<end
                #expect(report.tornTail == nil, place)
                #expect(report.damage.map(\.damage.offsets) + report.missing == [lost], place)
                #expect(log.logEndOffset == end && log.recoveryPoint == end, place)
                #expect(try log.content().contents == expected.contents + [.gap(lost)], place)
                #expect(try Disk.read(stage.log(base)).count == length, place)
                if length % 13 == 0 {
                    // Opening once more before anything was appended comes to the same end.
                    #expect(try stage.open(withSidecars ? .unknown : .durable(end)).log.logEndOffset == end, place)
                }
                let more = try log.fill(1, clock: stage.clock)
                #expect(more[0].offsets.lowerBound == end, place)
                let again = try stage.open(.durable(log.recoveryPoint)).log
                #expect(try again.content().contents == expected.contents + [.gap(lost)] + more.contents, place)
            }
        }
    }

    @Test("C7 a middle segment cut at every length, with and without its sidecar: a gap, the rest in order")
    func middle() throws {
        let base = bases[1]
        let whole = try #require(files["orders-0/\(SegmentName.log(Offset(base)))"])
        for length in whole.indices {
            for withSidecars in [true, false] {
                try stage.restore(files)
                if !withSidecars { try stage.removeSidecars() }
                try Disk.truncate(stage.log(base), to: length)
                let (log, report) = try stage.open(.durable(end))
                let place = Comment(rawValue: "length \(length), sidecars \(withSidecars)")
                let inside = try kept(base, length)
                let lost = Offset(base + Int64(inside.count))..<Offset(bases[2])
                let seen = try log.content(maximumBytes: [1, 10_000])
                #expect(seen.contents == model.without([lost]).contents, place)
                #expect(seen.hasRisingTimes, place)
                #expect(report.damage.map(\.damage.offsets) + report.missing == [lost], place)
                #expect(try Disk.read(stage.log(base)).count == length, place)
            }
        }
    }

    private enum Tail: CaseIterable {
        case garbage, zeros, shortZeros, olderFrame, otherLogsFrame, zeroChecksumHeader
    }

    private func bytes(_ tail: Tail) throws -> [UInt8] {
        let first = try #require(files["orders-0/\(SegmentName.log(Offset(bases[0])))"])
        var random = SeededGenerator(seed: 19)
        switch tail {
        case .garbage: return random.bytes(500)
        case .zeros: return [UInt8](repeating: 0, count: 4096)
        case .shortZeros: return [0]
        case .olderFrame: return first
        case .otherLogsFrame:
            let other = try LogStage(topicID: 9)
            let log = try other.open().log
            try log.fill(30, size: 4, clock: other.clock)
            return try Disk.read(other.log(log.segments[1].baseOffset.rawValue))
        case .zeroChecksumHeader:
            // A header that is plausible but for a checksum of zero, and no records.
            return Array(first[..<8].dropLast()) + [UInt8(end.rawValue)] + Array(first[8..<17]) + [0, 0, 0, 0]
                + Array(first[21..<61])
        }
    }

    @Test("C4 C19 C3 whatever stands behind the last batch is a torn tail, below the recovery point or not")
    func tails() throws {
        let base = try #require(bases.last)
        for tail in Tail.allCases {
            let bytes = try bytes(tail)
            for before in [LogStage.Before.unknown, .durable(end), .killed, .clean] {
                for withSidecars in [true, false] {
                    try stage.restore(files)
                    if !withSidecars { try stage.removeSidecars() }
                    try Disk.append(bytes, to: stage.log(base))
                    let (log, report) = try stage.open(before, epoch: 1)
                    let place = Comment(rawValue: "\(tail), \(before), sidecars \(withSidecars)")
                    if tail == .olderFrame || tail == .otherLogsFrame, before.wasClosedCleanly, log.logEndOffset != end
                    {
                        // Closed cleanly, nothing known, valid frames of higher offsets behind: kept as they are.
                        #expect(try log.content().records.prefix(model.count).contents == model.contents, place)
                        continue
                    }
                    #expect(report.tornTail?.byteCount == bytes.count, place)
                    #expect(report.damage.isEmpty, place)
                    #expect(try stage.quarantined().map(\.bytes) == [bytes], place)
                    #expect(try log.content().contents == model.contents, place)
                    let more = try log.fill(2, clock: stage.clock)
                    for _ in 0..<2 {
                        let (again, second) = try stage.open(.durable(log.recoveryPoint))
                        #expect(second.tornTail == nil, place)
                        #expect(try again.content().contents == (model + more).contents, place)
                    }
                }
            }
        }
    }

    @Test("C4 C19 bytes behind the end of a middle segment are nobody's records")
    func middleTails() throws {
        for tail in Tail.allCases {
            // Even the next segment's own first batch, or its older self.
            for bytes in [try bytes(tail), try #require(files["orders-0/\(SegmentName.log(Offset(bases[2])))"])] {
                for withSidecars in [true, false] {
                    try stage.restore(files)
                    if !withSidecars { try stage.removeSidecars() }
                    try Disk.append(bytes, to: stage.log(bases[1]))
                    let (log, report) = try stage.open(.durable(end))
                    let place = Comment(rawValue: "\(tail), sidecars \(withSidecars)")
                    #expect(try log.content(maximumBytes: [1, 10_000]).contents == model.contents, place)
                    #expect(report.damage.isEmpty && report.missing.isEmpty, place)
                    #expect(log.segments[1].facts.recordsCount == 4, place)
                }
            }
        }
    }

    @Test("C1 two different tails torn off at the same place are both kept")
    func sameRange() throws {
        let base = try #require(bases.last)
        for mark in [UInt8(1), 2] {
            try Disk.append([UInt8](repeating: mark, count: 70), to: stage.log(base))
            #expect(try stage.open(.durable(end)).report.tornTail?.byteCount == 70)
        }
        #expect(try Set(stage.quarantined().map { $0.bytes[0] }) == [1, 2])
    }

    @Test("C14 random bytes for files: every open ends, traps at nothing, and asks for little in few calls")
    func noise() throws {
        var random = SeededGenerator(seed: 14)
        for _ in 0..<100 {
            try stage.restore(files)
            for (name, bytes) in files where Int.random(in: 0..<2, using: &random) == 0 {
                var bytes = bytes
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    let start = Int.random(in: 0..<bytes.count, using: &random)
                    let count = Int.random(in: 1...8, using: &random)
                    for index in start..<min(start + count, bytes.count) {
                        bytes[index] =
                            [0, 0xff, 0x7f, UInt8.random(in: 0...255, using: &random)].randomElement(using: &random)
                            ?? 0
                    }
                }
                try Disk.write(bytes, to: stage.path(name))
            }
            let before: LogStage.Before =
                [.unknown, .durable(end), .clean, .killed].randomElement(using: &random) ?? .clean
            let disk = FaultyFileSystem()
            let log = try stage.open(before, on: disk, epoch: 7).log
            let seen = try log.content(maximumBytes: [1, 10_000])
            // Nothing more than a window is read at once, whatever lengths the bytes claim; and there is an end of calls.
            #expect(disk.trace.allSatisfy { $0.kind != .read || ($0.count ?? 0) <= 256 << 10 })
            #expect(disk.trace.count < 2000, "\(disk.trace.count) calls")
            for entry in seen.records.contents where entry.offsets.lowerBound < end {
                #expect(model.contents.contains(entry), "nothing is read that was not written")
            }
            #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.offsets.upperBound == $1.offsets.lowerBound })
        }
    }
}
