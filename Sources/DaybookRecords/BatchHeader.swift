// The 61 bytes before the records of a batch, decoded and encoded. Checks what a header alone can tell; the checksum
// and the records are checked by `BatchHeader.verifyChecksum` and `RecordDecoder`.

package import DaybookCompression
package import DaybookModel

/// The header of a record batch. Field by field as in `BatchLayout`.
package struct BatchHeader: Hashable, Sendable {
    package var baseOffset: Offset
    package var batchLength: Int32
    package var leaderEpoch: LeaderEpoch
    package var crc: UInt32
    package var attributes: UInt16
    package var lastOffsetDelta: Int32
    package var baseTimestamp: Timestamp
    package var maxTimestamp: Timestamp
    package var producer: ProducerIdentity
    package var recordsCount: Int32

    /// Bytes of the header.
    package static let size = BatchLayout.records

    /// Bytes of the whole batch, header included.
    package var batchSize: Int { BatchLayout.lengthOverhead + Int(batchLength) }
    package var lastOffset: Offset { baseOffset.advanced(by: Int64(lastOffsetDelta)) }
    package var nextOffset: Offset { baseOffset.advanced(by: Int64(lastOffsetDelta) + 1) }
    package var codec: CompressionCodec { CompressionCodec(rawValue: UInt8(attributes & BatchAttributes.codecMask))! }
    package var timestampType: TimestampType { attributes & BatchAttributes.appendTime == 0 ? .create : .append }
    package var isTransactional: Bool { attributes & BatchAttributes.transactional != 0 }
    package var isControl: Bool { attributes & BatchAttributes.control != 0 }

    /// Decodes the header at the beginning of `bytes` and checks it for itself: magic, bounds, attributes.
    ///
    /// `maximumSize` bounds the whole batch. Nothing is allocated. O(1).
    package init(decoding bytes: UnsafeRawBufferPointer, maximumSize: Int = .max) throws(RecordBatchError) {
        guard bytes.count >= Self.size else { throw .truncated(needed: Self.size, available: bytes.count) }
        let magic = bytes[BatchLayout.magic]
        guard magic == BatchLayout.currentMagic else { throw .unsupportedMagic(magic) }
        batchLength = bytes.bigEndian(at: BatchLayout.batchLength)
        let largest = min(Int(Int32.max), maximumSize) - BatchLayout.lengthOverhead
        guard batchLength >= BatchLayout.minimumBatchLength, Int(batchLength) <= largest else {
            throw .lengthOutOfBounds(batchLength, maximum: largest)
        }
        baseOffset = Offset(bytes.bigEndian(at: BatchLayout.baseOffset, as: Int64.self))
        leaderEpoch = LeaderEpoch(rawValue: bytes.bigEndian(at: BatchLayout.partitionLeaderEpoch))
        crc = bytes.bigEndian(at: BatchLayout.crc)
        attributes = bytes.bigEndian(at: BatchLayout.attributes)
        lastOffsetDelta = bytes.bigEndian(at: BatchLayout.lastOffsetDelta)
        baseTimestamp = Timestamp(milliseconds: bytes.bigEndian(at: BatchLayout.baseTimestamp))
        maxTimestamp = Timestamp(milliseconds: bytes.bigEndian(at: BatchLayout.maxTimestamp))
        producer = ProducerIdentity(
            id: ProducerID(rawValue: bytes.bigEndian(at: BatchLayout.producerId)),
            epoch: bytes.bigEndian(at: BatchLayout.producerEpoch),
            baseSequence: bytes.bigEndian(at: BatchLayout.baseSequence))
        recordsCount = bytes.bigEndian(at: BatchLayout.recordsCount)
        guard attributes & BatchAttributes.reserved == 0,
            CompressionCodec(rawValue: UInt8(attributes & BatchAttributes.codecMask)) != nil
        else { throw .reservedAttributes(attributes) }
        guard baseOffset >= .zero else { throw .negativeBaseOffset(baseOffset) }
        guard lastOffsetDelta >= 0, baseOffset.rawValue <= Int64.max - Int64(lastOffsetDelta) - 1 else {
            throw .offsetDeltaOutOfBounds(lastOffsetDelta)
        }
        guard recordsCount >= 0, Int64(recordsCount) <= Int64(lastOffsetDelta) + 1 else {
            throw .countMismatch(declared: recordsCount, lastOffsetDelta: lastOffsetDelta)
        }
    }

    package init(
        attributes: UInt16, lastOffsetDelta: Int32, baseTimestamp: Timestamp, maxTimestamp: Timestamp,
        producer: ProducerIdentity, recordsCount: Int32, batchSize: Int
    ) {
        baseOffset = .zero
        batchLength = Int32(batchSize - BatchLayout.lengthOverhead)
        leaderEpoch = .zero
        crc = 0
        self.attributes = attributes
        self.lastOffsetDelta = lastOffsetDelta
        self.baseTimestamp = baseTimestamp
        self.maxTimestamp = maxTimestamp
        self.producer = producer
        self.recordsCount = recordsCount
    }

    /// Writes the header to `batch`, which holds the whole batch with its records in place, and computes the checksum.
    package mutating func seal(into batch: UnsafeMutableRawBufferPointer) {
        precondition(batch.count == batchSize, "the buffer is exactly the batch")
        let base = batch.baseAddress!
        base.storeBigEndian(baseOffset.rawValue, at: BatchLayout.baseOffset)
        base.storeBigEndian(batchLength, at: BatchLayout.batchLength)
        base.storeBigEndian(leaderEpoch.rawValue, at: BatchLayout.partitionLeaderEpoch)
        base.storeBytes(of: BatchLayout.currentMagic, toByteOffset: BatchLayout.magic, as: UInt8.self)
        base.storeBigEndian(attributes, at: BatchLayout.attributes)
        base.storeBigEndian(lastOffsetDelta, at: BatchLayout.lastOffsetDelta)
        base.storeBigEndian(baseTimestamp.rawValue, at: BatchLayout.baseTimestamp)
        base.storeBigEndian(maxTimestamp.rawValue, at: BatchLayout.maxTimestamp)
        base.storeBigEndian(producer.id.rawValue, at: BatchLayout.producerId)
        base.storeBigEndian(producer.epoch, at: BatchLayout.producerEpoch)
        base.storeBigEndian(producer.baseSequence, at: BatchLayout.baseSequence)
        base.storeBigEndian(recordsCount, at: BatchLayout.recordsCount)
        crc = Self.checksum(of: UnsafeRawBufferPointer(batch))
        base.storeBigEndian(crc, at: BatchLayout.crc)
    }

    /// Compares the stored checksum with one computed over `batch`, which is exactly this batch. O(size).
    package func verifyChecksum(of batch: UnsafeRawBufferPointer) throws(RecordBatchError) {
        precondition(batch.count == batchSize, "the buffer is exactly the batch")
        let computed = Self.checksum(of: batch)
        guard computed == crc else { throw .checksumMismatch(stored: crc, computed: computed) }
    }

    private static func checksum(of batch: UnsafeRawBufferPointer) -> UInt32 {
        CRC32C.checksum(UnsafeRawBufferPointer(rebasing: batch[BatchLayout.attributes...]))
    }
}
