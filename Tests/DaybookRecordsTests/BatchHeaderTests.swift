// The 61 bytes of a batch's header: decoded, encoded,
// and each check that a header alone allows.

import DaybookCompression
import DaybookModel
import DaybookRecords
import Testing

@Suite("Batch headers")
struct BatchHeaderTests {
    @Test("a batch of Kafka's is decoded field by field")
    func golden() throws {
        let header = try Batches.header(of: GoldenBatches.transactional)
        #expect(header.baseOffset == 1000 && header.lastOffset == 1002 && header.nextOffset == 1003)
        #expect(header.batchLength == 114 && header.batchSize == 126)
        #expect(header.leaderEpoch == LeaderEpoch(rawValue: 5))
        #expect(header.crc == 0xa660_103f && header.attributes == 0x10)
        #expect(header.codec == .none && header.timestampType == .create)
        #expect(header.isTransactional && !header.isControl)
        #expect(header.lastOffsetDelta == 2 && header.recordsCount == 3)
        #expect(header.baseTimestamp == Timestamp(milliseconds: 1_700_000_000_000))
        #expect(header.maxTimestamp == Timestamp(milliseconds: 1_700_000_065_536))
        #expect(header.producer == GoldenBatches.transactionalProducer)
        #expect(
            try Batches.read(GoldenBatches.transactional).map(\.record) == GoldenBatches.transactionalRecords)
    }

    @Test("what is decoded and sealed again is the same, byte for byte")
    func sealAgain() throws {
        for batch in [GoldenBatches.transactional, GoldenBatches.commit] {
            var header = try Batches.header(of: batch)
            header.crc = 0
            var bytes = [UInt8](repeating: 0xee, count: 61) + batch[61...]
            bytes.withUnsafeMutableBytes { header.seal(into: $0) }
            #expect(bytes == batch)
            #expect(header == (try Batches.header(of: batch)))
        }
    }

    @Test("every field at its extremes")
    func extremes() throws {
        var batch = HandmadeBatch()
        batch.baseOffset = .max - 8
        batch.leaderEpoch = -1
        batch.attributes = 0x7c
        batch.lastOffsetDelta = 7
        batch.baseTimestamp = .min
        batch.maxTimestamp = .max
        batch.producerId = .max
        batch.producerEpoch = .min
        batch.baseSequence = .max
        batch.recordsCount = 8
        let header = try Batches.header(of: batch.bytes)
        #expect(header.baseOffset.rawValue == .max - 8 && header.nextOffset == .max)
        #expect(header.leaderEpoch.rawValue == -1)
        #expect(header.codec == .zstd && header.timestampType == .append)
        #expect(header.isTransactional && header.isControl)
        #expect(header.baseTimestamp.rawValue == .min && header.maxTimestamp.rawValue == .max)
        #expect(header.producer == ProducerIdentity(id: ProducerID(rawValue: .max), epoch: .min, baseSequence: .max))
        #expect(header.lastOffsetDelta == 7 && header.recordsCount == 8)
    }

    @Test("a header that is not all there is refused")
    func tooShort() {
        let bytes = GoldenBatches.transactional
        for count in 0..<61 {
            #expect(throws: RecordBatchError.truncated(needed: 61, available: count)) {
                try Batches.header(of: Array(bytes.prefix(count)))
            }
        }
        #expect(throws: Never.self) { try Batches.header(of: Array(bytes.prefix(61))) }
    }

    @Test("only magic 2 is read", arguments: [0, 1, 3, 127, 255] as [UInt8])
    func magic(magic: UInt8) {
        var batch = HandmadeBatch()
        batch.magic = magic
        #expect(throws: RecordBatchError.unsupportedMagic(magic)) { try Batches.header(of: batch.bytes) }
    }

    @Test("C4 zeros are not a batch, however many", arguments: [61, 4096, 1 << 20])
    func zeros(count: Int) {
        #expect(throws: RecordBatchError.unsupportedMagic(0)) {
            try Batches.header(of: [UInt8](repeating: 0, count: count))
        }
    }

    @Test("C70 a batch length out of bounds is refused", arguments: [.min, -1, 0, 48, .max - 11, .max] as [Int32])
    func length(length: Int32) {
        var batch = HandmadeBatch()
        batch.batchLength = length
        #expect(throws: RecordBatchError.lengthOutOfBounds(length, maximum: Int(Int32.max) - 12)) {
            try Batches.header(of: batch.bytes)
        }
    }

    @Test("the batch length may reach its bounds", arguments: [49, .max - 12] as [Int32])
    func lengthBounds(length: Int32) throws {
        var batch = HandmadeBatch()
        batch.batchLength = length
        #expect(try Batches.header(of: batch.bytes).batchSize == Int(length) + 12)
    }

    @Test("the caller's maximum bounds the whole batch")
    func maximumSize() throws {
        let bytes = HandmadeBatch().bytes
        #expect(throws: Never.self) { try Batches.header(of: bytes, maximumSize: bytes.count) }
        for maximum in [bytes.count - 1, 12, 0] {
            #expect(throws: RecordBatchError.lengthOutOfBounds(Int32(bytes.count - 12), maximum: maximum - 12)) {
                try Batches.header(of: bytes, maximumSize: maximum)
            }
        }
    }

    @Test("reserved attribute bits and codecs that do not exist are refused")
    func attributes() throws {
        var batch = HandmadeBatch()
        for bits in UInt16(0)...(.max) where bits & 0xff80 == 0 || bits.nonzeroBitCount == 1 {
            batch.attributes = bits
            if bits & 0xff80 == 0, bits & 7 <= 4 {
                #expect(throws: Never.self, "\(bits)") { try Batches.header(of: batch.bytes) }
            } else {
                #expect(throws: RecordBatchError.reservedAttributes(bits)) { try Batches.header(of: batch.bytes) }
            }
        }
    }

    @Test("offsets stay between 0 and the largest Int64")
    func offsets() throws {
        var batch = HandmadeBatch()
        for offset in [-1, Int64.min] {
            batch.baseOffset = offset
            #expect(throws: RecordBatchError.negativeBaseOffset(Offset(offset))) { try Batches.header(of: batch.bytes) }
        }
        batch.baseOffset = .max
        #expect(throws: RecordBatchError.offsetDeltaOutOfBounds(0)) { try Batches.header(of: batch.bytes) }
        batch.baseOffset = .max - 1
        #expect(try Batches.header(of: batch.bytes).nextOffset == .max)
        batch.lastOffsetDelta = .max
        #expect(throws: RecordBatchError.offsetDeltaOutOfBounds(.max)) { try Batches.header(of: batch.bytes) }
        batch.baseOffset = 0
        #expect(try Batches.header(of: batch.bytes).nextOffset.rawValue == 1 << 31)
        for delta in [-1, Int32.min] {
            batch.lastOffsetDelta = delta
            #expect(throws: RecordBatchError.offsetDeltaOutOfBounds(delta)) { try Batches.header(of: batch.bytes) }
        }
    }

    @Test("there are at most as many records as offsets; compaction may leave fewer, or none")
    func counts() throws {
        var batch = HandmadeBatch()
        batch.lastOffsetDelta = 5
        for count in Int32(0)...6 {
            batch.recordsCount = count
            #expect(try Batches.header(of: batch.bytes).recordsCount == count)
        }
        for count in [Int32.min, -1, 7, .max] {
            batch.recordsCount = count
            #expect(throws: RecordBatchError.countMismatch(declared: count, lastOffsetDelta: 5)) {
                try Batches.header(of: batch.bytes)
            }
        }
    }

    @Test("C4 a checksum that is zero is a checksum")
    func zeroChecksum() throws {
        // The CRC is linear: find the bits of the base timestamp that turn the checksum of this batch into 0.
        var batch = HandmadeBatch()
        batch.baseTimestamp = 0
        let crc = { (batch: HandmadeBatch) in KafkaBytes.crc32c(batch.bytes[21...]) }
        let start = crc(batch)
        var basis: [(crc: UInt32, bits: Int64)] = []
        for bit in 0..<40 {
            batch.baseTimestamp = 1 << bit
            var row = (crc: crc(batch) ^ start, bits: Int64(1) << bit)
            for other in basis where row.crc ^ other.crc < row.crc {
                row = (row.crc ^ other.crc, row.bits ^ other.bits)
            }
            if row.crc != 0 {
                basis.append(row)
                basis.sort { $0.crc > $1.crc }
            }
        }
        var rest = (crc: start, bits: Int64(0))
        for row in basis where rest.crc ^ row.crc < rest.crc { rest = (rest.crc ^ row.crc, rest.bits ^ row.bits) }
        batch.baseTimestamp = rest.bits
        #expect(Array(batch.bytes[17..<21]) == [0, 0, 0, 0])
        #expect(try Batches.header(of: batch.bytes).crc == 0)
        #expect(throws: Never.self) { try Batches.validate(batch.bytes) }
        #expect(try Batches.read(batch.bytes).count == 1)
    }

    @Test("the checksum is compared with the bytes")
    func checksum() throws {
        var batch = HandmadeBatch()
        let right = KafkaBytes.crc32c(batch.bytes[21...])
        batch.crc = right ^ 1
        #expect(throws: RecordBatchError.checksumMismatch(stored: right ^ 1, computed: right)) {
            try Batches.read(batch.bytes)
        }
    }

    @Test("every error says a sentence with the numbers in it")
    func messages() {
        let errors: [(RecordBatchError, String)] = [
            (.truncated(needed: 7, available: 3), "needs 7 bytes, only 3"),
            (.lengthOutOfBounds(5, maximum: 99), "5 is outside 49...99"), (.unsupportedMagic(1), "magic is 1"),
            (.checksumMismatch(stored: 16, computed: 255), "checksum is 0xff, the header says 0x10"),
            (.reservedAttributes(0x80), "0x80"), (.negativeBaseOffset(-3), "-3"),
            (.offsetDeltaOutOfBounds(-1), "-1"), (.countMismatch(declared: 4, lastOffsetDelta: 2), "4 records"),
            (.malformedRecord(index: 3, reason: "odd"), "record 3 is malformed: odd"), (.trailingBytes(2), "2 bytes"),
            (.controlNotAllowed, "control"), (.sequenceMissing(ProducerID(rawValue: 8)), "producer 8"),
            (.tooLarge(size: 10, maximum: 9), "10 bytes are more than the allowed 9"),
            (.compression(.unsupportedCodec(.gzip)), "gzip"),
        ]
        for (error, part) in errors { #expect(error.description.contains(part)) }
    }
}
