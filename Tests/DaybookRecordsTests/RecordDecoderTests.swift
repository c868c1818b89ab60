// Records that are not what they say: every length that can lie, in every codec, behind a checksum that is right.
// The decoder answers with an error that names the record, never with a trap and never with bytes from beyond.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookTesting
import Testing

@Suite("Decoding records")
struct RecordDecoderTests {
    /// A batch of these records with this codec, right in every respect but the records.
    private func batch(_ records: [HandmadeRecord], _ compression: Compression) throws -> HandmadeBatch {
        var batch = HandmadeBatch(records)
        guard compression != .none else { return batch }
        let plain = batch.records
        batch.attributes = UInt16(compression.codec.rawValue)
        batch.records = try [UInt8](unsafeUninitializedCapacity: Compressor.bound(plain.count, compression)) {
            let destination = UnsafeMutableRawBufferPointer($0)
            $1 = try plain.withUnsafeBytes { try Compressor().compress($0, into: destination, compression) }
        }
        return batch
    }

    private static let codecs: [Compression] = [.none, .lz4(), .zstd()]

    /// The reason for which the second of three records is refused.
    private func reason(_ compression: Compression = .none, _ change: (inout HandmadeRecord) -> Void) throws -> String?
    {
        var records = (0..<3).map { HandmadeRecord(offsetDelta: $0) }
        change(&records[1])
        do {
            _ = try Batches.read(batch(records, compression).bytes)
            return nil
        } catch RecordBatchError.malformedRecord(index: 1, let reason) {
            return reason
        }
    }

    @Test("records made by hand are read", arguments: codecs)
    func right(compression: Compression) throws {
        let batch = try batch((0..<3).map { HandmadeRecord(timestampDelta: -$0, offsetDelta: $0) }, compression)
        let expected = (0..<3).map { index in
            Record(
                key: [1, 2, 3], value: [4, 5, 6, 7],
                headers: [RecordHeader("\u{8}\t", [10]), RecordHeader("", nil as [UInt8]?)],
                timestamp: Timestamp(milliseconds: 1_700_000_000_000 - Int64(index)))
        }
        #expect(try Batches.read(batch.bytes) == Batches.placed(expected))
        #expect(throws: Never.self) { try Batches.validate(batch.bytes) }
    }

    /// What a length can say that is not true.
    static let lies: [Int64] = [
        .min, Int64(Int32.min) - 1, Int64(Int32.min), -1000, -2, 1 << 20, Int64(Int32.max), Int64(Int32.max) + 1, .max,
    ]

    @Test("C70 no length is believed", arguments: codecs, lies)
    func lengths(compression: Compression, lie: Int64) throws {
        #expect(try reason(compression) { $0.length = lie } != nil)
        #expect(try reason(compression) { $0.keyLength = lie } != nil)
        #expect(try reason(compression) { $0.valueLength = lie } != nil)
        #expect(try reason(compression) { $0.headerCount = lie } != nil)
        #expect(try reason(compression) { $0.nameLength = lie } != nil)
        #expect(try reason(compression) { $0.headerValueLength = lie } != nil)
        #expect(try reason(compression) { $0.offsetDelta = lie } != nil)
    }

    @Test("lengths a little off are refused too", arguments: codecs, [-1, 1, 2] as [Int64])
    func lengthsNearby(compression: Compression, distance: Int64) throws {
        let length = Int64(HandmadeRecord(offsetDelta: 1).bytes.count - 1)
        #expect(try reason(compression) { $0.length = length + distance } != nil)
        #expect(try reason(compression) { $0.headerCount = 2 + distance } != nil)
        #expect(try reason(compression) { $0.trailing = [0] } == "1 bytes follow its headers")
    }

    @Test("reasons say what is wrong")
    func reasons() throws {
        #expect(try reason { $0.keyLength = -2 } == "a length is negative")
        #expect(try reason { $0.valueLength = -2 } == "a length is negative")
        #expect(try reason { $0.headerCount = -1 } == "a length is negative")
        #expect(try reason { $0.nameLength = -1 } == "a length is negative")
        #expect(try reason { $0.headerValueLength = -2 } == "a length is negative")
        #expect(try reason { $0.length = -1 } == "a length is negative")
        #expect(try reason { $0.keyLength = 1000 } == "it ends early")
        #expect(try reason { $0.length = 1000 } == "it ends early")
        #expect(try reason { $0.length = 0 } == "it ends early")
        #expect(try reason { $0.keyLength = .max } == "a variable-length integer is too long")
        #expect(try reason { $0.offsetDelta = 0 } == "offset delta 0 is out of order")
        #expect(try reason { $0.offsetDelta = 3 } == "offset delta 3 is out of order")
    }

    @Test("null lengths and attributes that nobody uses are fine")
    func tolerated() throws {
        #expect(try reason { $0.attributes = 0xff } == nil)
        #expect(try reason { ($0.key, $0.value, $0.headers) = (nil, nil, []) } == nil)
        #expect(try reason { $0.timestampDelta = .min } == nil)
        #expect(try reason { $0.timestampDelta = .max } == nil)
    }

    @Test("the records before the malformed one have been handed out")
    func handedOut() throws {
        var records = (0..<5).map { HandmadeRecord(offsetDelta: $0) }
        records[3].keyLength = 9999
        let bytes = try batch(records, .none).bytes
        var seen: [Offset] = []
        #expect(throws: RecordBatchError.malformedRecord(index: 3, reason: "it ends early")) {
            try bytes.withUnsafeBytes { bytes in
                let header = try BatchHeader(decoding: bytes)
                try RecordDecoder().forEachRecord(in: bytes, header) { seen.append($0.offset) }
            }
        }
        #expect(seen == [0, 1, 2])
    }

    @Test("bytes behind the last record are refused, missing records too", arguments: codecs)
    func count(compression: Compression) throws {
        var batch = try batch((0..<3).map { HandmadeRecord(offsetDelta: $0) }, compression)
        let one = HandmadeRecord().bytes.count
        batch.recordsCount = 2
        #expect(throws: RecordBatchError.trailingBytes(one)) { try Batches.read(batch.bytes) }
        batch.recordsCount = 0
        #expect(throws: RecordBatchError.trailingBytes(one * 3)) { try Batches.read(batch.bytes) }
        batch.lastOffsetDelta = 3
        batch.recordsCount = 4
        #expect(throws: RecordBatchError.malformedRecord(index: 3, reason: "it ends early")) {
            try Batches.read(batch.bytes)
        }
        batch.lastOffsetDelta = .max
        batch.recordsCount = .max
        #expect(throws: RecordBatchError.malformedRecord(index: 3, reason: "it ends early")) {
            try Batches.read(batch.bytes)
        }
    }

    @Test("a compacted batch has gaps between its offsets, an emptied one has no records")
    func compacted() throws {
        var compacted = try batch([2, 3, 900].map { HandmadeRecord(offsetDelta: $0) }, .zstd())
        compacted.baseOffset = 1000
        compacted.lastOffsetDelta = 999
        #expect(try Batches.read(compacted.bytes).map(\.offset) == [1002, 1003, 1900])
        compacted.records = []
        compacted.attributes = 0
        compacted.recordsCount = 0
        compacted.baseTimestamp = -1
        #expect(try Batches.read(compacted.bytes).isEmpty)
        #expect(try Batches.header(of: compacted.bytes).nextOffset == 2000)
    }

    @Test("a stream that is none is an error of its codec", arguments: [Compression.lz4(), .zstd()])
    func malformedStream(compression: Compression) throws {
        var batch = HandmadeBatch()
        batch.attributes = UInt16(compression.codec.rawValue)
        do {
            _ = try Batches.read(batch.bytes)
            Issue.record("records came out")
        } catch RecordBatchError.compression(.malformed(let codec, _)) {
            #expect(codec == compression.codec)
        }
    }

    @Test("C66 a bomb in a batch is refused with its codec and the limit")
    func bomb() throws {
        let batch = try batch([HandmadeRecord(value: [UInt8](repeating: 0, count: 100_000))], .zstd())
        let limits = DecompressionLimits(maximum: .bytes(99_999))
        let expected = CompressionError.tooLarge(.zstd, compressed: batch.records.count, limit: 99_999)
        #expect(throws: RecordBatchError.compression(expected)) {
            try Batches.read(batch.bytes, decoder: RecordDecoder(limits: limits))
        }
    }

    @Test("codecs to come are named", arguments: [CompressionCodec.gzip, .snappy])
    func unsupported(codec: CompressionCodec) {
        var batch = HandmadeBatch()
        batch.attributes = UInt16(codec.rawValue)
        #expect(throws: RecordBatchError.compression(.unsupportedCodec(codec))) { try Batches.read(batch.bytes) }
        #expect(throws: RecordBatchError.compression(.unsupportedCodec(codec))) { try Batches.validate(batch.bytes) }
    }
}
