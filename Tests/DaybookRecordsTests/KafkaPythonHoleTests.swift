// Offsets that no record has any more, at the beginning of a log, in it and at its end: kafka-python's consumer must go on
// behind them, because a client that waits for the next number waits for ever.

import DaybookCompression
import DaybookModel
import DaybookRecords
import Testing

@Suite(
    "kafka-python over missing offsets",
    .enabled(if: KafkaPython.interpreter != nil, Comment(rawValue: KafkaPython.absence)))
struct KafkaPythonHoleTests {
    private func batch(_ count: Int, _ compression: Compression = .none) throws -> EncodedBatch {
        try Batches.build((0..<count).map { Record(key: "k\($0)", value: "value \($0)") }, compression)
    }

    /// The batch as compaction leaves it, with these of its records.
    private func compacted(_ batch: EncodedBatch, keeping kept: Set<Int64>) throws -> EncodedBatch {
        let outcome = try batch.withBytes { bytes in
            try BatchRewriter().rewrite(bytes, batch.header, expiry: .none) { record in
                kept.contains(batch.header.baseOffset.distance(to: record.offset)) ? .keep : .drop
            }
        }
        switch outcome {
        case .rewritten(let rest): return rest
        case .unchanged: return batch
        case .emptied:
            return EncodedBatch(
                emptying: batch.header, offsets: batch.header.baseOffset..<batch.header.nextOffset)
        }
    }

    /// A log of which the first 17 offsets were deleted: its batches, and the offsets that still have a record.
    private func log() throws -> (batches: [EncodedBatch], offsets: [Int64]) {
        var batches: [EncodedBatch] = []
        var offsets: [Int64] = []
        var next = Offset(17)
        func add(_ batch: EncodedBatch, keeping kept: Set<Int64>, covering extra: Int64 = 0) throws {
            batch.stamp(baseOffset: next, leaderEpoch: LeaderEpoch(rawValue: 2))
            let rest = try compacted(batch, keeping: kept)
            if extra > 0 { rest.extend(through: rest.header.lastOffset.advanced(by: extra)) }
            offsets += kept.sorted().map { next.rawValue + $0 }
            next = rest.header.nextOffset
            batches.append(rest)
        }
        for compression in [Compression.none, .lz4(), .zstd()] {
            try add(batch(30, compression), keeping: [])  // nothing is left at the beginning
            try add(batch(30, compression), keeping: [4, 5, 29])
            try add(batch(30, compression), keeping: [0, 7])  // nothing at the batch's end
            try add(batch(30, compression), keeping: [3], covering: 1000)  // and the batches behind it are gone, too
            let marker = ControlRecord(kind: .commit, coordinatorEpoch: 1)
                .batch(producer: ProducerID(rawValue: 9), epoch: 0, timestamp: Timestamp(milliseconds: 5))
            marker.stamp(baseOffset: next, leaderEpoch: LeaderEpoch(rawValue: 2))
            next = marker.header.nextOffset
            batches.append(marker)
            try add(batch(30, compression), keeping: [])  // nothing is left at the end
        }
        return (batches, offsets)
    }

    @Test func `C53 a consumer of Kafka's goes on behind what is missing at the start, in the middle and at the end`()
        async throws
    {
        let (batches, offsets) = try log()
        let end = try #require(batches.last).header.nextOffset.rawValue
        // All at once, from the log start and from within.
        for start in [17, 18, 50, 400] as [Int64] {
            let answer = batches.filter { $0.header.nextOffset.rawValue > start }.flatMap(\.array)
            let fetch = KafkaPython.Fetch(offset: start, bytes: KafkaPython.hexadecimal(answer))
            let followed = try #require(try await KafkaPython.follow([fetch]).first)
            #expect(followed.offsets == offsets.filter { $0 >= start })
            #expect(followed.next == end)
        }
        // Batch by batch, each asked for by where the one before has ended.
        let fetches = batches.map {
            KafkaPython.Fetch(offset: $0.header.baseOffset.rawValue, bytes: KafkaPython.hexadecimal($0.array))
        }
        let followed = try await KafkaPython.follow(fetches)
        #expect(followed.map(\.next) == batches.map(\.header.nextOffset.rawValue))
        #expect(followed.flatMap(\.offsets) == offsets)
    }
}
