// What can be wrong with the bytes of a record batch. Where they lie (file, position, topic) is added by the layer that
// knows it.

package import DaybookCompression
package import DaybookModel

/// Why bytes are not a record batch, or not one that may be appended.
package enum RecordBatchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Fewer bytes than the batch needs: a torn tail when at the end of a log, damage elsewhere.
    case truncated(needed: Int, available: Int)
    case lengthOutOfBounds(Int32, maximum: Int)
    case unsupportedMagic(UInt8)
    case checksumMismatch(stored: UInt32, computed: UInt32)
    case reservedAttributes(UInt16)
    case negativeBaseOffset(Offset)
    case offsetDeltaOutOfBounds(Int32)
    case countMismatch(declared: Int32, lastOffsetDelta: Int32)
    case malformedRecord(index: Int, reason: String)
    case trailingBytes(Int)
    case controlNotAllowed
    case sequenceMissing(ProducerID)
    case tooLarge(size: Int, maximum: Int)
    case compression(CompressionError)

    package var description: String {
        switch self {
        case .truncated(let needed, let available): "needs \(needed) bytes, only \(available) are there"
        case .lengthOutOfBounds(let length, let maximum):
            "batch length \(length) is outside \(BatchLayout.minimumBatchLength)...\(maximum)"
        case .unsupportedMagic(let magic): "magic is \(magic), only \(BatchLayout.currentMagic) is supported"
        case .checksumMismatch(let stored, let computed):
            "checksum is \(hexadecimal(computed)), the header says \(hexadecimal(stored))"
        case .reservedAttributes(let bits):
            "attributes \(hexadecimal(UInt32(bits))) have reserved bits or an unknown codec"
        case .negativeBaseOffset(let offset): "base offset \(offset) is negative"
        case .offsetDeltaOutOfBounds(let delta): "last offset delta \(delta) is out of bounds"
        case .countMismatch(let declared, let last): "\(declared) records cannot end at offset delta \(last)"
        case .malformedRecord(let index, let reason): "record \(index) is malformed: \(reason)"
        case .trailingBytes(let count): "\(count) bytes follow the last record"
        case .controlNotAllowed: "producers may not append control batches"
        case .sequenceMissing(let id): "producer \(id.rawValue) gave no sequence number"
        case .tooLarge(let size, let maximum): "\(size) bytes are more than the allowed \(maximum)"
        case .compression(let error): error.description
        }
    }
}

private func hexadecimal(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
