// Zeros where there should be bytes, and zeros that are right: pages that never reached the disk, files that are longer
// than what is in them, and a checksum that happens to be zero.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Zeros")
struct ZeroTests {
    /// A batch whose checksum is zero. Each bit of a value changes the checksum in a way of its own, whatever the others
    /// are, so that a few of them together undo all of it.
    private func batchWithChecksumZero() throws -> EncodedBatch {
        func batch(_ bits: UInt64) throws -> EncodedBatch {
            try Batch.make([[UInt8](repeating: 9, count: 20) + withUnsafeBytes(of: bits.bigEndian) { [UInt8]($0) }])
        }
        let start = try batch(0).header.crc
        var basis: [(crc: UInt32, bits: UInt64)] = []
        for bit in 0..<40 {
            var row = (crc: try batch(1 << bit).header.crc ^ start, bits: UInt64(1) << bit)
            for other in basis where row.crc ^ other.crc < row.crc {
                row = (row.crc ^ other.crc, row.bits ^ other.bits)
            }
            if row.crc != 0 { basis.append(row) }
            basis.sort { $0.crc > $1.crc }
        }
        var rest = (crc: start, bits: UInt64(0))
        for row in basis where rest.crc ^ row.crc < rest.crc { rest = (rest.crc ^ row.crc, rest.bits ^ row.bits) }
        return try batch(rest.bits)
    }

    @Test func `C4 a batch whose checksum is zero is a batch like any other, and at the end of a log too`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        var model = try log.fill(1, clock: stage.clock)
        for _ in 0..<2 {
            let batch = try batchWithChecksumZero()
            #expect(batch.header.crc == 0)
            model += try log.append(batch, now: stage.clock.now()).entries(of: batch)
            #expect(batch.withBytes { $0[17..<21].allSatisfy { $0 == 0 } })
        }
        try log.flush()
        for isLast in [true, false] {
            #expect(try log.content() == model)
            for before in [LogStage.Before.unknown, .durable(log.logEndOffset), .killed] {
                try stage.removeSidecars()
                let (again, report) = try stage.open(before)
                #expect(report.tornTail == nil && report.damage.isEmpty, "last \(isLast)")
                #expect(try again.content().contents == model.contents, "last \(isLast)")
            }
            if isLast { model += try log.fill(1, clock: stage.clock) }
        }
    }

    @Test(arguments: [true, false])
    func `C4 a page of zeros anywhere costs the batches it lies in and no other`(hasSidecars: Bool) throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(3000)
        let log = try stage.open().log
        let model = try log.fill(9, size: 300, clock: stage.clock)
        try log.close()
        let end = log.logEndOffset
        #expect(log.segments.count == 3)
        let files = try stage.snapshot()
        for segment in log.segments {
            let whole = try Disk.read(segment.file.path)
            for start in stride(from: 0, to: whole.count, by: 512) {
                try stage.restore(files)
                if !hasSidecars { try stage.removeSidecars() }
                let page = start..<min(start + 512, whole.count)
                var bytes = whole
                bytes.replaceSubrange(page, with: repeatElement(0, count: page.count))
                try Disk.write(bytes, to: segment.file.path)
                let (again, _) = try stage.open(.durable(end), epoch: 1)
                // Where there were zeros anyway, nothing has changed.
                let lost = try batches(whole).filter { bytes[$0.positions] != whole[$0.positions] }.map(\.offsets)
                let range = try #require(lost.first).lowerBound..<#require(lost.last).upperBound
                let place: Comment = "segment \(segment.baseOffset), page at \(start)"
                #expect(try again.content().contents == model.without([range]).contents, place)
                #expect(try Disk.read(segment.file.path) == bytes, place)
            }
        }
    }

    @Test func `C13b zeros behind what was written, as in files made large in advance, hide no record after a kill`()
        throws
    {
        let stage = try LogStage()
        let log = try stage.open().log
        var model = try log.fill(20, size: 60, clock: stage.clock)
        let files = try stage.snapshot()
        #expect(files.count > 10)
        let durable = log.recoveryPoint
        for before in [LogStage.Before.killed, .unknown, .durable(durable)] {
            for suffix in [SegmentName.logSuffix, SegmentName.sidecarSuffix, ""] {
                try stage.restore(files)
                for name in files.keys where name.hasSuffix(suffix) {
                    try Disk.append([UInt8](repeating: 0, count: 4096), to: stage.path(name))
                }
                let (again, report) = try stage.open(before, epoch: 1)
                #expect(report.damage.isEmpty && report.missing.isEmpty)
                #expect(again.logEndOffset == durable && again.size == log.size)
                let last = try again.content(from: durable.advanced(by: -1))
                #expect(last.contents == model.suffix(1).contents)
                #expect(try again.content().contents == model.contents)
                model += try again.fill(1, clock: stage.clock)
                #expect(try stage.open(.killed).log.content().contents == model.contents)
                model.removeLast(2)
            }
        }
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
}
