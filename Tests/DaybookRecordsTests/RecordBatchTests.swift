// Batches as readers get them: several in the bytes of one read,
// decoded when asked, by anyone, at the same time.

import DaybookCompression
import DaybookModel
import DaybookRecords
import Testing

@Suite("Batches of a read")
struct RecordBatchTests {
    /// The batches back to back in one buffer, with offsets one after the other.
    private func fetched(_ batches: [EncodedBatch]) -> [RecordBatch] {
        let buffer = FetchBuffer(capacity: batches.reduce(0) { $0 + $1.count })
        var start = 0
        var nextOffset = Offset(500)
        return batches.map { batch in
            batch.stamp(baseOffset: nextOffset, leaderEpoch: LeaderEpoch(rawValue: 2))
            batch.withBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[start..<start + batch.count])
                    .copyMemory(from: bytes)
            }
            defer { (start, nextOffset) = (start + batch.count, batch.header.nextOffset) }
            return RecordBatch(
                buffer: buffer, start: start, header: batch.header, appendTime: Timestamp(milliseconds: 77))
        }
    }

    private func records(_ count: Int) -> [Record] {
        (0..<count).map {
            Record(key: "key \($0 % 3)", value: "value \($0)", timestamp: Timestamp(milliseconds: Int64($0)))
        }
    }

    @Test("each batch shows its own bytes, header and records")
    func batches() throws {
        let encoded = try Batches.everyCompression.map { try Batches.build(records(40), $0) }
        let batches = fetched(encoded)
        for (index, batch) in batches.enumerated() {
            #expect(batch.withBytes { [UInt8]($0) } == encoded[index].array)
            #expect(batch.baseOffset.rawValue == Int64(500 + 40 * index))
            #expect(batch.lastOffset.rawValue == batch.baseOffset.rawValue + 39)
            #expect(batch.nextOffset.rawValue == batch.baseOffset.rawValue + 40)
            #expect(batch.recordsCount == 40 && batch.size == encoded[index].count)
            #expect(batch.leaderEpoch.rawValue == 2 && batch.producer == .none)
            #expect(batch.timestampType == .create && batch.maxTimestamp.rawValue == 39)
            #expect(batch.compression == Batches.everyCompression[index].description)
            #expect(batch.appendTime.rawValue == 77 && !batch.isControl && !batch.isTransactional)
            let read = try batch.records()
            #expect(read.map(\.record) == records(40))
            #expect(read.map(\.offset.rawValue) == Array(batch.baseOffset.rawValue..<batch.nextOffset.rawValue))
        }
    }

    private struct Stop: Error {}

    @Test("what the closure throws comes out, and the next reading starts afresh")
    func throwing() throws {
        let batch = try fetched([Batches.build(records(10), .zstd())])[0]
        for _ in 0..<20 {
            var seen = 0
            #expect(throws: Stop.self) {
                try batch.forEach { record in
                    seen += 1
                    if record.offset == 503 { throw Stop() }
                }
            }
            #expect(seen == 4)
        }
        #expect(try batch.records().count == 10)
    }

    @Test("a batch can be read while another is, on one thread")
    func nested() throws {
        let batches = try fetched([Batches.build(records(30), .zstd()), Batches.build(records(20), .zstd())])
        var pairs = 0
        try batches[0].forEach { outer in
            let before = outer.record()
            try batches[1].forEach { _ in pairs += 1 }
            #expect(outer.record() == before, "the outer record's bytes stay")
        }
        #expect(pairs == 600)
    }

    @Test("many threads read the same batch")
    func parallel() async throws {
        let batches = try fetched([Batches.build(records(200), .zstd()), Batches.build(records(300), .lz4())])
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<40 {
                group.addTask {
                    let read = try batches[index % 2].records()
                    return read.map(\.record) == self.records(index % 2 == 0 ? 200 : 300) ? 1 : 0
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(counts == 40)
    }

    @Test("a batch keeps the memory of its read alive")
    func lifetime() throws {
        var batches = try fetched([Batches.build(records(5)), Batches.build(records(6))])
        batches.removeFirst()
        #expect(try batches[0].records().map(\.record) == records(6))
    }

    @Test("a malformed record is an error, and the records before it were handed out")
    func malformed() throws {
        var made = (0..<3).map { HandmadeRecord(offsetDelta: $0) }
        made[2].valueLength = 1 << 20
        let bytes = HandmadeBatch(made).bytes
        let buffer = FetchBuffer(capacity: bytes.count)
        buffer.bytes.copyBytes(from: bytes)
        let batch = RecordBatch(
            buffer: buffer, start: 0, header: try Batches.header(of: bytes), appendTime: Timestamp(milliseconds: 0))
        var seen = 0
        #expect(throws: RecordBatchError.malformedRecord(index: 2, reason: "it ends early")) {
            try batch.forEach { _ in seen += 1 }
        }
        #expect(seen == 2)
        #expect(throws: RecordBatchError.self) { try batch.records() }
    }
}
