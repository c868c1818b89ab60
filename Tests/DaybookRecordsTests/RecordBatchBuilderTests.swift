// What the builder writes: nulls, headers, timestamps, the batch header's fields;
// and that it can be used again and again. Sizes are in BatchSizeTests.

import DaybookCompression
import DaybookModel
import DaybookTesting
import Testing

@testable import DaybookRecords

@Suite("Building batches")
struct RecordBatchBuilderTests {
    @Test("the bytes are Kafka's")
    func golden() throws {
        let batch = try Batches.build(
            GoldenBatches.transactionalRecords, producer: GoldenBatches.transactionalProducer, isTransactional: true)
        batch.stamp(baseOffset: 1000, leaderEpoch: LeaderEpoch(rawValue: 5))
        #expect(batch.array == GoldenBatches.transactional)
    }

    @Test("null and empty are two things, in keys, values and headers", arguments: Batches.everyCompression)
    func nulls(compression: Compression) throws {
        let choices: [[UInt8]?] = [nil, [], [0], [UInt8](repeating: 7, count: 300)]
        let records = choices.flatMap { key in
            choices.map { value in
                Record(key: key, value: value, headers: [RecordHeader("h", key), RecordHeader("", value)])
            }
        }
        #expect(try Batches.read(Batches.build(records, compression).array) == Batches.placed(records))
    }

    @Test("headers keep their order and may repeat; names may be empty or not ASCII")
    func headers() throws {
        let headers = [
            RecordHeader("b", "1"), RecordHeader("a", "2"), RecordHeader("b", nil as [UInt8]?), RecordHeader("", ""),
            RecordHeader("ключ 🧾", "значение"), RecordHeader(String(repeating: "n", count: 5000), "x"),
        ]
        let many = (0..<300).map { RecordHeader("h\($0)", [UInt8($0 % 256)]) }
        let records = [
            Record(key: "k", value: "v", headers: headers), Record(key: "k", value: "v"),
            Record(key: "k", value: "v", headers: many),
        ]
        let batch = try Batches.build(records)
        #expect(try Batches.read(batch.array) == Batches.placed(records))
        var index = 0
        try batch.withBytes { bytes in
            try RecordDecoder().forEachRecord(in: bytes, batch.header) { record in
                var seen: [RecordHeader] = []
                record.forEachHeader { name, value in
                    seen.append(RecordHeader(String(decoding: name), [UInt8]?(copying: value)))
                }
                #expect(seen == records[index].headers && record.headerCount == seen.count)
                index += 1
            }
        }
    }

    @Test("a view shows what a copy holds")
    func views() throws {
        let records = [Record(key: "key", value: nil as String?), Record(key: nil as String?, value: "value")]
        let batch = try Batches.build(records)
        var payload: [Int] = []
        try batch.withBytes { bytes in
            try RecordDecoder().forEachRecord(in: bytes, batch.header) { record in
                payload.append(record.payloadCount)
                let expected = records[Int(record.offset.rawValue)]
                #expect([UInt8]?(copying: record.key) == expected.key)
                #expect([UInt8]?(copying: record.value) == expected.value)
                #expect(record.headerCount == 0 && record.timestamp == Timestamp(milliseconds: 1_700_000_000_000))
            }
        }
        #expect(payload == [3, 5])
    }

    /// Timestamps in the order of the records.
    static let timestamps: [[Int64]] = [
        [0], [-1], [.min], [.max], [5, 4, 3, -100], [-5, -10, 7], [.min, -1], [.max, 0], [0, .max, .min],
        [-1, .max - 1],
        [.min, .min + 1, .min], [1 << 62, -(1 << 62) + 1],
    ]

    @Test("timestamps may be negative, fall, and lie at the ends of Int64", arguments: timestamps)
    func timestampsComeBack(milliseconds: [Int64]) throws {
        let records = milliseconds.map { Record(key: "k", value: "v", timestamp: Timestamp(milliseconds: $0)) }
        let batch = try Batches.build(records)
        #expect(try Batches.read(batch.array) == Batches.placed(records))
        #expect(batch.header.baseTimestamp.rawValue == milliseconds.first)
        #expect(batch.header.maxTimestamp.rawValue == milliseconds.max())
    }

    @Test(
        "a record too far in time from the first begins a batch of its own",
        arguments: [
            (Int64.min, Int64(0)), (-2, .max), (.max, -2), (1, .min), (.max, .min), (.min, .max),
        ])
    func farTimestamps(first: Int64, second: Int64) throws {
        var builder = RecordBatchBuilder(targetSize: 1000)
        let isAdded1 = builder.append(Record(key: "a", value: "a"), timestamp: Timestamp(milliseconds: first))
        #expect(isAdded1)
        let isAdded2 = builder.append(Record(key: "b", value: "b"), timestamp: Timestamp(milliseconds: second))
        #expect(!isAdded2)
        let isAdded3 = builder.append(Record(key: "c", value: "c"), timestamp: Timestamp(milliseconds: first))
        #expect(isAdded3)
        let sealed4 = try builder.seal(using: Compressor())
        #expect(sealed4.recordsCount == 2)
        let isAdded5 = builder.append(Record(key: "b", value: "b"), timestamp: Timestamp(milliseconds: second))
        #expect(isAdded5)
        let sealed6 = try builder.seal(using: Compressor())
        #expect(try Batches.read(sealed6.array).first?.record.timestamp?.rawValue == second)
    }

    @Test("a record's own timestamp is taken before the caller's")
    func ownTimestamp() throws {
        var builder = RecordBatchBuilder(targetSize: 1000)
        builder.append(Record(key: "a", value: "a", timestamp: Timestamp(milliseconds: 3)), timestamp: .none)
        builder.append(Record(key: "a", value: "a"), timestamp: Timestamp(milliseconds: 9))
        let records = try Batches.read(builder.seal(using: Compressor()).array)
        #expect(records.map(\.record.timestamp?.rawValue) == [3, 9])
    }

    @Test("the header names the producer, the transaction and the codec", arguments: Batches.everyCompression)
    func headerFields(compression: Compression) throws {
        let producer = ProducerIdentity(id: ProducerID(rawValue: .max), epoch: .max, baseSequence: .max)
        let records = (0..<50).map { Record(key: "key", value: "value \($0)") }
        for isTransactional in [true, false] {
            let batch = try Batches.build(records, compression, producer: producer, isTransactional: isTransactional)
            let header = try Batches.validate(batch.array)
            #expect(header == batch.header)
            #expect(header.codec == compression.codec && header.producer == producer)
            #expect(header.isTransactional == isTransactional && !header.isControl)
            #expect(header.recordsCount == 50 && header.lastOffsetDelta == 49)
            #expect(header.baseOffset == .zero && header.leaderEpoch == .zero && header.timestampType == .create)
            #expect(batch.recordsCount == 50 && batch.count == batch.array.count)
        }
    }

    @Test("one builder makes many batches, and none knows of the one before", arguments: [0xb11d as UInt64])
    func reuse(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var builder = RecordBatchBuilder(targetSize: 3000)
        let compressor = Compressor()
        let decoder = RecordDecoder()
        var kept: [(EncodedBatch, [PlacedRecord])] = []
        for round in 0..<300 {
            builder.options.compression = Batches.everyCompression[round % 5]
            let records = generator.records(upTo: 20).filter { builder.append($0, timestamp: .none) }
            if round % 7 == 0 {
                builder.reset()
                let isEmpty7 = builder.isEmpty
                let recordsCount7 = builder.recordsCount
                let size7 = builder.size
                #expect(isEmpty7 && size7 == 61 && recordsCount7 == 0)
                continue
            }
            let recordsCount8 = builder.recordsCount
            #expect(recordsCount8 == Int32(records.count))
            kept.append((try builder.seal(using: compressor), Batches.placed(records)))
            let isEmpty9 = builder.isEmpty
            let size9 = builder.size
            #expect(isEmpty9 && size9 == 61)
        }
        // Only now, so that a batch which shared memory with a later one would show it.
        for (index, (batch, records)) in kept.enumerated() {
            #expect(try Batches.read(batch.array, decoder: decoder) == records, "seed \(seed), batch \(index)")
        }
    }

    @Test("an empty builder has nothing to seal")
    func sealEmpty() async {
        await #expect(processExitsWith: .failure) {
            var builder = RecordBatchBuilder(targetSize: 100)
            _ = try builder.seal(using: Compressor())
        }
    }
}
