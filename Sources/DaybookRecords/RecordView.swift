// A record inside a decoded batch: borrowed bytes, no copy, no allocation. It cannot outlive the closure that it is
// given to, and the compiler sees to that (`~Escapable`).

public import DaybookModel

/// One record, borrowed from a batch while its closure runs.
///
/// Reading a property allocates nothing; `record()` makes an owned copy. All access is O(1), headers O(headers).
public struct RecordView: ~Escapable {
    public let offset: Offset
    /// The producer's timestamp, or the append time where the topic or batch says so.
    public let timestamp: Timestamp
    private let keyStart: UnsafeRawPointer
    private let valueStart: UnsafeRawPointer
    private let headersStart: UnsafeRawPointer
    private let end: UnsafeRawPointer
    private let keyCount: Int32
    private let valueCount: Int32
    public let headerCount: Int

    /// The decoder has checked every length; the bytes stay in place while the view exists, because the view is
    /// lent to a closure that runs inside the decoder's call.
    @_lifetime(immortal)
    init(
        offset: Offset, timestamp: Timestamp, keyStart: UnsafeRawPointer, keyCount: Int32,
        valueStart: UnsafeRawPointer, valueCount: Int32, headersStart: UnsafeRawPointer, headerCount: Int,
        end: UnsafeRawPointer
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.keyStart = keyStart
        self.keyCount = keyCount
        self.valueStart = valueStart
        self.valueCount = valueCount
        self.headersStart = headersStart
        self.headerCount = headerCount
        self.end = end
    }

    public var key: RawSpan? {
        @_lifetime(copy self)
        get {
            guard keyCount >= 0 else { return nil }
            return _overrideLifetime(RawSpan(_unsafeStart: keyStart, byteCount: Int(keyCount)), copying: self)
        }
    }

    /// The payload; nil is a tombstone.
    public var value: RawSpan? {
        @_lifetime(copy self)
        get {
            guard valueCount >= 0 else { return nil }
            return _overrideLifetime(RawSpan(_unsafeStart: valueStart, byteCount: Int(valueCount)), copying: self)
        }
    }

    /// Bytes of key and value together.
    public var payloadCount: Int { Int(max(keyCount, 0)) + Int(max(valueCount, 0)) }

    /// Calls `body` with the name and the value of each header, in order.
    public func forEachHeader(_ body: (_ name: RawSpan, _ value: RawSpan?) throws -> Void) rethrows {
        var reader = ByteReader(from: headersStart, to: end)
        for _ in 0..<headerCount {
            guard let name = Self.field(&reader) else {
                preconditionFailure("the decoder checked every header before it made this view")
            }
            if let value = Self.field(&reader) {
                try body(RawSpan(_unsafeBytes: name), RawSpan(_unsafeBytes: value))
            } else {
                try body(RawSpan(_unsafeBytes: name), nil)
            }
        }
    }

    /// Whether the record has this very key. Copies nothing.
    public func hasKey(_ key: [UInt8]) -> Bool { Self.equal(self.key, key) }

    /// Whether the record carries this header, name and value, among others. Copies nothing.
    public func hasHeader(_ header: RecordHeader) -> Bool {
        var isFound = false
        forEachHeader { name, value in
            if isFound || name.byteCount != header.name.utf8.count { return }
            isFound = name.withUnsafeBytes { $0.elementsEqual(header.name.utf8) } && Self.equal(value, header.value)
        }
        return isFound
    }

    private static func equal(_ span: RawSpan?, _ bytes: [UInt8]?) -> Bool {
        guard let span else { return bytes == nil }
        guard let bytes, span.byteCount == bytes.count else { return false }
        return span.withUnsafeBytes { $0.elementsEqual(bytes) }
    }

    /// The next length-prefixed field; nil for length −1.
    private static func field(_ reader: inout ByteReader) -> UnsafeRawBufferPointer? {
        guard let count = try? reader.varint(), count >= 0, let start = try? reader.skip(Int(count)) else { return nil }
        return UnsafeRawBufferPointer(start: start, count: Int(count))
    }

    /// Bytes that the record takes in a batch, give or take its deltas.
    var encodedCount: Int {
        let fields = Int(end - headersStart) + Int(max(keyCount, 0)) + Int(max(valueCount, 0))
        return fields + 1 + 4 * 5
    }

    /// Writes the record as it stands in a batch, with other deltas; returns where it ends.
    func encode(timestampDelta: Int64, offsetDelta: Int64, to start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer
    {
        let headersCount = Int(end - headersStart)
        let size =
            1 + Varint.size(timestampDelta) + Varint.size(offsetDelta)
            + Varint.size(Int64(keyCount)) + Int(max(keyCount, 0))
            + Varint.size(Int64(valueCount)) + Int(max(valueCount, 0))
            + Varint.size(Int64(headerCount)) + headersCount
        var place = Varint.write(Int64(size), to: start)
        place.storeBytes(of: 0, as: UInt8.self)
        place = Varint.write(timestampDelta, to: place + 1)
        place = Varint.write(offsetDelta, to: place)
        for (field, count) in [(keyStart, keyCount), (valueStart, valueCount)] {
            place = Varint.write(Int64(count), to: place)
            guard count > 0 else { continue }
            place.copyMemory(from: field, byteCount: Int(count))
            place += Int(count)
        }
        place = Varint.write(Int64(headerCount), to: place)
        place.copyMemory(from: headersStart, byteCount: headersCount)
        return place + headersCount
    }

    /// An owned copy. Allocates for the key, the value and each header.
    public func record() -> Record {
        var headers: [RecordHeader] = []
        headers.reserveCapacity(headerCount)
        forEachHeader { name, value in
            headers.append(RecordHeader(String(decoding: name), [UInt8]?(copying: value)))
        }
        return Record(
            key: [UInt8]?(copying: key), value: [UInt8]?(copying: value), headers: headers, timestamp: timestamp)
    }
}

extension [UInt8]? {
    /// A copy of borrowed bytes, or nil for none.
    init(copying span: RawSpan?) {
        if let span { self = [UInt8](span) } else { self = nil }
    }
}

extension [UInt8] {
    /// A copy of borrowed bytes.
    public init(_ span: RawSpan) { self = span.withUnsafeBytes { [UInt8]($0) } }
}

extension String {
    /// Borrowed bytes as UTF-8; what is not valid becomes U+FFFD.
    public init(decoding span: RawSpan) { self = span.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}
