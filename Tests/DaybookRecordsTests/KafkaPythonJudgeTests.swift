// The independent judge: kafka-python parses what we build and finds the same, and we parse what kafka-python builds.
// Where DAYBOOK_PYTHON is not set these tests are skipped, and say so.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookTesting
import Testing

@Suite("kafka-python as a judge", .enabled(if: KafkaPython.interpreter != nil, Comment(rawValue: KafkaPython.absence)))
struct KafkaPythonJudgeTests {
    static let compressions: [Compression] = [
        .none, .lz4(), .lz4(level: -5), .lz4(level: 3), .lz4(level: 12), .zstd(), .zstd(level: -5), .zstd(level: 3),
        .zstd(level: 19),
    ]

    private static let producer = ProducerIdentity(id: ProducerID(rawValue: 1 << 40), epoch: 12, baseSequence: 345)

    /// Nulls, headers and timestamps of all kinds, and enough alike for every codec to shrink it.
    private static let records: [Record] = [
        Record(key: "key", value: "value", timestamp: Timestamp(milliseconds: 1_700_000_000_000)),
        Record(key: nil, value: "no key", timestamp: Timestamp(milliseconds: 1_699_999_999_000)),
        Record(key: "tombstone", value: nil, timestamp: Timestamp(milliseconds: -5)),
        Record(key: [], value: [], timestamp: Timestamp(milliseconds: 0)),
        Record(key: nil as [UInt8]?, value: nil, timestamp: Timestamp(milliseconds: .max)),
        Record(
            key: "headers", value: "x",
            headers: [
                RecordHeader("a", "1"), RecordHeader("a", nil as [UInt8]?), RecordHeader("", []),
                RecordHeader("ключ", Array(0...255)),
            ], timestamp: Timestamp(milliseconds: 1 << 50)),
    ]

    private static func likeALog(_ count: Int) -> [Record] {
        (0..<count).map {
            Record(
                key: "order-\($0 % 17)", value: "{\"line\":\($0),\"state\":\"open\",\"currency\":\"EUR\"}",
                timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64($0)))
        }
    }

    /// The batches of a segment, one behind the other in offsets and in bytes.
    private func segment(_ batches: [EncodedBatch]) -> [UInt8] {
        var nextOffset = Offset.zero
        var bytes: [UInt8] = []
        for (index, batch) in batches.enumerated() {
            batch.stamp(baseOffset: nextOffset, leaderEpoch: LeaderEpoch(rawValue: Int32(index % 3)))
            nextOffset = batch.header.nextOffset
            bytes += batch.array
        }
        return bytes
    }

    /// The judge finds in the segment exactly what we put there.
    private func expectSame(
        _ batches: [EncodedBatch], markers: [Int: ControlRecord.Kind] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let bytes = segment(batches)
        let judged = try await KafkaPython.parse(bytes)
        #expect(judged.validBytes == bytes.count, sourceLocation: sourceLocation)
        #expect(judged.batches.count == batches.count, sourceLocation: sourceLocation)
        for (index, (found, batch)) in zip(judged.batches, batches).enumerated() {
            let expected = try KafkaPython.Batch(batch, marker: markers[index])
            #expect(found == expected, "batch \(index)", sourceLocation: sourceLocation)
        }
    }

    @Test("every codec and level, every setting of the header")
    func settings() async throws {
        var batches: [EncodedBatch] = []
        for compression in Self.compressions {
            let records = Self.records + Self.likeALog(200)
            let plain = try Batches.build(records, compression)
            #expect(plain.header.codec == compression.codec)
            batches.append(plain)
            batches.append(try Batches.build(records, compression, producer: Self.producer))
            batches.append(try Batches.build(records, compression, producer: Self.producer, isTransactional: true))
            let stamped = try Batches.build(records, compression)
            stamped.stamp(appendTime: Timestamp(milliseconds: 1_800_000_000_123))
            batches.append(stamped)
            batches.append(try Batches.build([Record(key: nil as [UInt8]?, value: nil)], compression))
        }
        try await expectSame(batches)
    }

    @Test("the records that went in, not only the ones we read back")
    func originals() async throws {
        let batches = try Self.compressions.map { try Batches.build(Self.records + Self.likeALog(50), $0) }
        let judged = try await KafkaPython.parse(segment(batches))
        #expect(judged.batches.count == batches.count)
        for batch in judged.batches {
            let expected = (Self.records + Self.likeALog(50)).enumerated().map { index, record in
                KafkaPython.Entry(record, offset: Offset(batch.baseOffset + Int64(index)))
            }
            #expect(batch.records == expected)
        }
    }

    @Test("batches of one block and of several", arguments: [Compression.lz4(), .lz4(level: 9), .zstd()])
    func large(compression: Compression) async throws {
        var generator = SeededGenerator(seed: 5)
        // Up to and beyond a mebibyte, where lz4 needs blocks of 64 KiB, 256 KiB and 4 MiB.
        let batches = try [1, 20, 120].map { count in
            let records = (0..<count).map { _ in
                Record(
                    key: generator.bytes(10), value: generator.bytes(5000) + [UInt8](repeating: 1, count: 5000),
                    timestamp: Timestamp.none)
            }
            return try Batches.build(records, compression, targetSize: 8 << 20)
        }
        #expect(batches.allSatisfy { $0.header.codec == compression.codec })
        try await expectSame(batches)
    }

    @Test("markers of transactions")
    func markers() async throws {
        let kinds: [ControlRecord.Kind] = [.commit, .abort]
        let batches = kinds.map {
            ControlRecord(kind: $0, coordinatorEpoch: 7).batch(
                producer: ProducerID(rawValue: 9), epoch: 2, timestamp: Timestamp(milliseconds: 1_700_000_000_000))
        }
        try await expectSame(batches, markers: [0: .commit, 1: .abort])
    }

    @Test("it reads over marks of lost records")
    func losses() async throws {
        let batches = try [Batches.build(Self.likeALog(3)), Batches.build(Self.likeALog(4))]
        let marked = LossMarker(copy: "quarantine/orders-0.bytes")
            .batches(covering: 3..<1_000_003, leaderEpoch: LeaderEpoch(rawValue: 0))
        batches[1].stamp(baseOffset: 1_000_003, leaderEpoch: LeaderEpoch(rawValue: 0))
        let bytes = batches[0].array + marked[0].array + batches[1].array
        let judged = try await KafkaPython.parse(bytes)
        #expect(judged.validBytes == bytes.count && judged.batches.map(\.isValid) == [true, true, true])
        #expect(judged.batches.map(\.isControl) == [false, true, false])
        #expect(judged.batches.map(\.baseOffset) == [0, 3, 1_000_003] && judged.batches[1].lastOffset == 1_000_002)
        #expect(judged.batches[1].records.map(\.marker) == ["type \(LossMarker.type)"])
        #expect(judged.batches[2].records.count == 4)
    }

    @Test("random records", arguments: [0x6a as UInt64])
    func random(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let batches = try (0..<200).map { index in
            // Python's integers do not wrap: deltas as far as Int64 reaches are no matter for it.
            try Batches.build(generator.records(upTo: 12), Self.compressions[index % Self.compressions.count])
        }
        try await expectSame(batches)
    }

    // MARK: what kafka-python builds

    private func orders(_ codec: CompressionCodec) -> [KafkaPython.Order] {
        let entries = (Self.records + Self.likeALog(300)).map { KafkaPython.Entry($0) }
        return [
            KafkaPython.Order(codec: codec.rawValue, records: entries),
            KafkaPython.Order(
                codec: codec.rawValue, isTransactional: true, producerId: 77, producerEpoch: 4, baseSequence: 100,
                records: entries),
            KafkaPython.Order(codec: codec.rawValue, records: Self.likeALog(4000).map { KafkaPython.Entry($0) }),
        ]
    }

    @Test("we read what it builds", arguments: [CompressionCodec.none, .lz4, .zstd])
    func reading(codec: CompressionCodec) async throws {
        let orders = orders(codec)
        let built = try await KafkaPython.build(orders)
        #expect(built.count == orders.count)
        for (order, bytes) in zip(orders, built) {
            let bytes = try #require(bytes, "kafka-python lacks \(codec)")
            let header = try Batches.validate(bytes, maximumSize: 1 << 24)
            #expect(header.codec == codec && header.isTransactional == order.isTransactional)
            #expect(header.producer.id.rawValue == order.producerId && header.producer.epoch == order.producerEpoch)
            #expect(header.producer.baseSequence == order.baseSequence)
            #expect(header.maxTimestamp.rawValue == order.records.map(\.timestamp).max())
            let read = try Batches.read(bytes)
            #expect(read.map { KafkaPython.Entry($0.record) } == order.records)
            #expect(read.map(\.offset.rawValue) == Array(0..<Int64(order.records.count)))
        }
    }

    @Test("of codecs to come we say the name", arguments: [CompressionCodec.gzip, .snappy])
    func unsupported(codec: CompressionCodec) async throws {
        for bytes in try await KafkaPython.build(orders(codec)) {
            // kafka-python builds snappy only where yet another package is installed; gzip it always has.
            guard let bytes else {
                #expect(codec == .snappy)
                continue
            }
            #expect(try Batches.header(of: bytes).codec == codec)
            #expect(throws: RecordBatchError.compression(.unsupportedCodec(codec))) { try Batches.read(bytes) }
            #expect(throws: RecordBatchError.compression(.unsupportedCodec(codec))) {
                try Batches.validate(bytes, maximumSize: 1 << 24)
            }
        }
    }

    @Test("what it builds and what we build of the same records is the same, uncompressed")
    func sameBytes() async throws {
        let records = Self.records + Self.likeALog(10)
        let order = KafkaPython.Order(codec: 0, records: records.map { KafkaPython.Entry($0) })
        let theirs = try #require(try await KafkaPython.build([order])[0])
        #expect(try Batches.build(records).array == theirs)
    }
}
