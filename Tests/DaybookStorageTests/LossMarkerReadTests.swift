// Reads over marks of lost records, at every place where they may stand, and what compaction and recovery make of them.

import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

@Suite("Reading over loss markers")
struct LossMarkerReadTests {
    private let epoch = LeaderEpoch.zero

    /// Replaces the batches of the first segment that lie in `lost` by one marker, as repair does, without its sidecar.
    private func mark(_ lost: Range<Offset>, in stage: LogStage) throws {
        var bytes: [UInt8] = []
        var rest = try Disk.read(stage.log(0))[...]
        while !rest.isEmpty {
            let header = try Array(rest).withUnsafeBytes { try BatchHeader(decoding: $0) }
            if header.baseOffset == lost.lowerBound {
                let marker = LossMarker(copy: "quarantine/x").batches(covering: lost, leaderEpoch: epoch)
                bytes += marker.flatMap { $0.withBytes { Array($0) } }
            }
            if !lost.contains(header.baseOffset) { bytes += rest.prefix(header.batchSize) }
            rest = rest.dropFirst(header.batchSize)
        }
        try Disk.write(bytes, to: stage.log(0))
        try Disk.remove(stage.sidecar(0))
    }

    @Test(arguments: [(0, 4), (4, 8), (8, 12), (0, 12)] as [(Int64, Int64)])
    func `A marker at the beginning, in the middle, at the end or instead of all is a gap`(
        lost: (Int64, Int64)
    ) throws {
        for isSealed in [false, true] {
            var stage = try LogStage()
            stage.configuration.segmentBytes = .kibibytes(64)
            let log = try stage.open().log
            var model = try log.fill(6, clock: stage.clock)
            if isSealed {
                log.configuration.segmentBytes = .bytes(0)
                model += try log.fill(1, clock: stage.clock)
            }
            try log.close()
            let range = Offset(lost.0)..<Offset(lost.1)
            try mark(range, in: stage)
            let expected = model.without([range])
            let (reopened, report) = try stage.open(.durable(Offset(12)))
            #expect(report.damage.isEmpty && report.missing.isEmpty)
            for sizes in [[1 << 20], [1, 200], [150]] {
                for start in stride(from: Int64(0), to: 12, by: 1) {
                    let found = try reopened.content(from: Offset(start), maximumBytes: sizes)
                    let wanted = expected.filter { $0.offsets.upperBound > Offset(start) }.map { entry in
                        entry.isGap ? .gap(max(Offset(start), range.lowerBound)..<range.upperBound) : entry
                    }
                    #expect(found.contents == wanted.contents, "\(range) from \(start), \(sizes)")
                }
            }
            // Nobody finds a moment in it, and records behind it are found.
            if lost.1 < 12 {
                #expect(try reopened.offset(forTimestamp: Timestamp(milliseconds: 0), limit: 12) != nil)
            }
            #expect(reopened.logEndOffset == Offset(isSealed ? 14 : 12))
            try reopened.close()
        }
    }

    @Test func `Compaction leaves markers where they are`() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .kibibytes(64)
        let log = try stage.open().log
        for index in 0..<6 { try log.put([("a", "\(index)"), ("b", "\(index)")], clock: stage.clock) }
        _ = try log.seal(clock: stage.clock)
        try log.close()
        try mark(4..<8, in: stage)
        let (reopened, _) = try stage.open(.durable(13))
        try reopened.compact(now: stage.clock.now())
        let gaps = try reopened.content().gaps
        #expect(gaps == [4..<8])
        let state = try reopened.keyedAcrossGaps().state
        #expect(state["a"] == "5" && state["b"] == "5")
        #expect(try reopened.keyedAcrossGaps().count < 9)
        try reopened.close()
    }
}
