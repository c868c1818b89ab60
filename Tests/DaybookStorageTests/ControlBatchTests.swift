// What compaction leaves alone: the ends of transactions, what was written in transactions, and what tells the last batch of
// each producer.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

@Suite("Control batches and producers in compaction")
struct ControlBatchTests {
    private let stage: LogStage
    private let log: PartitionLog

    init() throws {
        stage = try LogStage()
        log = try stage.open(epoch: 1).log
    }

    /// Appends one batch of one record in a producer's name.
    @discardableResult
    private func append(
        _ key: String, _ value: String, producer: ProducerIdentity, isTransactional: Bool = false
    ) throws -> Offset {
        var builder = RecordBatchBuilder(
            targetSize: 1 << 20, options: .init(producer: producer, isTransactional: isTransactional))
        builder.append(Record(key: key, value: value), timestamp: stage.clock.now())
        return try log.append(try builder.seal(using: Compressor()), now: stage.clock.now()).baseOffset
    }

    private func end(_ kind: ControlRecord.Kind, producer: Int64, epoch: Int16 = 0) throws -> Offset {
        let end = try log.endTransaction(
            producer: ProducerID(rawValue: producer), epoch: epoch, kind: kind, coordinatorEpoch: 3,
            now: stage.clock.now())
        return try #require(end).marker.baseOffset
    }

    private func batches() throws -> [RecordBatch] {
        var found: [RecordBatch] = []
        var next = log.logStartOffset
        while case .batches(let batches, let following) = try log.read(from: next, limit: log.logEndOffset) {
            found += batches
            next = following
        }
        return found
    }

    private func identity(_ id: Int64, _ sequence: Int32) -> ProducerIdentity {
        ProducerIdentity(id: ProducerID(rawValue: id), epoch: 0, baseSequence: sequence)
    }

    @Test func `C60 markers neither replace records nor are replaced by them, and count as what they end`() throws {
        // The key of a commit marker, as a record of somebody's own.
        let same = "\u{0}\u{0}\u{0}\u{1}"
        let plain = try log.put([(same, "no marker"), ("a", "before"), ("b", "before")], clock: stage.clock)
        let inside = try append("a", "inside", producer: identity(7, 0), isTransactional: true)
        let commit = try end(.commit, producer: 7)
        let undone = try append("b", "undone", producer: identity(7, 1), isTransactional: true)
        let abort = try end(.abort, producer: 7)
        try log.flush()
        _ = try log.seal(clock: stage.clock)
        let before = try batches().filter(\.isControl).map(\.header)
        #expect(before.map(\.baseOffset) == [commit, abort])
        try log.compact(now: stage.clock.now())
        #expect(try batches().filter(\.isControl).map(\.header) == before)
        // What was committed replaces, what was aborted does not and is gone.
        let left = try log.keyed()
        #expect(left.filter { plain.contains($0) }.map(\.key) == [same, "b"])
        #expect(left.contains(KeyedRecord(offset: inside, key: "a", value: "inside")))
        #expect(!left.contains { $0.offset == undone })
    }

    @Test func `C60 a marker goes when its time has passed, counted from when nothing of its transaction is left`()
        throws
    {
        let policy = CompactionPolicy(dirtyRatio: 0, tombstoneAge: 1000)
        let inside = try append("a", "inside", producer: identity(7, 0), isTransactional: true)
        let commit = try end(.commit, producer: 7)
        try append("a", "undone", producer: identity(7, 1), isTransactional: true)
        let abort = try end(.abort, producer: 7)
        // The producer is known by a later batch.
        try append("z", "last", producer: identity(7, 2), isTransactional: true)
        let last = try end(.commit, producer: 7)
        try log.flush()
        func round() throws -> [Offset] {
            _ = try log.put([("a", "newer")], clock: stage.clock)
            _ = try log.seal(clock: stage.clock)
            try log.compact(policy, now: stage.clock.now())
            return try batches().filter(\.isControl).map(\.baseOffset)
        }
        #expect(try round() == [commit, abort, last], "batches went in this round")
        #expect(try !log.keyed().contains { $0.offset == inside })
        #expect(log.segments[0].facts.abortedCount == 1)
        #expect(try round() == [commit, abort, last], "now their time begins")
        #expect(log.segments[0].facts.abortedCount == 0, "of an empty transaction nobody has to know how it ended")
        let marked = try batches().filter(\.isControl).map { $0.header.tombstoneExpiry != nil }
        #expect(marked == [true, true, false])
        stage.clock.advance(by: .milliseconds(900))
        #expect(try round() == [commit, abort, last])
        #expect(log.checkpoint.nextTombstoneExpiry != nil)
        stage.clock.advance(by: .milliseconds(200))
        #expect(try round() == [last])
        #expect(try log.content().gaps.isEmpty, "the chain of offsets is whole")
    }

    @Test func `C59 nothing is compacted behind the first record of an open transaction`() throws {
        try log.put([("a", "1")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        let open = try append("b", "open", producer: identity(7, 0), isTransactional: true)
        try log.put([("a", "2")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        try log.put([("a", "3")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        let progress = try #require(try log.compact(now: stage.clock.now()))
        #expect(progress.cleanedTo <= open)
        #expect(try log.keyed().filter { $0.key == "a" }.count == 3)
        _ = try end(.abort, producer: 7)
        try log.flush()
        try log.compact(now: stage.clock.now())
        #expect(try log.keyed().filter { $0.key == "a" }.map(\.value) == ["3"])
        #expect(try log.keyed().allSatisfy { $0.key != "b" })
    }

    @Test func `batches of a producer that are gone take no room of their own`() throws {
        log.configuration.segmentBytes = .mebibytes(1)
        for sequence in Int32(0)..<200 {
            try append("k", "value \(sequence)", producer: identity(1 + Int64(sequence % 3), sequence / 3))
        }
        try log.flush()
        _ = try log.seal(clock: stage.clock)
        let count = try batches().count
        try log.compact(now: stage.clock.now())
        // One batch for all that is gone, the last of each producer, and what was appended behind them.
        #expect(try batches().count <= 6 && count > 200)
        #expect(try log.content().gaps.isEmpty)
    }

    @Test func `C60 the last batch of each producer can be told although no record of it is left`() throws {
        for sequence in Int32(0)..<6 {
            for producer in Int64(1)...3 {
                try append("k", "\(producer)/\(sequence)", producer: identity(producer, sequence))
            }
            try log.put([("k", "\(sequence)")], clock: stage.clock)
        }
        let end = log.logEndOffset
        _ = try log.seal(clock: stage.clock)
        func last() throws -> [ProducerID: [Int64]] {
            var last: [ProducerID: [Int64]] = [:]
            for header in try batches().map(\.header) where header.producer.id != .none {
                last[header.producer.id] = [
                    Int64(header.producer.baseSequence), Int64(header.producer.epoch), header.lastOffset.rawValue,
                ]
            }
            return last
        }
        let before = try last()
        #expect(before.count == 3)
        try log.compact(now: stage.clock.now())
        #expect(try log.keyed().map(\.offset) == [end.advanced(by: -1), end], "all but the newest record is gone")
        #expect(try last() == before)
        try log.close()
        let (again, report) = try stage.open(.clean)
        #expect(report.isUneventful)
        #expect(try again.keyed() == log.keyed())
    }
}
