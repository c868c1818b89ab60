// What a log demands of a batch that it did not build itself, before it appends it: the checks of a Kafka broker.
// Reading from disk asks for less: the header's own checks, the checksum, and the decoder's.

internal import DaybookModel

extension BatchHeader {
    /// Checks a batch from outside completely and returns its header.
    ///
    /// Throws `RecordBatchError`: size, magic, checksum, count against offsets, no control bit, a sequence for an
    /// identified producer, every record's lengths and offset delta (0, 1, 2, …), no trailing bytes. O(size).
    package static func validateForAppend(
        _ bytes: UnsafeRawBufferPointer, decoder: RecordDecoder, maximumSize: Int
    ) throws -> BatchHeader {
        guard bytes.count <= maximumSize else {
            throw RecordBatchError.tooLarge(size: bytes.count, maximum: maximumSize)
        }
        let header = try BatchHeader(decoding: bytes)
        guard header.batchSize <= bytes.count else {
            throw RecordBatchError.truncated(needed: header.batchSize, available: bytes.count)
        }
        guard header.batchSize == bytes.count else {
            throw RecordBatchError.trailingBytes(bytes.count - header.batchSize)
        }
        try header.verifyChecksum(of: bytes)
        guard !header.isControl else { throw RecordBatchError.controlNotAllowed }
        guard header.recordsCount > 0, header.recordsCount - 1 == header.lastOffsetDelta else {
            throw RecordBatchError.countMismatch(
                declared: header.recordsCount, lastOffsetDelta: header.lastOffsetDelta)
        }
        guard header.producer.id == .none || header.producer.baseSequence >= 0 else {
            throw RecordBatchError.sequenceMissing(header.producer.id)
        }
        // As many strictly rising deltas as there are numbers from 0 to the last: they are 0, 1, 2, …
        try decoder.forEachRecord(in: bytes, header) { _ in }
        return header
    }
}
