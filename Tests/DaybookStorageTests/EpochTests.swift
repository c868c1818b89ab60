// Incarnations of a log: who wrote what, which checkpoints still belong to this history, and epochs that lie because no
// checksum of Kafka's covers them.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Leader epochs")
struct EpochTests {
    private func epoch(_ number: Int32) -> LeaderEpoch { LeaderEpoch(rawValue: number) }

    private func divergence(_ log: PartitionLog, at offset: Int64, _ number: Int32) -> EpochStart? {
        do throws(StorageError) {
            try log.validate(nextOffset: Offset(offset), epoch: epoch(number))
            return nil
        } catch {
            guard case .divergedHistory(_, _, let divergence) = error else { return nil }
            return divergence
        }
    }

    /// Records 0..<6 of epoch 0, 6..<10 of epoch 2, 10..<12 of epoch 3.
    private func history() throws -> (LogStage, PartitionLog) {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.fill(3, size: 60, clock: stage.clock)
        log.leaderEpoch = epoch(2)
        try log.fill(2, size: 60, clock: stage.clock)
        log.leaderEpoch = epoch(3)
        try log.fill(1, size: 60, clock: stage.clock)
        return (stage, log)
    }

    @Test("C54 a checkpoint of this history is let through, one of another is told where the two part")
    func validation() throws {
        let (stage, first) = try history()
        for log in [first, try stage.open(.durable(first.recoveryPoint), epoch: 3).log] {
            #expect(log.epochStarts.map(\.epoch.rawValue) == [0, 2, 3])
            #expect(log.epochStarts.map(\.startOffset.rawValue) == [0, 6, 10])
            for offset in Int64(0)...6 { #expect(divergence(log, at: offset, 0) == nil) }
            #expect(divergence(log, at: 7, 0) == EpochStart(epoch: epoch(2), startOffset: Offset(6)))
            #expect(divergence(log, at: 8, 1) == EpochStart(epoch: epoch(2), startOffset: Offset(6)))
            #expect(divergence(log, at: 10, 2) == nil)
            #expect(divergence(log, at: 11, 2) == EpochStart(epoch: epoch(3), startOffset: Offset(10)))
            #expect(divergence(log, at: 12, 3) == nil)
            #expect(divergence(log, at: 13, 3) == EpochStart(epoch: epoch(3), startOffset: Offset(12)))
            #expect(divergence(log, at: 5, 4) != nil, "an incarnation that never was")
        }
    }

    @Test("C54 records lost with a torn tail and replaced by others: the old reader is told")
    func replaced() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.fill(2, clock: stage.clock)
        try log.fill(3, flush: false, clock: stage.clock)
        try Disk.truncate(stage.log(0), to: log.size / 5 * 2)
        let again = try stage.open(.durable(Offset(4)), epoch: 1).log
        try again.fill(5, clock: stage.clock)
        #expect(divergence(again, at: 9, 0) == EpochStart(epoch: epoch(1), startOffset: Offset(4)))
        #expect(divergence(again, at: 4, 0) == nil)
        #expect(divergence(again, at: 9, 1) == nil)
    }

    @Test("C69 one batch with a wrong epoch, higher or lower, costs that batch and no other")
    func wrongEpoch() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        var model: [Entry] = []
        for number in [Int32(1), 1, 1, 4, 4, 4] {
            log.leaderEpoch = epoch(number)
            model += try log.fill(1, size: 10, clock: stage.clock)
        }
        try log.close()
        let files = try stage.snapshot()
        #expect(log.segments.count == 1)
        let size = log.size / 6
        for withSidecar in [true, false] {
            for batch in 0..<6 {
                for number in [Int32(-7), 0, 1, 2, 4, 5, 1 << 30] {
                    try stage.restore(files)
                    if !withSidecar { try stage.removeSidecars() }
                    var bytes = try Disk.read(stage.log(0))
                    let place = batch * size + BatchLayout.partitionLeaderEpoch
                    let isRight = number == (batch < 3 ? 1 : 4)
                    bytes.replaceSubrange(
                        place..<place + 4, with: withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) })
                    try Disk.write(bytes, to: stage.log(0))
                    let log = try stage.open(.durable(Offset(12))).log
                    let seen = try log.content(maximumBytes: [1, 1000])
                    let label = Comment(rawValue: "batch \(batch) with epoch \(number), sidecar \(withSidecar)")
                    let lost = Offset(Int64(batch * 2))..<Offset(Int64(batch * 2 + 2))
                    if isRight {
                        #expect(seen.contents == model.contents, label)
                    } else if withSidecar {
                        #expect(seen == model.without([lost]), label)
                    } else {
                        // Nobody knows who wrote: at most this batch, or its neighbour in its place.
                        #expect(seen.records.count >= 10, label)
                        #expect(Set(seen.records.contents).isSubset(of: Set(model.contents)), label)
                    }
                }
            }
        }
    }

    @Test("C69 a batch that damage left whole but for its epoch is a gap at every open", arguments: [true, false])
    func wrongEpochForGood(alone: Bool) throws {
        var stage = try LogStage()
        if alone { stage.configuration.segmentBytes = .bytes(1) }
        let log = try stage.open(epoch: 3).log
        let model = try log.fill(4, size: 10, clock: stage.clock)
        if !alone { log.configuration.segmentBytes = .bytes(log.size) }
        let more = try log.fill(1, size: 10, clock: stage.clock)
        try log.close()
        var bytes = try Disk.read(stage.log(0))
        let size = alone ? 0 : bytes.count / 4
        bytes[size + BatchLayout.partitionLeaderEpoch] ^= 1
        try Disk.write(bytes, to: stage.log(0))
        let lost = alone ? Offset(0)..<Offset(2) : Offset(2)..<Offset(4)
        for attempt in 0..<3 {
            let again = try stage.open(.durable(Offset(10)), epoch: Int32(4 + attempt)).log
            #expect(try again.content() == (model + more).without([lost]), "open \(attempt)")
            #expect(again.epochStarts.first == EpochStart(epoch: epoch(3), startOffset: .zero))
            try again.close()
        }
    }

    @Test("C5 C69 above what is durable no number of batches makes an earlier epoch believable")
    func earlierEpochAboveDurable() throws {
        let stage = try LogStage()
        let other = try LogStage()
        let log = try stage.open(epoch: 3).log
        let model = try log.fill(2, clock: stage.clock)
        let stranger = try other.open(epoch: 1).log
        try stranger.fill(5, clock: other.clock)
        let size = log.size
        // A power cut leaves bytes of another file, which continue the offsets.
        let bytes = try Disk.read(other.log(0))
        try Disk.append(Array(bytes[size...]), to: stage.log(0))
        try stage.removeSidecars()
        let (again, report) = try stage.open(.durable(Offset(4)), epoch: 4)
        #expect(report.tornTail?.position == Position(size) && report.tornTail?.byteCount == bytes.count - size)
        #expect(try again.content().contents == model.contents)
    }

    @Test("C69 a batch whose wrong epoch its predecessors gave away at an open is a gap at the next one too")
    func wrongEpochBehindOthers() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(1)
        let log = try stage.open(epoch: 3).log
        let model = try log.fill(4, size: 10, clock: stage.clock)
        try log.close()
        var bytes = try Disk.read(stage.log(2))
        bytes[BatchLayout.partitionLeaderEpoch + 3] = 0
        try Disk.write(bytes, to: stage.log(2))
        try stage.removeSidecars()
        for attempt in 0..<3 {
            let again = try stage.open(.durable(Offset(8)), epoch: Int32(4 + attempt)).log
            #expect(try again.content().contents == model.without([Offset(2)..<Offset(4)]).contents, "open \(attempt)")
            try again.close()
        }
    }
}
