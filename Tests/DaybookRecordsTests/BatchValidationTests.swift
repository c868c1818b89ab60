// Each rule that a batch from outside must obey before it is appended,
// broken one at a time.

import DaybookCompression
import DaybookModel
import DaybookRecords
import Testing

@Suite("Validation for append")
struct BatchValidationTests {
    private func expect(
        _ error: RecordBatchError, maximumSize: Int = 1 << 20, sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout HandmadeBatch) -> Void
    ) {
        var batch = HandmadeBatch((0..<3).map { HandmadeRecord(offsetDelta: $0) })
        change(&batch)
        #expect(throws: error, sourceLocation: sourceLocation) {
            try Batches.validate(batch.bytes, maximumSize: maximumSize)
        }
    }

    @Test("a right batch is let in, and its header returned", arguments: Batches.everyCompression)
    func right(compression: Compression) throws {
        let batch = try Batches.build((0..<100).map { Record(key: "key", value: "value \($0)") }, compression)
        #expect(try Batches.validate(batch.array, maximumSize: batch.count) == batch.header)
    }

    @Test("size")
    func size() {
        let size = HandmadeBatch((0..<3).map { HandmadeRecord(offsetDelta: $0) }).bytes.count
        expect(.tooLarge(size: size, maximum: size - 1), maximumSize: size - 1) { _ in }
        expect(.truncated(needed: size + 1, available: size)) { $0.batchLength = Int32(size - 12 + 1) }
        expect(.trailingBytes(1)) { $0.batchLength = Int32(size - 12 - 1) }
        #expect(throws: RecordBatchError.truncated(needed: 61, available: 0)) { try Batches.validate([]) }
    }

    @Test("magic and checksum")
    func magicAndChecksum() {
        expect(.unsupportedMagic(1)) { $0.magic = 1 }
        let right = HandmadeBatch((0..<3).map { HandmadeRecord(offsetDelta: $0) }).bytes[21...]
        expect(.checksumMismatch(stored: 0, computed: KafkaBytes.crc32c(right))) { $0.crc = 0 }
    }

    @Test("as many records as offsets")
    func counts() {
        expect(.countMismatch(declared: 3, lastOffsetDelta: 3)) { $0.lastOffsetDelta = 3 }
        expect(.countMismatch(declared: 2, lastOffsetDelta: 2)) { $0.recordsCount = 2 }
        expect(.countMismatch(declared: 0, lastOffsetDelta: 2)) { $0.recordsCount = 0 }
        expect(.countMismatch(declared: 0, lastOffsetDelta: 0)) {
            ($0.records, $0.recordsCount, $0.lastOffsetDelta) = ([], 0, 0)
        }
        expect(.countMismatch(declared: 3, lastOffsetDelta: .max)) { $0.lastOffsetDelta = .max }
        expect(.countMismatch(declared: .max, lastOffsetDelta: .max)) {
            ($0.recordsCount, $0.lastOffsetDelta) = (.max, .max)
        }
    }

    @Test("no control bit from a producer")
    func control() {
        expect(.controlNotAllowed) { $0.attributes = BatchAttributes.control }
        #expect(throws: RecordBatchError.controlNotAllowed) { try Batches.validate(GoldenBatches.commit) }
    }

    @Test("a producer with an id gives a sequence")
    func sequence() throws {
        expect(.sequenceMissing(ProducerID(rawValue: 0))) { $0.producerId = 0 }
        expect(.sequenceMissing(ProducerID(rawValue: 7))) { ($0.producerId, $0.baseSequence) = (7, .min) }
        #expect(try Batches.validate(GoldenBatches.transactional).producer == GoldenBatches.transactionalProducer)
    }

    @Test("offset deltas are 0, 1, 2 …")
    func offsetDeltas() {
        for deltas in [[1, 2, 3], [0, 2, 3], [0, 0, 1], [0, 1, 1], [2, 1, 0], [0, 1, 3], [-1, 0, 1]] as [[Int64]] {
            var batch = HandmadeBatch(deltas.map { HandmadeRecord(offsetDelta: $0) })
            batch.baseOffset = 5
            #expect(throws: RecordBatchError.self, "\(deltas)") { try Batches.validate(batch.bytes) }
        }
    }

    @Test("every record's lengths, and nothing behind the last")
    func records() {
        expect(.trailingBytes(1)) { $0.records.append(0) }
        expect(.malformedRecord(index: 2, reason: "it ends early")) { $0.records.removeLast() }
        expect(.malformedRecord(index: 0, reason: "it ends early")) { $0.records = [] }
    }

    @Test("what is compressed is looked into, within the limits")
    func compressed() throws {
        let bytes = try Batches.build([Record(key: nil, value: [UInt8](repeating: 0, count: 100_000))], .zstd()).array
        let decoder = RecordDecoder(limits: DecompressionLimits(maximum: .kibibytes(10)))
        #expect(
            throws: RecordBatchError.compression(
                .tooLarge(.zstd, compressed: bytes.count - 61, limit: 10 << 10))
        ) {
            try Batches.validate(bytes, decoder: decoder)
        }
    }
}
