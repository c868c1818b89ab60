// Compaction at its limits: batches that do not compress as well as before, and more keys than there is memory for.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

@Suite("Limits of compaction")
struct CompactionLimitTests {
    @Test func `C67 a batch that outgrows the largest allowed when it is written anew stays readable`() throws {
        var stage = try LogStage()
        stage.configuration.segmentBytes = .mebibytes(64)
        let log = try stage.open().log
        var random = SeededGenerator(seed: 67)
        var builder = RecordBatchBuilder(targetSize: 16 << 20, options: .init(compression: .zstd()))
        // What goes is what did not compress; what stays would compress so well that readers would refuse to unpack it.
        let zeros = [UInt8](repeating: 0, count: 5 << 20)
        builder.append(Record(key: Array("zeros".utf8), value: zeros), timestamp: stage.clock.now())
        builder.append(Record(key: Array("noise".utf8), value: random.bytes(40_000)), timestamp: stage.clock.now())
        let batch = try builder.seal(using: Compressor())
        let limit = log.configuration.maximumBatchBytes.rawValue
        #expect(batch.count <= limit && batch.header.codec == .zstd)
        _ = try log.append(batch, now: stage.clock.now())
        try log.put([("noise", "less")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        try log.compact(now: stage.clock.now())
        guard case .batches(let batches, _) = try log.read(from: .zero, limit: log.logEndOffset) else {
            Issue.record("nothing is left to read")
            return
        }
        #expect(batches[0].size > limit)
        #expect(try batches[0].records().map(\.record.value) == [zeros])
        try log.close()
        try stage.removeSidecars()
        let (again, report) = try stage.open(.durable(log.logEndOffset))
        #expect(report.damage.isEmpty && report.tornTail == nil)
        #expect(try again.keyed().map(\.key) == ["zeros", "noise", "sealed"])
    }

    @Test func `C75 the map of keys keeps to its memory, however many keys come`() {
        let capacity = 64 << 10
        var map = KeyMap(capacity: capacity)
        var (largest, rounds) = (0, 1)
        for number in 0..<100_000 {
            if map.isFull {
                map.removeAll()
                rounds += 1
            }
            withUnsafeBytes(of: number) { map.note($0, at: Offset(Int64(number))) }
            largest = max(largest, map.size)
        }
        // Beyond it by one key, and by half of the table when that has just grown.
        #expect(largest < capacity + capacity / 4, "\(largest) bytes")
        #expect(rounds > 50 && rounds < 200, "\(rounds) rounds")
    }
}
