// The fields that Kafka's messages and the records of its internal topics are made of: big-endian integers, strings, bytes
// and arrays, in the classic form (lengths of fixed size) and the flexible one (varint lengths and tagged fields).
// What the fields of a message are is known by that message's own type; nothing here knows any.

/// Why bytes are not the fields that were asked for.
package enum KafkaFieldError: Error, Hashable, Sendable, CustomStringConvertible {
    case endsEarly(needed: Int, available: Int)
    case lengthOutOfBounds(Int)
    case varintTooLong
    /// Null where the field must have a value.
    case unexpectedNull
    case invalidUTF8
    case trailingBytes(Int)
    /// A version of the message that is not known and whose fields can therefore not be told.
    case unsupportedVersion(Int16)
    /// A number that the message does not allow there.
    case invalidNumber(Int64)
    /// A text that the message does not allow there.
    case invalidText(String)

    package var description: String {
        switch self {
        case .endsEarly(let needed, let available): "a field needs \(needed) bytes, only \(available) are there"
        case .lengthOutOfBounds(let length): "a length of \(length) is out of bounds"
        case .varintTooLong: "a varint is longer than 32 bits need"
        case .unexpectedNull: "a field is null that must have a value"
        case .invalidUTF8: "a string is not UTF-8"
        case .trailingBytes(let count): "\(count) bytes follow the last field"
        case .unsupportedVersion(let version): "version \(version) is not supported"
        case .invalidNumber(let value): "a field has the value \(value), which is not allowed there"
        case .invalidText(let text): "a field has the value \"\(text)\", which is not allowed there"
        }
    }
}

/// Writes fields one behind the other.
package struct KafkaWriter: Sendable {
    /// What has been written.
    package private(set) var bytes: [UInt8] = []
    /// Whether strings, bytes and arrays have varint lengths, and structures end with tagged fields.
    package var isFlexible: Bool

    /// The most bytes of UTF-8 that a string of the classic form can have.
    package static let longestString = Int(Int16.max)

    package init(isFlexible: Bool = false) { self.isFlexible = isFlexible }

    /// One byte.
    package mutating func int8(_ value: Int8) { bytes.append(UInt8(bitPattern: value)) }
    /// Two bytes, big-endian.
    package mutating func int16(_ value: Int16) { bigEndian(value) }
    /// Four bytes, big-endian.
    package mutating func int32(_ value: Int32) { bigEndian(value) }
    /// Eight bytes, big-endian.
    package mutating func int64(_ value: Int64) { bigEndian(value) }
    /// One byte, 1 for true.
    package mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// 1 to 5 bytes, seven bits each, the low ones first.
    package mutating func unsignedVarint(_ value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// A string. Traps when it is longer than ``longestString``: callers check what users give them.
    package mutating func string(_ value: String) {
        let count = value.utf8.count
        precondition(count <= Self.longestString, "a string of \(count) bytes has no room in a Kafka message")
        isFlexible ? unsignedVarint(UInt32(count) + 1) : int16(Int16(count))
        bytes.append(contentsOf: value.utf8)
    }

    /// A string, or null.
    package mutating func nullableString(_ value: String?) {
        if let value { return string(value) }
        isFlexible ? unsignedVarint(0) : int16(-1)
    }

    /// Bytes. Traps when they are 2 GiB or more.
    package mutating func bytes(_ value: [UInt8]) {
        count(value.count)
        bytes.append(contentsOf: value)
    }

    /// Bytes, or null.
    package mutating func nullableBytes(_ value: [UInt8]?) {
        if let value { bytes(value) } else { null() }
    }

    /// An array, each element written by `write`.
    package mutating func array<Elements: Collection, Failure: Error>(
        _ elements: Elements, _ write: (inout KafkaWriter, Elements.Element) throws(Failure) -> Void
    ) throws(Failure) {
        count(elements.count)
        for element in elements { try write(&self, element) }
    }

    /// A null array.
    package mutating func nullArray() { null() }

    /// The end of a structure: its tagged fields in the flexible form, with rising tags; nothing in the classic form,
    /// which has no room for them.
    package mutating func tags(_ fields: [(tag: UInt32, bytes: [UInt8])] = []) {
        guard isFlexible else {
            precondition(fields.isEmpty, "only flexible versions have tagged fields")
            return
        }
        unsignedVarint(UInt32(fields.count))
        for field in fields {
            unsignedVarint(field.tag)
            unsignedVarint(UInt32(field.bytes.count))
            bytes.append(contentsOf: field.bytes)
        }
    }

    private mutating func count(_ value: Int) {
        precondition(value < Int(Int32.max), "\(value) bytes or elements have no room in a Kafka message")
        isFlexible ? unsignedVarint(UInt32(value) + 1) : int32(Int32(value))
    }

    private mutating func null() { isFlexible ? unsignedVarint(0) : int32(-1) }

    private mutating func bigEndian<Number: FixedWidthInteger>(_ value: Number) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

/// Reads fields one behind the other, of bytes that may be anything: every step checks what is left, nothing is allocated
/// for a length before so many bytes are known to be there. After an error the reader is of no further use.
package struct KafkaReader: Sendable {
    private var rest: ArraySlice<UInt8>
    /// Whether strings, bytes and arrays have varint lengths, and structures end with tagged fields.
    package var isFlexible: Bool

    package init(_ bytes: [UInt8], isFlexible: Bool = false) {
        rest = bytes[...]
        self.isFlexible = isFlexible
    }

    /// Copies the bytes: they are those of one record of an internal topic, and few.
    package init(_ bytes: RawSpan, isFlexible: Bool = false) {
        self.init(bytes.withUnsafeBytes { [UInt8]($0) }, isFlexible: isFlexible)
    }

    /// How many bytes have not been read.
    package var remaining: Int { rest.count }

    /// One byte.
    package mutating func int8() throws(KafkaFieldError) -> Int8 { try bigEndian() }
    /// Two bytes, big-endian.
    package mutating func int16() throws(KafkaFieldError) -> Int16 { try bigEndian() }
    /// Four bytes, big-endian.
    package mutating func int32() throws(KafkaFieldError) -> Int32 { try bigEndian() }
    /// Eight bytes, big-endian.
    package mutating func int64() throws(KafkaFieldError) -> Int64 { try bigEndian() }
    /// One byte; all but zero is true, as Kafka reads it.
    package mutating func bool() throws(KafkaFieldError) -> Bool { try int8() != 0 }

    /// 1 to 5 bytes, seven bits each, the low ones first.
    package mutating func unsignedVarint() throws(KafkaFieldError) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<5 {
            let byte = UInt8(bitPattern: try int8())
            // Of the fifth byte only four bits have a place.
            if index == 4 && byte > 0x0f { throw .varintTooLong }
            value |= UInt32(byte & 0x7f) << UInt32(7 * index)
            if byte < 0x80 { return value }
        }
        throw .varintTooLong
    }

    /// A string; throws for null and for what is not UTF-8.
    package mutating func string() throws(KafkaFieldError) -> String {
        guard let value = try nullableString() else { throw .unexpectedNull }
        return value
    }

    /// A string, or nil for null.
    package mutating func nullableString() throws(KafkaFieldError) -> String? {
        guard let length = isFlexible ? try count() : try present(Int(int16())) else { return nil }
        // Only a flexible string could be longer; Kafka refuses it too, and nobody could write it down again.
        guard length <= KafkaWriter.longestString else { throw .lengthOutOfBounds(length) }
        guard let text = String(validating: try take(length), as: UTF8.self) else { throw .invalidUTF8 }
        return text
    }

    /// Bytes; throws for null.
    package mutating func bytes() throws(KafkaFieldError) -> [UInt8] {
        guard let value = try nullableBytes() else { throw .unexpectedNull }
        return value
    }

    /// Bytes, or nil for null.
    package mutating func nullableBytes() throws(KafkaFieldError) -> [UInt8]? {
        guard let length = try count() else { return nil }
        return Array(try take(length))
    }

    /// An array, each element read by `element`.
    package mutating func array<Element>(
        _ element: (inout KafkaReader) throws(KafkaFieldError) -> Element
    ) throws(KafkaFieldError) -> [Element] {
        guard let elements = try nullableArray(element) else { throw .unexpectedNull }
        return elements
    }

    /// An array, or nil for null.
    package mutating func nullableArray<Element>(
        _ element: (inout KafkaReader) throws(KafkaFieldError) -> Element
    ) throws(KafkaFieldError) -> [Element]? {
        guard let count = try count() else { return nil }
        // No element takes less than a byte, so a larger number is a lie and need not be counted to.
        guard count <= remaining else { throw .endsEarly(needed: count, available: remaining) }
        var elements: [Element] = []
        // An element in memory may be many times larger than its bytes: the array grows with what is really there.
        elements.reserveCapacity(min(count, 64))
        for _ in 0..<count { elements.append(try element(&self)) }
        return elements
    }

    /// The end of a structure: in the flexible form each tagged field is handed to `read`, with a reader of its bytes
    /// alone; what `read` leaves unread is skipped. Nothing in the classic form.
    package mutating func tags(
        _ read: (_ tag: UInt32, inout KafkaReader) throws(KafkaFieldError) -> Void
    ) throws(KafkaFieldError) {
        guard isFlexible else { return }
        for _ in 0..<(try unsignedVarint()) {
            let tag = try unsignedVarint()
            let size = Int(try unsignedVarint())
            var field = self
            field.rest = try take(size)
            try read(tag, &field)
        }
    }

    /// The end of a structure whose tagged fields are all unknown here.
    package mutating func skipTags() throws(KafkaFieldError) {
        try tags { (_, _) throws(KafkaFieldError) in }
    }

    /// The end of the message: throws where bytes are left.
    package func expectEnd() throws(KafkaFieldError) {
        guard rest.isEmpty else { throw .trailingBytes(rest.count) }
    }

    /// A length or count: an int32, or a varint that is one more; nil for null.
    private mutating func count() throws(KafkaFieldError) -> Int? {
        try present(isFlexible ? Int(unsignedVarint()) - 1 : Int(int32()))
    }

    private func present(_ length: Int) throws(KafkaFieldError) -> Int? {
        guard length >= -1 else { throw .lengthOutOfBounds(length) }
        return length == -1 ? nil : length
    }

    private mutating func take(_ count: Int) throws(KafkaFieldError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw .endsEarly(needed: count, available: rest.count) }
        defer { rest.removeFirst(count) }
        return rest.prefix(count)
    }

    @inline(__always)
    private mutating func bigEndian<Number: FixedWidthInteger>() throws(KafkaFieldError) -> Number {
        let size = MemoryLayout<Number>.size
        guard size <= rest.count else { throw .endsEarly(needed: size, available: rest.count) }
        let value = rest.withUnsafeBytes { $0.loadUnaligned(as: Number.self) }
        rest.removeFirst(size)
        return Number(bigEndian: value)
    }
}
