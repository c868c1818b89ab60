// Compaction keeps the newest record of each key and every offset, whatever the memory, the codec, the damage and the
// moment of a crash.

import DaybookCompression
import DaybookFiles
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

@Suite("Compaction")
struct CompactionTests {
    /// A log with many versions of few keys, and what was written.
    private func fill(
        _ stage: LogStage, _ log: PartitionLog, batches: Int = 60, keys: Int = 7, seed: UInt64 = 1,
        _ compression: Compression = .none
    ) throws -> [KeyedRecord] {
        var random = SeededGenerator(seed: seed)
        var model: [KeyedRecord] = []
        for batch in 0..<batches {
            let records = (0..<Int.random(in: 1...5, using: &random)).map { index -> (key: String?, value: String?) in
                let key = "key-\(Int.random(in: 0..<keys, using: &random))"
                switch Int.random(in: 0..<12, using: &random) {
                case 0: return (nil, "no key \(batch)")
                case 1: return (key, nil)
                default: return (key, "value \(batch)/\(index)")
                }
            }
            model += try log.put(records, compression, clock: stage.clock)
        }
        return model + (try log.seal(clock: stage.clock))
    }

    @Test(arguments: [Compression.none, .lz4(), .zstd()])
    func `The newest record of each key stays, at its offset, and the offsets have no hole`(
        compression: Compression
    ) throws {
        let stage = try LogStage()
        let log = try stage.open(on: FaultyFileSystem(), epoch: 1).log
        let model = try fill(stage, log, compression)
        let before = log.size
        let progress = try #require(try log.compact(now: stage.clock.now()))
        let expected = model.compacted(below: progress.cleanedTo)
        #expect(progress.cleanedTo == log.activeSegment.baseOffset)
        #expect(try log.keyed() == expected)
        #expect(expected.count < model.count && log.size < before)
        #expect(progress.recordsDropped == Int64(model.count - expected.count))
        #expect(progress.bytesSaved == before - log.size)
        // The same after an open, from the sidecars and from the segments alone.
        try log.close()
        let reopened = try stage.open(.clean).log
        #expect(try reopened.keyed() == expected)
        try stage.removeSidecars()
        let (scanned, report) = try stage.open(.durable(log.logEndOffset))
        #expect(report.damage.isEmpty && report.missing.isEmpty && report.tornTail == nil)
        #expect(try scanned.keyed() == expected)
        #expect(scanned.logEndOffset == log.logEndOffset)
    }

    @Test func `C50 every offset can be asked for after compaction, and lookups by time agree with a scan`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try fill(stage, log)
        let times = try log.content().map { ($0.offsets.lowerBound, $0.appendTime ?? -1) }
        try log.compact(now: stage.clock.now())
        let expected = model.compacted(below: log.checkpoint.cleanedTo)
        for offset in (0...log.logEndOffset.rawValue).map({ Offset($0) }) {
            #expect(try log.keyed(from: offset) == expected.filter { $0.offset >= offset })
        }
        // Append times stay with their records.
        let after = try log.content().map { ($0.offsets.lowerBound, $0.appendTime ?? -1) }
        let known = Dictionary(uniqueKeysWithValues: times.map { ($0.0, $0.1) })
        for (offset, time) in after { #expect(known[offset] == time) }
    }

    @Test func `C63 a map for one key at a time gives the same result as one for all`() throws {
        for memory in [1, 700, 1 << 20] {
            let stage = try LogStage()
            let log = try stage.open().log
            let model = try fill(stage, log, batches: 40, keys: 30)
            let progress = try #require(
                try log.compact(CompactionPolicy(dirtyRatio: 0, memory: memory), now: stage.clock.now()))
            #expect((progress.rounds > 1) == (memory < 1 << 20))
            #expect(try log.keyed() == model.compacted(below: progress.cleanedTo))
        }
    }

    @Test func `C63 a record larger than the map's memory is compacted like any other`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let large = String(repeating: "x", count: 5000)
        var model = try log.put([(large, "old")], clock: stage.clock)
        model += try log.put([("small", large)], clock: stage.clock)
        model += try log.put([(large, "new"), ("small", "new")], clock: stage.clock)
        model += try log.seal(clock: stage.clock)
        try log.compact(CompactionPolicy(dirtyRatio: 0, memory: 1024), now: stage.clock.now())
        #expect(try log.keyed() == model.compacted(below: log.activeSegment.baseOffset))
    }

    @Test func `C64 keys whose hashes are all the same are told apart`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try fill(stage, log, keys: 25)
        let progress = try #require(try log.compact(now: stage.clock.now(), hash: { _ in 42 }))
        #expect(try log.keyed() == model.compacted(below: progress.cleanedTo))
    }

    @Test func `C62 a tombstone stays for its time, counted from when what it deletes is gone`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        // The producer's timestamp lies far in the future, which means nothing here.
        var builder = RecordBatchBuilder(targetSize: 1000)
        for value in ["old", nil] {
            builder.append(
                Record(key: "gone", value: value), timestamp: Timestamp(milliseconds: 4_000_000_000_000_000))
        }
        _ = try log.append(try builder.seal(using: Compressor()), now: stage.clock.now())
        try log.put([("here", "value")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        let policy = CompactionPolicy(dirtyRatio: 0, tombstoneAge: 1000)
        stage.clock.advance(by: .seconds(3600))
        try log.compact(policy, now: stage.clock.now())
        // However old it is: whoever has read the value before it went can still learn that it was deleted.
        #expect(try log.keyed().map(\.key) == ["gone", "here", "sealed"])
        #expect(try log.keyed().first?.value == nil)
        let timestamp = try log.content().first.flatMap {
            if case .record(_, _, let time, _) = $0 { time } else { nil }
        }
        #expect(timestamp == 4_000_000_000_000_000)
        stage.clock.advance(by: .milliseconds(999))
        #expect(try log.planCompaction(policy, now: stage.clock.now()) == nil)
        stage.clock.advance(by: .milliseconds(1))
        // Due although nothing new has been written.
        try log.compact(policy, now: stage.clock.now())
        #expect(try log.keyed().map(\.key) == ["here", "sealed"])
        #expect(log.checkpoint.nextTombstoneExpiry == nil)
        #expect(log.logStartOffset == .zero)
    }

    @Test func `C62 what expires is due once, and never again for nothing`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        // The tombstone shares its batch with a record that stays.
        try log.put([("gone", nil), ("here", "1")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        let policy = CompactionPolicy(dirtyRatio: 0.9, tombstoneAge: 1000)
        try log.compact(policy, now: stage.clock.now())
        let due = try #require(log.checkpoint.nextTombstoneExpiry)
        // New records are compacted; the segment with the tombstone has nothing to change, and is remembered all the same.
        for _ in 0..<3 {
            for number in 0..<20 { try log.put([("k", "\(number)")], clock: stage.clock) }
            _ = try log.seal(clock: stage.clock)
            try log.compact(
                CompactionPolicy(dirtyRatio: 0, tombstoneAge: 1_000_000), now: due.advanced(byMilliseconds: -1))
            #expect(log.checkpoint.nextTombstoneExpiry == due)
        }
        #expect(try log.keyed().contains { $0.key == "gone" })
        try log.compact(policy, now: due)
        #expect(try log.keyed().filter { $0.key == "gone" }.isEmpty && log.checkpoint.nextTombstoneExpiry == nil)
        #expect(try log.planCompaction(policy, now: due.advanced(byMilliseconds: 1_000_000)) == nil)
    }

    @Test func `C62 with little memory a tombstone's time begins only when what it deletes is gone`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.put([("deleted", "value")], clock: stage.clock)
        try log.put((0..<4).map { ("k\($0)", "x") }, clock: stage.clock)
        try log.put([("deleted", nil)], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        // One round at a time: the memory is full with the first batch, and the owner stops behind it.
        var owner = LogOwner(log: log)
        let counter = Counter()
        owner.beforeEach = { _ in
            counter.value += 1
            if log.checkpoint.cleanedTo > .zero { throw CancellationError() }
        }
        let policy = CompactionPolicy(dirtyRatio: 0, tombstoneAge: 1000, memory: 1)
        let plan = try #require(try log.planCompaction(policy, now: stage.clock.now()))
        #expect(throws: CancellationError.self) { try Compaction(plan, for: owner).run() }
        #expect(
            counter.value > 1 && log.checkpoint.cleanedTo > .zero
                && log.checkpoint.cleanedTo < log.activeSegment.baseOffset)
        #expect(log.checkpoint.nextTombstoneExpiry == nil)
        #expect(try log.keyed().filter { $0.key == "deleted" }.count == 2)
        stage.clock.advance(by: .seconds(100))
        try log.compact(policy, now: stage.clock.now())
        #expect(try log.keyed().filter { $0.key == "deleted" }.map(\.value) == [nil])
    }

    @Test func `C62 a reader who began before compaction ends up with the same state`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try fill(stage, log, batches: 80, keys: 10)
        var state: [String: String] = [:]
        var next = Offset.zero
        let policy = CompactionPolicy(dirtyRatio: 0, tombstoneAge: 100_000)
        while next < log.logEndOffset {
            let part = try log.keyed(from: next).prefix(5)
            for record in part { if let key = record.key { state[key] = record.value } }
            next = part.last.map { $0.offset.advanced(by: 1) } ?? log.logEndOffset
            stage.clock.advance(by: .seconds(1))
            try log.compact(policy, now: stage.clock.now())
        }
        #expect(state == model.state)
    }

    @Test func `C61 a damaged segment stays as it is and the rest is compacted`() throws {
        let stage = try LogStage()
        let log = try stage.open(epoch: 1).log
        let model = try fill(stage, log)
        let victim = log.segments[2]
        let range = victim.baseOffset..<victim.nextOffset
        var bytes = try Disk.read(victim.file.path)
        bytes[80] ^= 0xff
        try Disk.write(bytes, to: victim.file.path)
        let progress = try #require(try log.compact(now: stage.clock.now()))
        #expect(progress.damagedSegments == [victim.baseOffset])
        #expect(progress.segmentsWritten > 0)
        #expect(try Disk.read(victim.file.path) == bytes)
        let gaps = try log.content().gaps
        #expect(gaps.count == 1 && range.contains(gaps[0].lowerBound))
        // What can be read ends in the same state.
        var state: [String: String] = [:]
        for record in try log.keyedAcrossGaps() { if let key = record.key { state[key] = record.value } }
        #expect(state == model.state)
        // It is known now: the next compaction does not stumble over it.
        _ = try log.seal(clock: stage.clock)
        let next = try #require(try log.compact(now: stage.clock.now()))
        #expect(next.damagedSegments.isEmpty)
    }

    @Test func `C61 a tombstone behind damage is never forgotten`() throws {
        let stage = try LogStage()
        let log = try stage.open(epoch: 1).log
        try log.put([("deleted", "value that must not come back")], clock: stage.clock)
        try log.put([("other", String(repeating: "x", count: 400))], clock: stage.clock)
        try log.put([("third", "value")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        let victim = log.segments[0]
        var bytes = try Disk.read(victim.file.path)
        bytes[bytes.count - 3] ^= 0xff
        try Disk.write(bytes, to: victim.file.path)
        try log.put([("deleted", nil)], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        let policy = CompactionPolicy(dirtyRatio: 0, tombstoneAge: 0)
        for _ in 0..<3 {
            stage.clock.advance(by: .seconds(10))
            try log.compact(policy, now: stage.clock.now())
            _ = try log.seal(clock: stage.clock)
        }
        let records = try log.keyedAcrossGaps().filter { $0.key == "deleted" }
        #expect(records.last?.value == nil && !records.isEmpty)
    }

    @Test func `C47 a compacted batch covers more than two thousand million offsets only in pieces`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try log.put([("a", "1"), ("a", "2")], clock: stage.clock)
        let header = try Batch.make([[1]]).header
        let far = EncodedBatch(emptying: header, offsets: Offset(2)..<Offset(2 + Int64(Int32.max)))
        #expect(far.header.nextOffset == Offset(2 + Int64(Int32.max)))
        #expect(try log.keyed() == model)
        for _ in 0..<2 {
            let batch = EncodedBatch(emptying: header, offsets: Offset(0)..<Offset(Int64(Int32.max) - 1))
            _ = try log.append(batch, now: stage.clock.now())
        }
        try log.flush()
        let tail = try log.put([("a", "3")], clock: stage.clock)
        #expect(tail[0].offset.rawValue > 1 << 31)
        _ = try log.seal(clock: stage.clock)
        try log.compact(now: stage.clock.now())
        #expect(try log.keyed().prefix(1) == tail.prefix(1))
        try log.close()
        let (reopened, report) = try stage.open(.clean)
        #expect(report.isUneventful)
        #expect(try reopened.keyed(from: Offset(1 << 31)).first == tail[0])
    }

    @Test func `The incarnations of a log are told apart as before`() throws {
        let stage = try LogStage()
        let log = try stage.open(epoch: 1).log
        try log.put([("a", "1"), ("b", "1")], clock: stage.clock)
        log.leaderEpoch = LeaderEpoch(rawValue: 2)
        try log.put([("a", "2")], clock: stage.clock)
        log.leaderEpoch = LeaderEpoch(rawValue: 3)
        try log.put([("a", "3")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        let starts = log.epochStarts
        try log.compact(now: stage.clock.now())
        #expect(log.epochStarts == starts)
        #expect(try log.keyed().map(\.key) == ["b", "a", "sealed"])
    }

    @Test func `Nothing happens below the dirty ratio, within the lag, or twice`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        _ = try fill(stage, log)
        let now = stage.clock.now()
        #expect(try log.planCompaction(CompactionPolicy(lag: 3_600_000), now: now) == nil)
        #expect(try log.compact(now: now) != nil)
        #expect(try log.planCompaction(CompactionPolicy(dirtyRatio: 0), now: now) == nil)
        _ = try log.seal(clock: stage.clock)
        #expect(try log.planCompaction(CompactionPolicy(dirtyRatio: 0.9), now: stage.clock.now()) == nil)
        #expect(try log.planCompaction(CompactionPolicy(dirtyRatio: 0.9), now: stage.clock.now(), force: true) != nil)
    }

    @Test func `Small segments are put together and not rewritten again for nothing`() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        _ = try fill(stage, log, batches: 200, keys: 3)
        let before = log.segments.count
        try log.compact(now: stage.clock.now())
        try log.compact(CompactionPolicy(dirtyRatio: 0), now: stage.clock.now())
        _ = try log.seal(clock: stage.clock)
        try log.compact(now: stage.clock.now())
        #expect(log.segments.count < before / 3)
    }
}

/// Counts across a closure.
private final class Counter {
    var value = 0
}
