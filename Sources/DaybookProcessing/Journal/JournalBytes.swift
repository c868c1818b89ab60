// The numbers and texts that journals are made of: LEB128 numbers, low group first, and texts and bytes behind their length. What
// is read may be anything: every step checks what is left, and nothing is allocated for a length before so many bytes are there.

/// Why bytes are no page of a journal.
enum JournalBytesError: Error, Hashable, Sendable, CustomStringConvertible {
    case endsEarly
    case numberTooLong
    case invalidText
    case unknownTag(UInt8)
    case invalidNumber(UInt64)
    case trailingBytes(Int)
    /// Written by a later release.
    case unsupportedVersion(UInt8)

    var description: String {
        switch self {
        case .endsEarly: "it ends within a field"
        case .numberTooLong: "a number is longer than 64 bits need"
        case .invalidText: "a text is not UTF-8"
        case .unknownTag(let tag): "nothing is known of a tag \(tag)"
        case .invalidNumber(let number): "a field has the value \(number), which is not allowed there"
        case .trailingBytes(let count): "\(count) bytes follow the last field"
        case .unsupportedVersion(let version): "version \(version) is of a later release"
        }
    }
}

/// Writes fields one behind the other.
struct JournalWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    /// 1 to 10 bytes, seven bits each.
    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func number(_ value: Int) { number(UInt64(value)) }

    /// Zigzag: small numbers of either sign are short.
    mutating func signed(_ value: Int64) { number(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    mutating func fixed(_ value: UInt64) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }

    mutating func data(_ value: [UInt8]) {
        number(value.count)
        bytes.append(contentsOf: value)
    }

    mutating func text(_ value: String) { data(Array(value.utf8)) }

    mutating func optional<Value>(_ value: Value?, _ write: (inout JournalWriter, Value) -> Void) {
        byte(value == nil ? 0 : 1)
        if let value { write(&self, value) }
    }
}

/// Reads fields one behind the other. After an error it is of no further use.
struct JournalReader {
    private let bytes: [UInt8]
    private var taken = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var remaining: Int { bytes.count - taken }

    mutating func byte() throws(JournalBytesError) -> UInt8 {
        guard taken < bytes.count else { throw .endsEarly }
        defer { taken += 1 }
        return bytes[taken]
    }

    mutating func number() throws(JournalBytesError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<10 {
            let byte = try byte()
            if index == 9 && byte > 1 { throw .numberTooLong }
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte < 0x80 { return value }
        }
        throw .numberTooLong
    }

    /// A number within `range`.
    mutating func integer(_ range: ClosedRange<Int> = 0...Int.max) throws(JournalBytesError) -> Int {
        let value = try number()
        guard let integer = Int(exactly: value), range.contains(integer) else { throw .invalidNumber(value) }
        return integer
    }

    mutating func signed() throws(JournalBytesError) -> Int64 {
        let raw = try number()
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    mutating func fixed() throws(JournalBytesError) -> UInt64 {
        guard remaining >= 8 else { throw .endsEarly }
        defer { taken += 8 }
        return UInt64(littleEndian: bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: taken, as: UInt64.self))
    }

    mutating func data() throws(JournalBytesError) -> [UInt8] {
        let count = try integer()
        guard count <= remaining else { throw .endsEarly }
        defer { taken += count }
        return Array(bytes[taken..<taken + count])
    }

    mutating func text() throws(JournalBytesError) -> String {
        guard let text = String(validating: try data(), as: UTF8.self) else { throw .invalidText }
        return text
    }

    mutating func optional<Value>(
        _ read: (inout JournalReader) throws(JournalBytesError) -> Value
    ) throws(JournalBytesError) -> Value? {
        switch try byte() {
        case 0: nil
        case 1: try read(&self)
        case let other: throw .unknownTag(other)
        }
    }

    /// `count` elements; none takes less than a byte.
    mutating func array<Value>(
        _ read: (inout JournalReader) throws(JournalBytesError) -> Value
    ) throws(JournalBytesError) -> [Value] {
        let count = try integer()
        guard count <= remaining else { throw .endsEarly }
        var values: [Value] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }

    func finish() throws(JournalBytesError) {
        guard remaining == 0 else { throw .trailingBytes(remaining) }
    }
}
