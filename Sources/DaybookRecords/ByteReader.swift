// Walks bytes that came from a disk or from outside: every step checks what is left, so no input can make it read
// beyond the end. Used by the record decoder only.

/// A cursor over borrowed bytes. Valid while they are.
struct ByteReader {
    private(set) var place: UnsafeRawPointer
    let end: UnsafeRawPointer

    /// What is wrong with the bytes at the cursor.
    enum Malformed: Error {
        case endsEarly
        case varintTooLong
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty buffer may have no address; any will do for a cursor that never moves.
        place = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!
        end = place + bytes.count
    }

    init(from place: UnsafeRawPointer, to end: UnsafeRawPointer) {
        self.place = place
        self.end = end
    }

    var remaining: Int { @inline(__always) get { end - place } }

    @inline(__always)
    mutating func byte() throws(Malformed) -> UInt8 {
        guard place < end else { throw .endsEarly }
        defer { place += 1 }
        return place.load(as: UInt8.self)
    }

    /// A zigzag varint of at most 5 bytes whose value fits 32 bits.
    @inline(__always)
    mutating func varint() throws(Malformed) -> Int32 {
        // Nearly every length and delta takes one or two bytes.
        if remaining >= 2 {
            let first = UInt32(place.load(as: UInt8.self))
            if first < 0x80 {
                place += 1
                return Int32(bitPattern: first >> 1) ^ -Int32(bitPattern: first & 1)
            }
            let second = UInt32(place.load(fromByteOffset: 1, as: UInt8.self))
            if second < 0x80 {
                place += 2
                let raw = first & 0x7f | second << 7
                return Int32(bitPattern: raw >> 1) ^ -Int32(bitPattern: raw & 1)
            }
        }
        let raw = try longVarint(maximumBytes: 5)
        guard raw <= UInt64(UInt32.max) else { throw .varintTooLong }
        return Int32(truncatingIfNeeded: Varint.unzigzag(raw))
    }

    /// A zigzag varint of at most 10 bytes.
    @inline(__always)
    mutating func varlong() throws(Malformed) -> Int64 {
        if place < end {
            let first = place.load(as: UInt8.self)
            if first < 0x80 {
                place += 1
                return Varint.unzigzag(UInt64(first))
            }
        }
        return Varint.unzigzag(try longVarint(maximumBytes: 10))
    }

    private mutating func longVarint(maximumBytes: Int) throws(Malformed) -> UInt64 {
        var raw: UInt64 = 0
        for index in 0..<maximumBytes {
            let byte = try byte()
            if index == 9 && byte > 1 { throw .varintTooLong }
            raw |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte < 0x80 { return raw }
        }
        throw .varintTooLong
    }

    /// The place of the next `count` bytes, which the cursor steps over.
    @inline(__always)
    mutating func skip(_ count: Int) throws(Malformed) -> UnsafeRawPointer {
        guard count <= remaining else { throw .endsEarly }
        defer { place += count }
        return place
    }
}
