// The text of a checkpoint stands in its file twice: whatever range of it rots, one copy tells all there was, and the next
// writer makes both anew. Only when both are hit is the file of no use, and that is reported.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Copies of a checkpoint")
struct CheckpointCopyTests {
    let stage: LogStage
    let files: [String: [UInt8]]
    let known: PartitionCheckpoint
    let content: [Entry]

    /// A log whose first segments are gone, which only the checkpoint knows once the power has gone.
    init() throws {
        stage = try LogStage()
        let log = try stage.open(epoch: 1).log
        try log.fill(20, size: 60, clock: stage.clock)
        try log.raiseLogStart(to: log.segments[2].baseOffset.advanced(by: 1))
        try log.saveCheckpoint()
        try log.takeExpiredSegments().remove()
        content = try log.content(from: log.logStartOffset)
        known = log.checkpoint
        try log.close()
        files = try stage.snapshot()
    }

    private var path: FilePath { stage.directory.appending(PartitionCheckpoint.fileName) }
    private let afterPowerCut = LogStage.Before(mayHaveLostPower: true)

    /// Opens with the checkpoint as it is, and finds everything.
    private func expectNothingLost(_ comment: Comment) throws {
        let damaged = try stage.snapshot()
        let reader = try stage.open(LogStage.Before(mayHaveLostPower: true, isReadOnly: true))
        #expect(reader.report.checkpointDamage == .oneCopy && reader.log.checkpoint == known, comment)
        #expect(try stage.snapshot() == damaged, comment)
        let (log, report) = try stage.open(afterPowerCut, epoch: 2)
        #expect(report.checkpointDamage == .oneCopy && !report.isUneventful, comment)
        #expect(report.missing.isEmpty && report.damage.isEmpty && report.tornTail == nil, comment)
        #expect(log.checkpoint == known && log.logStartOffset == known.logStartOffset, comment)
        #expect(try log.content(from: log.logStartOffset).contents == content.contents, comment)
        #expect(try Disk.read(path) == known.encoded(), comment)
    }

    @Test func `C15 bytes that rot in the checkpoint cost nothing, wherever they are`() throws {
        let whole = try Disk.read(path)
        #expect(PartitionCheckpoint.isWhole(whole, topicID: stage.identity.topicID))
        for place in 0..<whole.count where place % 4096 < 300 && place % 5 == 0 || place % 997 == 0 {
            var bytes = whole
            bytes[place] ^= 0x20
            #expect(PartitionCheckpoint(decoding: bytes, topicID: stage.identity.topicID) == known, "byte \(place)")
            #expect(!PartitionCheckpoint.isWhole(bytes, topicID: stage.identity.topicID), "byte \(place)")
        }
        // A sector that is not on a boundary, too, and one in the middle of the file.
        for place in [0, 3, 100, 3584, 3900, 4095, 4096, 5000, whole.count - 512] {
            for value in [UInt8(0), 0x0a, 0xff] {
                try stage.restore(files)
                var bytes = whole
                for index in place..<place + 512 { bytes[index] = value }
                guard bytes != whole else { continue }
                try Disk.write(bytes, to: path)
                try expectNothingLost("a sector at \(place), \(value)")
            }
        }
    }

    @Test func `C15 with both copies damaged the checkpoint counts for nothing, and that is reported`() throws {
        var bytes = try Disk.read(path)
        bytes[20] ^= 1
        bytes[bytes.count / 2 + 50] ^= 1
        try Disk.write(bytes, to: path)
        let (log, report) = try stage.open(afterPowerCut, epoch: 2)
        #expect(report.checkpointDamage == .everything && !report.isUneventful)
        #expect(log.logStartOffset == .zero && report.missing == [.zero..<log.segments[0].baseOffset])
    }

    @Test func `C9 a disk that refuses the new checkpoint keeps nobody from opening with the other copy`() throws {
        var bytes = try Disk.read(path)
        bytes[20] ^= 1
        try Disk.write(bytes, to: path)
        let damaged = try stage.snapshot()
        let name = PartitionCheckpoint.fileName + ".new"
        let disk = FaultyFileSystem(
            faults: [Fault(.fail(.noSpace), [.write], calls: 0..<Int.max) { $0.lastComponent?.string == name }])
        let (log, _) = try stage.open(afterPowerCut, on: disk, epoch: 2)
        #expect(log.checkpoint == known)
        try stage.restore(damaged)
        try expectNothingLost("once there is room")
    }

    @Test func `A checkpoint whose text fills its page leaves a sector between the copies`() throws {
        var checkpoint = PartitionCheckpoint(topicID: 7)
        checkpoint.swap = SegmentSwap(baseOffsets: [Offset(1)])
        for number in stride(from: 2, to: 1400, by: 7) {
            checkpoint.swap?.baseOffsets += (number..<number + 7).map { Offset(Int64($0)) }
            let bytes = checkpoint.encoded()
            #expect(bytes.count.isMultiple(of: 8192))
            #expect(bytes[(bytes.count / 2 - 512)..<(bytes.count / 2)].allSatisfy { $0 == UInt8(ascii: "\n") })
            guard number % 97 == 0 else { continue }
            #expect(PartitionCheckpoint(decoding: bytes, topicID: 7) == checkpoint)
        }
    }
}
