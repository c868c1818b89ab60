// One bit flips, anywhere. Below the recovery point that is corruption: told, kept, stepped over, and nothing is cut.
// Above it, it is a torn tail: cut, and kept in quarantine.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Corruption")
struct CorruptionTests {
    let stage: LogStage
    let model: [Entry]
    let end: Offset
    let files: [String: [UInt8]]

    /// Three segments of two batches.
    init() throws {
        stage = try LogStage()
        var stage = stage
        stage.configuration.segmentBytes = .bytes(200)
        self.stage.clock.set(to: Timestamp(milliseconds: 1_000_000))
        let log = try stage.open().log
        model = try log.fill(6, size: 4, clock: stage.clock)
        try log.close()
        end = log.logEndOffset
        #expect(log.segments.map(\.facts.batchesCount) == [2, 2, 2])
        files = try stage.snapshot()
    }

    /// Batches of a segment: where they lie, and their offsets.
    private func batches(_ bytes: [UInt8]) throws -> [(positions: Range<Int>, offsets: Range<Offset>)] {
        var found: [(positions: Range<Int>, offsets: Range<Offset>)] = []
        try bytes.withUnsafeBytes { buffer in
            var start = 0
            while start < buffer.count {
                let header = try BatchHeader(decoding: UnsafeRawBufferPointer(rebasing: buffer[start...]))
                found.append((start..<start + header.batchSize, header.baseOffset..<header.nextOffset))
                start += header.batchSize
            }
        }
        return found
    }

    private static func isEpoch(_ byte: Int) -> Bool {
        (BatchLayout.partitionLeaderEpoch..<BatchLayout.magic).contains(byte)
    }

    private func flip(_ name: String, _ byte: Int) throws {
        var bytes = try #require(files[name])
        bytes[byte] ^= 1 << UInt8((byte * 5 + byte / 8) % 8)
        try Disk.write(bytes, to: stage.path(name))
    }

    private var logs: [String] { files.keys.filter { $0.hasSuffix(".log") }.sorted() }

    @Test(
        "C1 C8 C69 flips below the recovery point are corruption with a gap; nothing is cut", arguments: [true, false])
    func below(withSidecars: Bool) throws {
        for name in logs {
            let bytes = try #require(files[name])
            let batches = try batches(bytes)
            for byte in bytes.indices {
                try stage.restore(files)
                if !withSidecars { try stage.removeSidecars() }
                try flip(name, byte)
                let spoiled = try Disk.read(stage.path(name))
                let batch = try #require(batches.first { $0.positions.contains(byte) })
                let (log, report) = try stage.open(.durable(end))
                let seen = try log.content(maximumBytes: [1, 100, 1 << 20])
                let place = Comment(rawValue: "\(name) byte \(byte)")
                #expect(report.tornTail == nil, place)
                #expect(log.logEndOffset >= end, place)
                let isLast = batch.positions.upperBound == bytes.count
                if !withSidecars, isLast, Self.isEpoch(byte - batch.positions.lowerBound), seen.gaps.isEmpty {
                    // A raised epoch at a segment's end has nobody beside it to tell that it is wrong.
                    #expect(seen.contents == model.contents, place)
                    continue
                }
                #expect(seen.contents == model.without([batch.offsets]).contents, place)
                if withSidecars { #expect(seen == model.without([batch.offsets]), place) }
                #expect(seen.hasRisingTimes, place)
                #expect(try Disk.read(stage.path(name)) == spoiled, "nothing is cut or changed")
                let kept = try stage.quarantined()
                #expect(kept.map(\.bytes) == [Array(spoiled[batch.positions])], place)
                #expect(
                    kept[0].manifest.contains("offsets \(batch.offsets.lowerBound)..<\(batch.offsets.upperBound)\n"))
                #expect(kept[0].manifest.contains("reason corruption: "))
                #expect(kept[0].manifest.contains("topic-partition orders-0\n"))
                if !withSidecars {
                    #expect(report.damage.map(\.damage.offsets) == [batch.offsets], place)
                }
                // What is appended now gets new offsets, and the next open sees all of it.
                guard byte % 29 == 0 else { continue }
                log.leaderEpoch = LeaderEpoch(rawValue: 1)
                let more = try log.fill(1, clock: stage.clock)
                #expect(more[0].offsets.lowerBound == end, place)
                let again = try stage.open(.durable(log.logEndOffset)).log.content()
                #expect(again.contents == (model + more).without([batch.offsets]).contents, place)
            }
        }
    }

    @Test("C1 flips above the recovery point are a torn tail: cut, and the bytes are in quarantine")
    func above() throws {
        let name = try #require(logs.last)
        let bytes = try #require(files[name])
        let batches = try batches(bytes)
        for byte in bytes.indices {
            try stage.restore(files)
            try stage.removeSidecars()
            // Nothing tells that the segment has ever been durable.
            try Disk.remove(stage.directory.appending(PartitionCheckpoint.fileName))
            try flip(name, byte)
            let spoiled = try Disk.read(stage.path(name))
            let batch = try #require(batches.first { $0.positions.contains(byte) })
            let durable = try #require(batches.first).offsets.lowerBound
            let (log, report) = try stage.open(.durable(durable), epoch: 1)
            let place = Comment(rawValue: "byte \(byte)")
            if report.tornTail == nil {
                #expect(
                    Self.isEpoch(byte - batch.positions.lowerBound) && batch.positions.upperBound == bytes.count, place)
                continue
            }
            #expect(report.tornTail?.position == Position(batch.positions.lowerBound), place)
            #expect(report.tornTail?.byteCount == bytes.count - batch.positions.lowerBound, place)
            #expect(report.damage.isEmpty, place)
            let expected = model.filter { $0.offsets.upperBound <= batch.offsets.lowerBound }
            #expect(try log.content().contents == expected.contents, place)
            #expect(try Disk.read(stage.path(name)) == Array(bytes[..<batch.positions.lowerBound]))
            let kept = try stage.quarantined()
            #expect(kept.map(\.bytes) == [Array(spoiled[batch.positions.lowerBound...])], place)
            #expect(kept[0].manifest.contains("reason torn tail: "))
            // C2, C3: append behind the cut, and open again.
            let more = try log.fill(1, clock: stage.clock)
            let (again, second) = try stage.open(.durable(durable))
            #expect(second.tornTail == nil, place)
            #expect(try again.content().contents == (expected + more).contents, place)
        }
    }

    @Test("C7 C8 above the recovery point, in a segment that others follow: a gap, and the later segments stay")
    func middleAbove() throws {
        for name in logs.dropLast() {
            let bytes = try #require(files[name])
            let batches = try batches(bytes)
            for byte in stride(from: 0, to: bytes.count, by: 7) {
                try stage.restore(files)
                try stage.removeSidecars()
                try flip(name, byte)
                let batch = try #require(batches.first { $0.positions.contains(byte) })
                let (log, report) = try stage.open(.unknown)
                #expect(report.tornTail == nil)
                let seen = try log.content()
                if seen.gaps.isEmpty {
                    #expect(Self.isEpoch(byte - batch.positions.lowerBound))
                } else {
                    #expect(seen.contents == model.without([batch.offsets]).contents, "\(name) byte \(byte)")
                }
            }
        }
    }

    @Test("C13 C16 flips anywhere in a sidecar cost time, no record, and no other segment's time")
    func sidecars() throws {
        for name in files.keys.filter({ $0.hasSuffix(".sidecar") }).sorted() {
            for byte in try #require(files[name]).indices {
                try stage.restore(files)
                try flip(name, byte)
                let (log, report) = try stage.open(.durable(end))
                let place = Comment(rawValue: "\(name) byte \(byte)")
                let seen = try log.content(maximumBytes: [1, 1000])
                #expect(seen.contents == model.contents, place)
                #expect(seen.hasRisingTimes, place)
                #expect(report.damage.isEmpty && report.tornTail == nil && report.missing.isEmpty, place)
                #expect(report.rebuiltSidecars.count <= 1, place)
                // Only this one segment's append times had to be estimated.
                for (before, after) in zip(model, seen) where !isIn(name, before.offsets.lowerBound) {
                    #expect(before == after, place)
                }
            }
        }
    }

    private func isIn(_ sidecar: String, _ offset: Offset) -> Bool {
        let log = String(sidecar.dropLast(SegmentName.sidecarSuffix.count)) + SegmentName.logSuffix
        guard let bytes = files[log], let batches = try? batches(bytes) else { return false }
        return batches.contains { $0.offsets.contains(offset) }
    }

    @Test(
        "C1 closed cleanly, with neither sidecar nor watermark left: a flip with valid batches behind it is corruption")
    func clean() throws {
        let name = try #require(logs.last)
        let batches = try batches(try #require(files[name]))
        for byte in batches[0].positions where !Self.isEpoch(byte) {
            try stage.restore(files)
            try stage.removeSidecars()
            try flip(name, byte)
            let (log, report) = try stage.open(.clean)
            #expect(report.tornTail == nil, "byte \(byte)")
            #expect(try log.content().contents == model.without([batches[0].offsets]).contents, "byte \(byte)")
        }
    }

    @Test("C7 several damaged batches: one gap each, everything between them readable")
    func several() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<40 {
            try stage.restore(files)
            if Bool.random(using: &random) { try stage.removeSidecars() }
            var lost: [Range<Offset>] = []
            for name in logs {
                var bytes = try #require(files[name])
                for batch in try batches(bytes) where Int.random(in: 0..<3, using: &random) == 0 {
                    lost.append(batch.offsets)
                    // Behind the header's length, so that what follows can be found by it; and once anywhere.
                    bytes[
                        Int.random(in: batch.positions.lowerBound + 21..<batch.positions.upperBound, using: &random)] ^=
                        4
                }
                try Disk.write(bytes, to: stage.path(name))
            }
            let log = try stage.open(.durable(end)).log
            let seen = try log.content(maximumBytes: [1, 400])
            #expect(
                seen.records.contents
                    == model.filter { entry in
                        !lost.contains { $0.contains(entry.offsets.lowerBound) }
                    }.contents)
            #expect(
                Set(seen.gaps.flatMap { $0.lowerBound.rawValue..<$0.upperBound.rawValue })
                    == Set(lost.flatMap { $0.lowerBound.rawValue..<$0.upperBound.rawValue }))
        }
    }
}
