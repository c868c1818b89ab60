// How large batches become: the target, records beyond it,
// what compression makes of them and when it is left out.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookTesting
import Testing

@Suite("Sizes of batches")
struct BatchSizeTests {
    @Test("a batch never exceeds its target, to the byte", arguments: [93, 100, 1000, 4096, 5000, 65536])
    func target(target: Int) throws {
        // Attributes, deltas, lengths and a header count of one byte each, and the length itself.
        let record = Record(key: nil as [UInt8]?, value: [UInt8](repeating: 1, count: 3))
        var builder = RecordBatchBuilder(targetSize: target)
        var sizes: [Int] = []
        while builder.append(record, timestamp: .none) { sizes.append(builder.size) }
        #expect(sizes.first == 61 + 10)
        let size10 = builder.size
        #expect(size10 <= target && size10 + 12 > target)
        let size = builder.size
        let batch = try builder.seal(using: Compressor())
        #expect(batch.count == size && batch.recordsCount == sizes.count)
        #expect(try Batches.read(batch.array).count == sizes.count)
    }

    @Test("a batch of exactly the target is full, not too full")
    func exactly() throws {
        let value = [UInt8](repeating: 1, count: 30)
        let first = try Batches.build([Record(key: nil, value: value)]).count
        var builder = RecordBatchBuilder(targetSize: first + 37)
        let isAdded11 = builder.append(Record(key: nil, value: value), timestamp: Timestamp.none)
        #expect(isAdded11)
        let isAdded12 = builder.append(Record(key: nil, value: value), timestamp: Timestamp.none)
        #expect(isAdded12)
        let size13 = builder.size
        let targetSize13 = builder.targetSize
        #expect(size13 == targetSize13)
        let isAdded14 = builder.append(Record(key: nil as [UInt8]?, value: nil), timestamp: .none)
        #expect(!isAdded14)
    }

    @Test("a record larger than the target gets a batch of its own", arguments: [100, 5000, 100_000, 3 << 20])
    func oversize(count: Int) throws {
        var generator = SeededGenerator(seed: 1)
        let large = Record(
            key: Array("k".utf8), value: generator.bytes(count), headers: [RecordHeader("h", "v")],
            timestamp: Timestamp.none)
        let small = Record(key: "k", value: "v")
        var builder = RecordBatchBuilder(targetSize: 93)
        let isAdded15 = builder.append(small, timestamp: .none)
        #expect(isAdded15)
        let isAdded16 = builder.append(large, timestamp: .none)
        #expect(!isAdded16, "not beside another")
        let recordsCount17 = builder.recordsCount
        #expect(recordsCount17 == 1)
        _ = try builder.seal(using: Compressor())
        let isAdded18 = builder.append(large, timestamp: .none)
        #expect(isAdded18)
        let isAdded19 = builder.append(small, timestamp: .none)
        #expect(!isAdded19, "nothing beside it")
        let sealed20 = try builder.seal(using: Compressor())
        #expect(try Batches.read(sealed20.array).map(\.record) == [large])
        let isAdded21 = builder.append(small, timestamp: .none)
        #expect(isAdded21)
    }

    @Test("the target has a floor, so that a record fits", arguments: [Int.min, -1, 0, 61])
    func floor(target: Int) throws {
        var builder = RecordBatchBuilder(targetSize: target)
        let isAdded22 = builder.append(Record(key: "k", value: "v"), timestamp: .none)
        #expect(isAdded22)
        let sealed23 = try builder.seal(using: Compressor())
        #expect(sealed23.recordsCount == 1)
    }

    @Test("no record takes more than its bound", arguments: [0xb0d as UInt64])
    func bound(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for round in 0..<500 {
            let record = generator.record(near: 0)
            var builder = RecordBatchBuilder(targetSize: 1 << 20)
            builder.append(
                Record(key: nil as [UInt8]?, value: nil),
                timestamp: Timestamp(milliseconds: round % 2 == 0 ? 0 : 1 << 61))
            let before = builder.size
            let isAdded24 = builder.append(record, timestamp: .none)
            #expect(isAdded24)
            let taken = builder.size - before
            #expect(taken <= RecordBatchBuilder.maximumSize(of: record), "seed \(seed), round \(round)")
            #expect(taken + 36 > RecordBatchBuilder.maximumSize(of: record), "the bound is not wide")
        }
    }

    @Test(
        "C67 what compression does not shrink is stored as it is",
        arguments: [Compression.lz4(), .zstd(), .zstd(level: 19)])
    func incompressible(compression: Compression) throws {
        var generator = SeededGenerator(seed: 2)
        for count in [0, 10, 1000, 200_000] {
            let records = [Record(key: nil, value: generator.bytes(count), timestamp: Timestamp.none)]
            let batch = try Batches.build(records, compression)
            #expect(batch.header.codec == .none)
            #expect(batch.array == (try Batches.build(records).array), "\(count) bytes")
            #expect(try Batches.read(batch.array).map(\.record) == records)
        }
    }

    @Test("what compression shrinks is stored smaller", arguments: [Compression.lz4(), .zstd()])
    func compressible(compression: Compression) throws {
        let records = (0..<200).map { Record(key: "order-\($0 % 7)", value: "{\"amount\":\($0),\"currency\":\"EUR\"}") }
        let batch = try Batches.build(records, compression)
        #expect(batch.header.codec == compression.codec)
        #expect(batch.count < (try Batches.build(records).count) / 2)
        #expect(try Batches.read(batch.array) == Batches.placed(records))
    }

    @Test(
        "what compression shrinks beyond the limits is stored so that it can be read",
        arguments: [Compression.lz4(), .zstd()])
    func tooCompressible(compression: Compression) throws {
        let zeros = Record(key: nil, value: [UInt8](repeating: 0, count: 20_000), timestamp: Timestamp.none)
        for (ratio, codec) in [(2, CompressionCodec.none), (10_000, compression.codec)] {
            let limits = DecompressionLimits(maximum: .mebibytes(1), ratio: ratio, alwaysAllowed: .kibibytes(1))
            let options = RecordBatchBuilder.Options(compression: compression, limits: limits)
            var builder = RecordBatchBuilder(targetSize: 1000, options: options)
            builder.append(zeros, timestamp: .none)
            let batch = try builder.seal(using: Compressor())
            #expect(batch.header.codec == codec)
            #expect(try Batches.read(batch.array, decoder: RecordDecoder(limits: limits)).map(\.record) == [zeros])
        }
    }

    @Test("eight mebibytes of zeros are read back with the standard limits", arguments: [Compression.lz4(), .zstd()])
    func zeros(compression: Compression) throws {
        let zeros = Record(key: nil, value: [UInt8](repeating: 0, count: 8 << 20), timestamp: Timestamp.none)
        let batch = try Batches.build([zeros], compression)
        #expect(try Batches.read(batch.array).map(\.record) == [zeros])
    }
}
