// Batches built and read in one line each, and records drawn from a seed.
// What must not use the code under test is in HandmadeBatch.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookTesting

/// A record with its offset, comparable.
struct PlacedRecord: Hashable, Sendable {
    let offset: Offset
    let record: Record
}

enum Batches {
    static let everyCompression: [Compression] = [.none, .lz4(), .lz4(level: 9), .zstd(), .zstd(level: 9)]

    /// One batch of all the records; those without a timestamp get 1,700,000,000,000.
    static func build(
        _ records: [Record], _ compression: Compression = .none, producer: ProducerIdentity = .none,
        isTransactional: Bool = false, targetSize: Int = 1 << 20
    ) throws -> EncodedBatch {
        let options = RecordBatchBuilder.Options(
            compression: compression, producer: producer, isTransactional: isTransactional)
        var builder = RecordBatchBuilder(targetSize: targetSize, options: options)
        for record in records where !builder.append(record, timestamp: Timestamp(milliseconds: 1_700_000_000_000)) {
            throw DoesNotFit()
        }
        return try builder.seal(using: Compressor())
    }

    struct DoesNotFit: Error {}

    /// All records of a batch, after the header and the checksum have been checked.
    static func read(_ bytes: [UInt8], decoder: RecordDecoder = RecordDecoder()) throws -> [PlacedRecord] {
        try bytes.withUnsafeBytes { bytes in
            let header = try BatchHeader(decoding: bytes)
            try header.verifyChecksum(of: bytes)
            return try read(bytes, header, decoder: decoder)
        }
    }

    /// All records of a batch, whatever its checksum says.
    static func read(
        _ bytes: UnsafeRawBufferPointer, _ header: BatchHeader, decoder: RecordDecoder
    ) throws -> [PlacedRecord] {
        var records: [PlacedRecord] = []
        try decoder.forEachRecord(in: bytes, header) {
            records.append(PlacedRecord(offset: $0.offset, record: $0.record()))
        }
        return records
    }

    static func header(of bytes: [UInt8], maximumSize: Int = .max) throws -> BatchHeader {
        try bytes.withUnsafeBytes { try BatchHeader(decoding: $0, maximumSize: maximumSize) }
    }

    @discardableResult
    static func validate(
        _ bytes: [UInt8], decoder: RecordDecoder = RecordDecoder(), maximumSize: Int = 1 << 20
    ) throws -> BatchHeader {
        try bytes.withUnsafeBytes {
            try BatchHeader.validateForAppend($0, decoder: decoder, maximumSize: maximumSize)
        }
    }

    /// The records as a reader gets them: numbered from `baseOffset`, with the timestamp that `build` gives.
    static func placed(_ records: [Record], baseOffset: Offset = .zero) -> [PlacedRecord] {
        records.enumerated().map { index, record in
            var record = record
            record.timestamp = record.timestamp ?? Timestamp(milliseconds: 1_700_000_000_000)
            return PlacedRecord(offset: baseOffset.advanced(by: Int64(index)), record: record)
        }
    }
}

extension EncodedBatch {
    var array: [UInt8] { withBytes { [UInt8]($0) } }
}

extension SeededGenerator {
    /// Null, empty, short or longer bytes, some with a pattern and some without.
    mutating func field(upTo count: Int) -> [UInt8]? {
        switch next() % 8 {
        case 0: nil
        case 1: []
        case 2: bytes(Int.random(in: 0...count, using: &self))
        case 3: [UInt8](repeating: UInt8(truncatingIfNeeded: next()), count: Int.random(in: 0...count, using: &self))
        default: Array("order-\(next() % 1000)".utf8)
        }
    }

    /// A record of any shape; its timestamp is mostly near `base`, and always close enough to share a batch with it.
    mutating func record(near base: Int64) -> Record {
        var headers: [RecordHeader] = []
        if next() % 3 == 0 {
            for _ in 0..<(next() % 4) {
                headers.append(RecordHeader(["", "trace", "trace", "ключ"][Int(next() % 4)], field(upTo: 20)))
            }
        }
        let distance: Int64 =
            switch next() % 10 {
            case 0: Int64(truncatingIfNeeded: next()) >> 2
            case 1, 2: -Int64(next() % 100_000)
            default: Int64(next() % 5000)
            }
        return Record(
            key: field(upTo: 40), value: field(upTo: next() % 20 == 0 ? 3000 : 100), headers: headers,
            timestamp: Timestamp(milliseconds: base).advanced(byMilliseconds: distance))
    }

    /// Up to `count` records that fit into one batch.
    mutating func records(upTo count: Int) -> [Record] {
        let base = next() % 4 == 0 ? Int64(truncatingIfNeeded: next()) >> 2 : 1_700_000_000_000
        return (0..<Int.random(in: 1...count, using: &self)).map { _ in record(near: base) }
    }
}
