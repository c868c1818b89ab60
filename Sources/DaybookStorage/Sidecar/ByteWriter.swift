// Big-endian integers in growing and in borrowed bytes, for the small files of a log.
// Record batches have code of their own, which is faster and knows their layout.

import DaybookModel
import DaybookRecords

/// Bytes that grow, field by field.
struct ByteWriter {
    var bytes: [UInt8] = []

    init(reserving count: Int = 0) { bytes.reserveCapacity(count) }

    mutating func integer(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func replace(_ value: some FixedWidthInteger, at offset: Int) {
        withUnsafeBytes(of: value.bigEndian) { field in
            for (index, byte) in field.enumerated() { bytes[offset + index] = byte }
        }
    }

    /// A zigzag varint of up to 10 bytes.
    mutating func varint(_ value: Int64) {
        withUnsafeTemporaryAllocation(byteCount: 10, alignment: 1) { buffer in
            let end = Varint.write(value, to: buffer.baseAddress!)
            bytes.append(contentsOf: buffer[..<(end - buffer.baseAddress!)])
        }
    }
}

/// Borrowed bytes, read at places that the caller has checked.
struct BigEndianBytes {
    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T {
        T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
    }

    func time(at offset: Int) -> Timestamp { Timestamp(milliseconds: integer(at: offset)) }
}
