// Kafka's variable-length integers: zigzag, base 128, low group first. A 32-bit varint takes at most 5 bytes, a 64-bit
// one at most 10. Writing takes a pointer that has been checked for room; reading is in `ByteReader`.

/// Sizes and bytes of zigzag varints.
package enum Varint {
    /// 0, −1, 1, −2, 2 … as 0, 1, 2, 3, 4 …, so that small numbers of either sign are short.
    @inline(__always)
    package static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }

    /// The number whose zigzag form `raw` is.
    @inline(__always)
    package static func unzigzag(_ raw: UInt64) -> Int64 { Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1) }

    /// How many bytes `value` takes: 1...10.
    @inline(__always)
    package static func size(_ value: Int64) -> Int {
        let raw = zigzag(value)
        // Nearly every length and delta takes one or two bytes.
        if raw < 1 << 7 { return 1 }
        if raw < 1 << 14 { return 2 }
        return (UInt64.bitWidth - raw.leadingZeroBitCount + 6) / 7
    }

    /// Writes `value` and returns the place behind it. The caller has checked that `size(value)` bytes fit.
    @inline(__always)
    package static func write(_ value: Int64, to destination: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        var rest = zigzag(value)
        var place = destination
        while rest >= 0x80 {
            place.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            place += 1
            rest >>= 7
        }
        place.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        return place + 1
    }
}

extension Varint {
    /// Reads the varint at `place` and steps behind it; nil when the bytes end early or it is longer than 10 bytes.
    package static func read(_ bytes: UnsafeRawBufferPointer, at place: inout Int) -> Int64? {
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[place...]))
        let before = reader.remaining
        guard let value = try? reader.varlong() else { return nil }
        place += before - reader.remaining
        return value
    }
}
