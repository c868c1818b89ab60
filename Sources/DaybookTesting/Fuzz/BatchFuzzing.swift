// Record batches out of arbitrary bytes. Decoding must stay within its limits, and what it has decoded must come out the
// same when it is encoded anew, by a builder and by compaction. Called by `FuzzTarget.batches`.

internal import DaybookCompression
internal import DaybookModel
internal import DaybookRecords

/// The target `batches`. Choice 0: the bytes get a header that holds together, so that the records are looked at.
enum BatchFuzzing {
    private static let limits = DecompressionLimits(
        maximum: .mebibytes(1), ratio: 512, alwaysAllowed: .kibibytes(64))

    static func run(_ input: FuzzInput) throws {
        var bytes = input.bytes
        if input.chooses(0) { mend(&bytes) }
        try bytes.withUnsafeBytes { buffer in
            guard let header = try? BatchHeader(decoding: buffer, maximumSize: 1 << 20),
                header.batchSize <= buffer.count
            else { return }
            let batch = UnsafeRawBufferPointer(rebasing: buffer[..<header.batchSize])
            guard let records = try decode(batch, header) else { return try refused(batch) }
            try buildAnew(records, header.codec)
            try compact(batch, header, records)
        }
    }

    /// Makes magic, length and checksum right, where there are bytes enough for a header.
    static func mend(_ bytes: inout [UInt8], at start: Int = 0, size: Int? = nil) {
        let size = size ?? bytes.count - start
        guard size >= BatchHeader.size else { return }
        bytes.withUnsafeMutableBytes { buffer in
            let batch = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + size])
            batch[BatchLayout.magic] = BatchLayout.currentMagic
            let length = Int32(size - BatchLayout.lengthOverhead)
            batch.storeBytes(of: length.bigEndian, toByteOffset: BatchLayout.batchLength, as: Int32.self)
            let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: batch[BatchLayout.attributes...]))
            batch.storeBytes(of: checksum.bigEndian, toByteOffset: BatchLayout.crc, as: UInt32.self)
        }
    }

    private typealias Decoded = [(offset: Offset, record: Record)]

    /// All records; nil where the batch is refused.
    private static func decode(_ batch: UnsafeRawBufferPointer, _ header: BatchHeader) throws -> Decoded? {
        var records: Decoded = []
        var payload = 0
        var isRefused = false
        do {
            try RecordDecoder(limits: limits).forEachRecord(in: batch, header) { view in
                records.append((view.offset, view.record()))
                payload += view.payloadCount
            }
        } catch is RecordBatchError {
            isRefused = true
        }
        let stored = batch.count - BatchHeader.size
        let allowed = header.codec == .none ? stored : limits.allowedSize(compressed: stored)
        try promise(payload <= allowed, "\(payload) bytes of records came out of \(stored), \(allowed) are allowed")
        try promise(records.count <= Int(header.recordsCount), "more records came out than the header says")
        try promise(
            zip(records, records.dropFirst()).allSatisfy { $0.offset < $1.offset }, "offsets of records do not rise")
        let offsets = header.baseOffset...header.lastOffset
        try promise(records.allSatisfy { offsets.contains($0.offset) }, "a record's offset is not the batch's")
        if isRefused { return nil }
        try promise(records.count == Int(header.recordsCount), "fewer records came out than the header says")
        return records
    }

    private static func refused(_ batch: UnsafeRawBufferPointer) throws {
        let decoder = RecordDecoder(limits: limits)
        let isTaken = (try? EncodedBatch(validating: batch, decoder: decoder, maximumSize: 1 << 20)) != nil
        try promise(!isTaken, "a batch that cannot be decoded would be appended")
    }

    private static func buildAnew(_ records: Decoded, _ codec: CompressionCodec) throws {
        let compression: Compression =
            switch codec {
            case .lz4: .lz4()
            case .zstd: .zstd()
            case .none, .gzip, .snappy: .none
            }
        var builder = RecordBatchBuilder(
            targetSize: 2 << 20, options: .init(compression: compression, limits: limits))
        var taken: Decoded = []
        for entry in records {
            guard builder.append(entry.record, timestamp: entry.record.timestamp ?? .none) else { break }
            taken.append((Offset(Int64(taken.count)), entry.record))
        }
        guard !taken.isEmpty else { return }
        let batch = try builder.seal(using: Compressor())
        let found = try batch.withBytes { bytes in
            try batch.header.verifyChecksum(of: bytes)
            return try decode(bytes, batch.header)
        }
        try promise(found.map { same($0, taken) } ?? false, "records came back changed")
    }

    /// Every second record goes, and tombstones get their expiry.
    private static func compact(_ batch: UnsafeRawBufferPointer, _ header: BatchHeader, _ records: Decoded) throws {
        let kept = records.filter { $0.offset.rawValue.isMultiple(of: 2) }
        let outcome = try BatchRewriter(limits: limits).rewrite(
            batch, header, expiry: Timestamp(milliseconds: 1_700_000_000_000)
        ) { record in
            guard record.offset.rawValue.isMultiple(of: 2) else { return .drop }
            return record.value == nil ? .keepTombstone : .keep
        }
        switch outcome {
        case .unchanged:
            try promise(kept.count == records.count, "compaction has left a record that was to go")
        case .emptied:
            try promise(kept.isEmpty, "compaction has dropped a record that was to stay")
        case .rewritten(let rewritten):
            let found = try rewritten.withBytes { bytes in
                try rewritten.header.verifyChecksum(of: bytes)
                return try decode(bytes, rewritten.header)
            }
            try promise(
                rewritten.header.baseOffset == header.baseOffset && rewritten.header.nextOffset == header.nextOffset,
                "compaction has moved a batch in the chain of offsets")
            try promise(found.map { same($0, kept) } ?? false, "compaction has changed what it kept")
        }
    }

    private static func same(_ a: Decoded, _ b: Decoded) -> Bool { a.elementsEqual(b) { $0 == $1 } }

    static func seeds() throws -> [[UInt8]] {
        let records = [
            Record(key: "a", value: "one", headers: [RecordHeader("source", "shop")]),
            Record(key: nil, value: String(repeating: "two ", count: 40)), Record(key: "a", value: nil),
            Record(key: "", value: ""),
        ]
        var seeds: [[UInt8]] = []
        for compression in [Compression.none, .lz4(), .zstd()] {
            let batch = try self.batch(records, compression)
            seeds.append([0] + batch)
            seeds.append([1] + batch)
            batch.indices.dropFirst(BatchHeader.size).first.map { seeds.append([1] + batch[...$0]) }
        }
        let marker = ControlRecord(kind: .commit, coordinatorEpoch: 3)
            .batch(producer: ProducerID(rawValue: 7), epoch: 1, timestamp: Timestamp(milliseconds: 5))
        seeds.append([0] + marker.withBytes { Array($0) })
        return seeds
    }

    /// A batch at offset 0 as bytes.
    static func batch(
        _ records: [Record], _ compression: Compression = .none, baseOffset: Int64 = 0, epoch: Int32 = 0
    ) throws -> [UInt8] {
        let batch = try encoded(records, compression)
        batch.stamp(baseOffset: Offset(baseOffset), leaderEpoch: LeaderEpoch(rawValue: epoch))
        return batch.withBytes { Array($0) }
    }

    /// A batch of records a millisecond apart.
    static func encoded(_ records: [Record], _ compression: Compression = .none) throws -> EncodedBatch {
        var builder = RecordBatchBuilder(targetSize: 1 << 16, options: .init(compression: compression))
        for (index, record) in records.enumerated() {
            builder.append(record, timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(index)))
        }
        return try builder.seal(using: Compressor())
    }
}
