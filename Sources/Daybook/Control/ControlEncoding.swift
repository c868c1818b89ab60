// Values as bytes and back. Each value has one form, so that what was read is what would be written. Bytes may come from
// anybody who can connect: no length is believed before the bytes are there, and nothing traps.

/// Why bytes are no value, or no frame.
package enum ControlMalformed: Error, Hashable, Sendable, CustomStringConvertible {
    case endsEarly
    case trailingBytes
    case unknownKind(UInt8)
    case unknownFrame(UInt8)
    case notUTF8
    /// Names that are not in their order, or twice there.
    case unorderedNames
    case tooDeep
    /// A frame without a kind.
    case emptyFrame
    case tooLarge(Int, limit: Int)
    /// A frame that may not stand here.
    case unexpected(ControlFrame.Kind)

    package var description: String {
        switch self {
        case .endsEarly: "a value ends early"
        case .trailingBytes: "there are bytes behind a value"
        case .unknownKind(let kind): "\(kind) is no kind of value"
        case .unknownFrame(let kind): "\(kind) is no kind of frame"
        case .notUTF8: "a text is not UTF-8"
        case .unorderedNames: "the names of values are not in their order"
        case .tooDeep: "values are nested too deep"
        case .emptyFrame: "a frame is empty"
        case .tooLarge(let size, let limit): "a frame has \(size) bytes, where \(limit) are allowed"
        case .unexpected(let kind): "a frame of the kind \(kind) may not stand here"
        }
    }
}

/// The bytes of values.
///
/// | first byte | value     | bytes after it |
/// |------------|-----------|----------------|
/// | 0          | null      | |
/// | 1, 2       | bool      | false, true |
/// | 3          | integer   | 8, two's complement, big-endian |
/// | 4          | number    | 8, IEEE 754, big-endian |
/// | 5          | string    | 4 for the count of bytes, then UTF-8 |
/// | 6          | list      | 4 for the count of values, then those |
/// | 7          | fields    | 4 for their count, then for each its name as a string without its first byte and its value, by rising bytes of the names |
package enum ControlEncoding {
    /// Values may be inside one another so often.
    package static let depthLimit = 16

    /// Adds a value's bytes to `bytes`. O(size).
    package static func append(_ value: ControlValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(0)
        case .bool(let bool): bytes.append(bool ? 2 : 1)
        case .integer(let integer):
            bytes.append(3)
            append(integer, to: &bytes)
        case .number(let number):
            bytes.append(4)
            append(number.bitPattern, to: &bytes)
        case .string(let string):
            bytes.append(5)
            append(string, to: &bytes)
        case .list(let values):
            bytes.append(6)
            append(UInt32(values.count), to: &bytes)
            for value in values { append(value, to: &bytes) }
        case .fields(let fields):
            bytes.append(7)
            append(UInt32(fields.count), to: &bytes)
            for (name, value) in fields.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                append(name, to: &bytes)
                append(value, to: &bytes)
            }
        }
    }

    private static func append(_ string: String, to bytes: inout [UInt8]) {
        append(UInt32(string.utf8.count), to: &bytes)
        bytes.append(contentsOf: string.utf8)
    }

    static func append(_ integer: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: integer.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// The value that `bytes` are, all of them. O(size); takes memory in proportion to the bytes that are there.
    package static func decode(_ bytes: ArraySlice<UInt8>) throws(ControlMalformed) -> ControlValue {
        var cursor = Cursor(rest: bytes)
        let value = try cursor.value(depth: 0)
        guard cursor.rest.isEmpty else { throw .trailingBytes }
        return value
    }

    private struct Cursor {
        var rest: ArraySlice<UInt8>

        mutating func value(depth: Int) throws(ControlMalformed) -> ControlValue {
            guard depth < ControlEncoding.depthLimit else { throw .tooDeep }
            let kind = try integer(UInt8.self)
            switch kind {
            case 0: return .null
            case 1, 2: return .bool(kind == 2)
            case 3: return .integer(try integer())
            case 4: return .number(Double(bitPattern: try integer()))
            case 5: return .string(try string())
            case 6:
                var values: [ControlValue] = []
                // Each takes a byte at least: a count that cannot be true ends soon.
                for _ in 0..<(try integer(UInt32.self)) { values.append(try value(depth: depth + 1)) }
                return .list(values)
            case 7:
                var fields: [String: ControlValue] = [:]
                var last: String?
                for _ in 0..<(try integer(UInt32.self)) {
                    let name = try string()
                    if let last, !last.utf8.lexicographicallyPrecedes(name.utf8) { throw .unorderedNames }
                    last = name
                    // Different bytes may be the same text.
                    guard fields.updateValue(try value(depth: depth + 1), forKey: name) == nil else {
                        throw .unorderedNames
                    }
                }
                return .fields(fields)
            default: throw .unknownKind(kind)
            }
        }

        private mutating func string() throws(ControlMalformed) -> String {
            let count = Int(try integer(UInt32.self))
            guard let text = String(validating: try take(count), as: UTF8.self) else { throw .notUTF8 }
            return text
        }

        private mutating func integer<T: FixedWidthInteger>(_: T.Type = T.self) throws(ControlMalformed) -> T {
            try take(MemoryLayout<T>.size).reduce(0) { $0 << 8 | T(truncatingIfNeeded: $1) }
        }

        private mutating func take(_ count: Int) throws(ControlMalformed) -> ArraySlice<UInt8> {
            guard count <= rest.count else { throw .endsEarly }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
    }
}
