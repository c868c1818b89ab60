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

    @Test func `C60 markers stay, each of them, and neither replace records nor are replaced by them`() throws {
        // The key of a commit marker, as a record of somebody's own.
        let same = "\u{0}\u{0}\u{0}\u{1}"
        let plain = try log.put([(same, "no marker"), ("a", "before")], clock: stage.clock)
        let inside = try append("a", "inside", producer: identity(7, 0), isTransactional: true)
        let markers = [
            try end(.commit, producer: 7), try end(.commit, producer: 8), try end(.abort, producer: 7, epoch: 1),
            try end(.abort, producer: 7, epoch: 2),
        ]
        try log.flush()
        _ = try log.seal(clock: stage.clock)
        let before = try batches().filter(\.isControl).map(\.header)
        #expect(before.map(\.baseOffset) == markers)
        try log.compact(now: stage.clock.now())
        // The transaction may have been aborted: what is in it replaces nothing.
        #expect(try log.keyed().filter { plain.contains($0) } == plain)
        #expect(try batches().filter(\.isControl).map(\.header) == before)
        let newer = try log.put([(same, "newer"), ("a", "after")], clock: stage.clock)
        _ = try log.seal(clock: stage.clock)
        try log.compact(now: stage.clock.now())
        #expect(try batches().filter(\.isControl).map(\.header) == before)
        let left = try log.keyed()
        #expect(left.filter { plain.contains($0) }.isEmpty && left.filter { newer.contains($0) } == newer)
        #expect(left.contains(KeyedRecord(offset: inside, key: "a", value: "inside")))
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
