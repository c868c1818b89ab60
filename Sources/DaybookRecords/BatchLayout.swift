// Where the fields of a record batch stand: Kafka's RecordBatch, version 2 ("magic 2"), big-endian.
// A test compares the table in the comment with the constants below it.

/// The layout of a record batch.
///
/// | offset | size | field                | note |
/// |--------|------|----------------------|------|
/// | 0      | 8    | baseOffset           | stamped at append; outside the checksum |
/// | 8      | 4    | batchLength          | bytes after this field, at least 49 |
/// | 12     | 4    | partitionLeaderEpoch | stamped at append; outside the checksum |
/// | 16     | 1    | magic                | 2 |
/// | 17     | 4    | crc                  | CRC-32C of byte 21 to the end |
/// | 21     | 2    | attributes           | see `BatchAttributes` |
/// | 23     | 4    | lastOffsetDelta      | last offset − base offset |
/// | 27     | 8    | baseTimestamp        | ms since 1970; record deltas count from it |
/// | 35     | 8    | maxTimestamp         | the append time, on append-time topics |
/// | 43     | 8    | producerId           | −1 none |
/// | 51     | 2    | producerEpoch        | −1 none |
/// | 53     | 4    | baseSequence         | −1 none |
/// | 57     | 4    | recordsCount         | |
/// | 61     | …    | records              | one compressed stream, or plain |
///
/// Source: `DefaultRecordBatch` of Apache Kafka.
package enum BatchLayout {
    package static let baseOffset = 0
    package static let batchLength = 8
    package static let partitionLeaderEpoch = 12
    package static let magic = 16
    package static let crc = 17
    package static let attributes = 21
    package static let lastOffsetDelta = 23
    package static let baseTimestamp = 27
    package static let maxTimestamp = 35
    package static let producerId = 43
    package static let producerEpoch = 51
    package static let baseSequence = 53
    package static let recordsCount = 57
    package static let records = 61

    /// Bytes before `batchLength` begins to count.
    package static let lengthOverhead = 12
    /// The smallest batchLength: the rest of the header and no records.
    package static let minimumBatchLength = records - lengthOverhead
    /// The only format there is; magic 0 and 1 are Kafka's message sets of old.
    package static let currentMagic: UInt8 = 2
}

/// The attribute bits of a batch.
package enum BatchAttributes {
    package static let codecMask: UInt16 = 0b111
    package static let appendTime: UInt16 = 1 << 3
    package static let transactional: UInt16 = 1 << 4
    package static let control: UInt16 = 1 << 5
    package static let deleteHorizon: UInt16 = 1 << 6
    package static let reserved: UInt16 = 0xff80
}

extension UnsafeRawBufferPointer {
    /// The big-endian integer at `offset`. The caller has checked that it lies inside.
    @inline(__always)
    func bigEndian<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T {
        T(bigEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}

extension UnsafeMutableRawPointer {
    @inline(__always)
    func storeBigEndian<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
    }
}
