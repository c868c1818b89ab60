// A file that becomes shorter while somebody reads it, as when a person cuts it or the disk loses its end.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Shrinking files")
struct ShrinkingFileTests {
    @Test(arguments: [0, 1])
    func `C29 a file that is cut under a reader gives whole batches and a gap, and never ends the process`(
        segment: Int
    ) throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .bytes(1200)
        let log = try stage.open().log
        let model = try log.fill(12, size: 50, clock: stage.clock)
        try log.close()
        #expect(log.segments.count == 2)
        let (base, next) = (log.segments[segment].baseOffset, log.segments[segment].nextOffset)
        let path = log.segments[segment].file.path
        let inside = model.filter { $0.offsets.lowerBound >= base && $0.offsets.lowerBound < next }
        let files = try stage.snapshot()
        let whole = try Disk.read(path)
        let batchSize = whole.count / (inside.count / 2)
        for length in stride(from: 0, through: whole.count, by: 29) {
            try stage.restore(files)
            let log = try stage.open(.clean).log
            guard
                case .read(let plan) = try log.planRead(from: base, limit: log.logEndOffset, maximumBytes: 1 << 20)
            else {
                Issue.record("nothing to read at \(base)")
                continue
            }
            try Disk.truncate(path, to: length)
            #expect(try plan.run().batches.count == length / batchSize, "cut to \(length)")
            let kept = length / batchSize * 2
            let lost = base.advanced(by: Int64(kept))..<next
            #expect(try log.content() == model.without(kept == inside.count ? [] : [lost]), "cut to \(length)")
        }
    }
}
