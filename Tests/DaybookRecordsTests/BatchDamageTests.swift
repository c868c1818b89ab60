// Damage of every kind to whole batches: cut at every length, every bit flipped, every byte set to anything with the
// checksum made right again. What the checksum does not cover must at least read as something else.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookTesting
import Testing

@Suite("Damaged batches")
struct BatchDamageTests {
    /// A small batch that really is compressed, stamped with an offset and an epoch.
    private func batch(_ compression: Compression) throws -> EncodedBatch {
        let records = (0..<8).map {
            Record(
                key: "order-\($0)", value: "{\"state\":\"open\"}", headers: [RecordHeader("trace", "\($0)")],
                timestamp: Timestamp(milliseconds: 1000 - Int64($0)))
        }
        let batch = try Batches.build(records, compression)
        batch.stamp(baseOffset: 1_000_000, leaderEpoch: LeaderEpoch(rawValue: 6))
        #expect(batch.header.codec == compression.codec)
        return batch
    }

    @Test("cut anywhere, a batch is truncated", arguments: Batches.everyCompression)
    func truncation(compression: Compression) throws {
        let bytes = try batch(compression).array
        let decoder = RecordDecoder()
        for count in 0..<bytes.count {
            let needed = count < 61 ? 61 : bytes.count
            #expect(throws: RecordBatchError.truncated(needed: needed, available: count)) {
                try Batches.validate(Array(bytes.prefix(count)), decoder: decoder)
            }
        }
        #expect(throws: RecordBatchError.trailingBytes(1)) { try Batches.validate(bytes + [0]) }
    }

    @Test("cut anywhere with a header that fits, a batch is malformed", arguments: Batches.everyCompression)
    func truncationResealed(compression: Compression) throws {
        let bytes = try batch(compression).array
        let decoder = RecordDecoder()
        for count in 61..<bytes.count {
            let cut = resealed(Array(bytes.prefix(count)), adjustingLength: true)
            #expect(throws: RecordBatchError.self, "\(count) of \(bytes.count)") {
                try Batches.validate(cut, decoder: decoder)
            }
        }
    }

    @Test("no flipped bit goes unseen", arguments: Batches.everyCompression)
    func flips(compression: Compression) throws {
        let batch = try batch(compression)
        let bytes = batch.array
        let decoder = RecordDecoder()
        for bit in 0..<(bytes.count * 8) {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << (bit % 8)
            let isProtected = !(0..<8).contains(bit / 8) && !(12..<16).contains(bit / 8)
            do {
                let header = try Batches.validate(damaged, decoder: decoder)
                #expect(!isProtected, "bit \(bit) was flipped and nobody saw it")
                // Base offset and epoch lie before the checksum: they read as something else.
                #expect((header.baseOffset, header.leaderEpoch) != (batch.header.baseOffset, batch.header.leaderEpoch))
            } catch is RecordBatchError {}
            readAnyway(damaged, decoder, "bit \(bit)")
        }
    }

    @Test("any byte, with a checksum that is right, does no harm", arguments: Batches.everyCompression)
    func bytes(compression: Compression) throws {
        let bytes = try batch(compression).array
        let decoder = RecordDecoder()
        for place in 0..<bytes.count {
            for value in [0, 1, 0x7e, 0x7f, 0x80, 0xfe, 0xff, bytes[place] &+ 1, bytes[place] &- 1] {
                var damaged = bytes
                damaged[place] = value
                damaged = resealed(damaged)
                do { try Batches.validate(damaged, decoder: decoder) } catch is RecordBatchError {}
                readAnyway(damaged, decoder, "byte \(place) set to \(value)")
            }
        }
    }

    @Test("C14 any bytes in a row, with a checksum that is right, do no harm", arguments: Batches.everyCompression)
    func stretches(compression: Compression) throws {
        let seed: UInt64 = 0xda_3a9e
        var generator = SeededGenerator(seed: seed)
        let bytes = try batch(compression).array
        let decoder = RecordDecoder()
        for round in 0..<1500 {
            var damaged = bytes
            let start = Int.random(in: 16..<bytes.count, using: &generator)
            let count = min(bytes.count - start, Int.random(in: 1...12, using: &generator))
            damaged.replaceSubrange(start..<start + count, with: generator.bytes(count))
            if round % 3 == 0 { damaged = damaged.map { round % 2 == 0 ? $0 : $0 | 0x80 } }
            damaged[16] = 2
            damaged = resealed(damaged)
            do { try Batches.validate(damaged, decoder: decoder) } catch is RecordBatchError {}
            readAnyway(damaged, decoder, "seed \(seed), round \(round)")
        }
    }

    @Test("C14 C70 every field of the header, at every extreme, with a checksum that is right")
    func headerFields() throws {
        let bytes = try batch(.zstd()).array
        let decoder = RecordDecoder()
        let fields = [(0, 8), (8, 4), (12, 4), (21, 2), (23, 4), (27, 8), (35, 8), (43, 8), (51, 2), (53, 4), (57, 4)]
        let values: [Int64] = [.min, -1 << 32, Int64(Int32.min), -2, -1, 0, 1, 7, 8, 49, 1 << 31 - 1, 1 << 32, .max]
        for (place, size) in fields {
            for value in values {
                var damaged = bytes
                let field = withUnsafeBytes(of: value.bigEndian) { [UInt8]($0.suffix(size)) }
                damaged.replaceSubrange(place..<place + size, with: field)
                damaged = resealed(damaged)
                do { try Batches.validate(damaged, decoder: decoder) } catch is RecordBatchError {}
                readAnyway(damaged, decoder, "\(value) at \(place)")
            }
        }
    }

    /// The batch with the checksum that its bytes have now, and on demand with their length.
    private func resealed(_ bytes: [UInt8], adjustingLength: Bool = false) -> [UInt8] {
        var bytes = bytes
        if adjustingLength {
            bytes.replaceSubrange(8..<12, with: withUnsafeBytes(of: Int32(bytes.count - 12).bigEndian) { [UInt8]($0) })
        }
        let crc = bytes.withUnsafeBytes { CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[21...])) }
        bytes.replaceSubrange(17..<21, with: withUnsafeBytes(of: crc.bigEndian) { [UInt8]($0) })
        return bytes
    }

    /// Decodes whatever the header lets through, checksum or not. A typed error is as good as records.
    private func readAnyway(_ bytes: [UInt8], _ decoder: RecordDecoder, _ comment: Comment) {
        bytes.withUnsafeBytes { bytes in
            do {
                let header = try BatchHeader(decoding: bytes)
                guard header.batchSize <= bytes.count else { return }
                let batch = UnsafeRawBufferPointer(rebasing: bytes[..<header.batchSize])
                let records = try Batches.read(batch, header, decoder: decoder)
                #expect(records.count == header.recordsCount, comment)
                #expect(
                    records.allSatisfy { $0.offset >= header.baseOffset && $0.offset <= header.lastOffset }, comment)
            } catch is RecordBatchError {
            } catch {
                Issue.record("\(error): \(comment)")
            }
        }
    }
}
