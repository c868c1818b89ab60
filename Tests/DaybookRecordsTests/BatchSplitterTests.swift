// Splitting a batch: the same records in the same order, in batches that are small enough and numbered on.

import DaybookCompression
import DaybookModel
import DaybookRecords
import Testing

@Suite struct BatchSplitterTests {
    private func batch(
        _ sizes: [Int], _ compression: Compression = .none, producer: ProducerIdentity = .none,
        isTransactional: Bool = false
    ) throws -> EncodedBatch {
        var builder = RecordBatchBuilder(
            targetSize: 1 << 20,
            options: .init(compression: compression, producer: producer, isTransactional: isTransactional))
        for (index, size) in sizes.enumerated() {
            let value =
                "\(index)/" + String((0..<size).map { Character(UnicodeScalar(UInt8(97 + ($0 * 7 + index) % 26))) })
            builder.append(
                Record(key: "k\(index)", value: value, headers: [RecordHeader("h", [UInt8(index)])]),
                timestamp: Timestamp(milliseconds: Int64(1000 - index)))
        }
        return try builder.seal(using: Compressor())
    }

    private func records(_ batches: [EncodedBatch]) throws -> [Record] {
        var records: [Record] = []
        for batch in batches {
            try batch.withBytes { bytes in
                try RecordDecoder().forEachRecord(in: bytes, batch.header) { records.append($0.record()) }
            }
        }
        return records
    }

    @Test(arguments: [Compression.none, .lz4(), .zstd()])
    func `the pieces hold the records in order, each within the limit, numbered on`(compression: Compression) throws {
        let producer = ProducerIdentity(id: ProducerID(rawValue: 7), epoch: 3, baseSequence: .max - 10)
        let whole = try batch(Array(repeating: 90, count: 40), compression, producer: producer, isTransactional: true)
        let pieces = try BatchSplitter.split(whole, maximumSize: 600)
        #expect(pieces.count > 3)
        #expect(try records(pieces) == records([whole]))
        var sequence = producer.baseSequence
        for piece in pieces {
            #expect(piece.count <= 600 && piece.header.isTransactional)
            #expect(piece.header.producer == ProducerIdentity(id: producer.id, epoch: 3, baseSequence: sequence))
            sequence = (sequence &+ piece.header.recordsCount) & .max
        }
        #expect(sequence == 29, "behind 2³¹ − 1 comes 0")
    }

    @Test func `a record that is too large alone is refused, with all of its batch`() throws {
        let whole = try batch([10, 10, 2000, 10])
        #expect(throws: RecordBatchError.self) { try BatchSplitter.split(whole, maximumSize: 600) }
        #expect(try BatchSplitter.split(whole, maximumSize: 2200).count == 1)
        let plain = try BatchSplitter.split(try batch([300, 300, 300]), maximumSize: 600)
        #expect(plain.count == 3 && plain.allSatisfy { $0.header.producer == .none })
    }
}
