// A batch as a reader gets it: a view into the bytes that one read brought from a file, with its header decoded.
// The bytes are still compressed; decoding happens when the records are asked for, on the asker's thread.

internal import DaybookCompression
public import DaybookModel
internal import Synchronization

/// A whole record batch, read and checked. Cheap to copy; keeps the memory of its read alive.
public struct RecordBatch: Sendable {
    private let buffer: FetchBuffer
    private let start: Int
    /// What stands behind the header, unpacked, where somebody has done that already.
    private var plain: FetchBuffer?
    package let header: BatchHeader
    /// When the log appended the batch: monotonic within the partition, whatever timestamps producers choose.
    public let appendTime: Timestamp

    /// The batch at `start` of `buffer`, complete, its checksum verified.
    package init(buffer: FetchBuffer, start: Int, header: BatchHeader, appendTime: Timestamp) {
        self.buffer = buffer
        self.start = start
        self.header = header
        self.appendTime = appendTime
    }

    public var baseOffset: Offset { header.baseOffset }
    public var lastOffset: Offset { header.lastOffset }
    /// One past the last offset.
    public var nextOffset: Offset { header.nextOffset }
    public var recordsCount: Int { Int(header.recordsCount) }
    /// Bytes on disk, header included.
    public var size: Int { header.batchSize }
    public var leaderEpoch: LeaderEpoch { header.leaderEpoch }
    public var producer: ProducerIdentity { header.producer }
    public var timestampType: TimestampType { header.timestampType }
    public var maxTimestamp: Timestamp { header.maxTimestamp }
    /// The codec's name as in Kafka's `compression.type`.
    public var compression: String { header.codec.description }
    /// A marker of a transaction's end: it holds no data for readers.
    public var isControl: Bool { header.isControl }
    public var isTransactional: Bool { header.isTransactional }

    /// Calls `body` with the bytes on disk, byte for byte what Kafka would write. They are there until it returns.
    package func withBytes<R, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> R
    ) throws(Failure) -> R {
        // Only this keeps the memory: a bare pointer does not, and the compiler gives back what nobody names any more.
        defer { withExtendedLifetime(buffer) {} }
        return try body(UnsafeRawBufferPointer(rebasing: buffer.bytes[start..<start + header.batchSize]))
    }

    /// Calls `body` with each record, in order, as borrowed views: no copy and no allocation per record.
    ///
    /// Decompresses into memory that is kept between calls. Throws at a malformed record, or what `body` throws.
    public func forEach(_ body: (borrowing RecordView) throws -> Void) throws {
        let decoder = DecoderPool.take()
        defer { DecoderPool.give(back: decoder) }
        try forEach(using: decoder, body)
    }

    /// The same with a decoder of the caller's, for loops that read many batches on one thread.
    package func forEach(using decoder: RecordDecoder, _ body: (borrowing RecordView) throws -> Void) throws {
        if let plain {
            return try withExtendedLifetime(plain) {
                try RecordDecoder.forEachRecord(inPlain: UnsafeRawBufferPointer(plain.bytes), header, body)
            }
        }
        try withBytes { try decoder.forEachRecord(in: $0, header, body) }
    }

    /// The same batch with its records unpacked, so that whoever looks at them need not do that; itself where nothing is
    /// packed. Throws `.compression` where it cannot be done.
    package func unpacked() throws(RecordBatchError) -> RecordBatch {
        if header.codec == .none || plain != nil { return self }
        let decoder = DecoderPool.take()
        defer { DecoderPool.give(back: decoder) }
        let copy = try withBytes { batch throws(RecordBatchError) in
            let records = try decoder.plainRecords(of: batch, header)
            let copy = FetchBuffer(capacity: records.count)
            copy.bytes.copyMemory(from: records)
            return copy
        }
        var batch = self
        batch.plain = copy
        return batch
    }

    /// Bytes of memory that the batch has to itself: its own in the read that brought it, and what it unpacks to.
    package var memoryCount: Int { size + (plain?.bytes.count ?? 0) }

    /// Bytes of memory that the whole read takes for as long as one of its batches is there.
    package var readCount: Int { buffer.bytes.count }

    /// Whether one read has brought both.
    package func isOfSameRead(as other: RecordBatch) -> Bool { buffer === other.buffer }

    /// Whether each of its offsets has a record: nothing has been compacted away.
    package var isDense: Bool { header.recordsCount == header.lastOffsetDelta &+ 1 }

    /// Owned copies of all records, with their offsets. Allocates per record: convenient, not fast.
    public func records() throws -> [(offset: Offset, record: Record)] {
        var records: [(offset: Offset, record: Record)] = []
        records.reserveCapacity(recordsCount)
        try forEach { records.append(($0.offset, $0.record())) }
        return records
    }
}

/// Decoders that nobody uses at the moment, so that decoding a batch need not make codec contexts and memory anew.
private enum DecoderPool {
    /// Safety: a decoder is in the pool or with one caller, never both; the mutex orders the two.
    private struct Idle: @unchecked Sendable { var decoders: [RecordDecoder] = [] }
    private static let idle = Mutex(Idle())
    private static let keep = 8

    static func take() -> RecordDecoder {
        idle.withLock { $0.decoders.popLast() } ?? RecordDecoder()
    }

    static func give(back decoder: RecordDecoder) {
        idle.withLock { if $0.decoders.count < keep { $0.decoders.append(decoder) } }
    }
}
