// The records of a simulation. Everything in one follows from its number, so that a record that comes back can be checked
// byte by byte without having been kept.

internal import DaybookModel
internal import DaybookRecords

/// Which record of a history: rises with every record sent.
///
/// The operation that sent it stands in the upper bits, so that order can be judged even where one operation sent several
/// records at once.
package struct RecordNumber: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// `index` is below 2^15.
    init(operation: Int, index: Int, isConcurrent: Bool) {
        rawValue = UInt64(operation + 1) << 16 | (isConcurrent ? 1 << 15 : 0) | UInt64(index)
    }

    var operation: Int { Int(rawValue >> 16) - 1 }
    private var isConcurrent: Bool { rawValue & 1 << 15 != 0 }

    /// Whether a record of this number may stand directly or indirectly before one of `later`.
    func mayPrecede(_ later: RecordNumber) -> Bool {
        if operation == later.operation && isConcurrent { return self != later }
        return self < later
    }

    package static func < (a: RecordNumber, b: RecordNumber) -> Bool { a.rawValue < b.rawValue }
    package var description: String { "\(operation).\(rawValue & 0x7fff)" }
}

/// The record of a number.
struct SimulatedRecord {
    let number: RecordNumber
    /// What the record is about; records of the same key follow one another.
    let key: Int?
    /// Bytes of the value behind the number; nil for a tombstone.
    private let fillCount: Int?
    private let fillStart: Int
    let timestamp: Timestamp
    /// Whether the record says that there is nothing any more under its key.
    var isTombstone: Bool { fillCount == nil }

    /// The moment around which timestamps lie.
    static let epoch = 1_767_225_600_000 as Int64

    init(_ number: RecordNumber) {
        self.number = number
        var generator = SeededGenerator(seed: number.rawValue)
        let (a, b) = (generator.next(), generator.next())
        key = a % 4 == 0 ? nil : Int(a >> 8 % 16)
        let size = a >> 16 % 32 == 0 ? Int(b >> 8 % 3000) : Int(b >> 8 % 120)
        fillCount = key != nil && a >> 24 % 16 == 0 ? nil : size
        fillStart = Int(b >> 32 % 1024)
        // Producers choose their timestamps: mostly about now, sometimes none, sometimes far in the future.
        switch a >> 32 % 64 {
        case 0: timestamp = .none
        case 1: timestamp = Timestamp(milliseconds: Self.epoch + 200 * 365 * 86_400_000)
        default: timestamp = Timestamp(milliseconds: Self.epoch + Int64(b >> 40 % 1_000_000))
        }
    }

    private static let fill: [UInt8] = {
        var generator = SeededGenerator(seed: 7)
        // Half of it without pattern, so that codecs have something to do and something to give up on.
        return generator.bytes(2048) + (0..<2048).map { UInt8(truncatingIfNeeded: $0 / 16) }
    }()

    private var keyBytes: [UInt8]? { key.map { [UInt8(ascii: "k"), UInt8(ascii: "a") + UInt8($0)] } }

    func record() -> Record {
        let numberBytes = (0..<8).map { UInt8(truncatingIfNeeded: number.rawValue >> (8 * $0)) }
        guard let fillCount else {
            return Record(
                key: keyBytes, value: nil, headers: [RecordHeader("number", numberBytes)], timestamp: timestamp)
        }
        return Record(
            key: keyBytes, value: numberBytes + Self.fill[fillStart..<fillStart + fillCount], timestamp: timestamp)
    }

    /// Whether a record that was read is this one; `hasOwnTimestamp` is false where the log stamps records itself.
    func matches(_ view: borrowing RecordView, hasOwnTimestamp: Bool) -> Bool {
        guard !hasOwnTimestamp || view.timestamp == timestamp else { return false }
        guard Self.equals(view.key, keyBytes) else { return false }
        guard let fillCount else { return view.value == nil && view.headerCount == 1 }
        guard view.headerCount == 0, let value = view.value, value.byteCount == 8 + fillCount else { return false }
        return value.withUnsafeBytes { bytes in
            Self.fill.withUnsafeBytes { fill in
                // A loop over bare pointers: slices are several times slower, and this is done for every record read.
                guard let bytes = bytes.baseAddress, let fill = fill.baseAddress else { return false }
                var index = 0
                while index + 8 <= fillCount {
                    let a = bytes.loadUnaligned(fromByteOffset: 8 + index, as: UInt64.self)
                    if a != fill.loadUnaligned(fromByteOffset: fillStart + index, as: UInt64.self) { return false }
                    index += 8
                }
                while index < fillCount {
                    let a = bytes.load(fromByteOffset: 8 + index, as: UInt8.self)
                    if a != fill.load(fromByteOffset: fillStart + index, as: UInt8.self) { return false }
                    index += 1
                }
                return true
            }
        }
    }

    private static func equals(_ span: RawSpan?, _ bytes: [UInt8]?) -> Bool {
        guard let span else { return bytes == nil }
        guard let bytes, bytes.count == span.byteCount else { return false }
        return span.withUnsafeBytes { $0.elementsEqual(bytes) }
    }

    /// The number that a record carries; nil when it carries none.
    static func number(of view: borrowing RecordView) -> RecordNumber? {
        if let value = view.value { return number(in: value) }
        var found: RecordNumber?
        view.forEachHeader { name, value in
            if String(decoding: name) == "number", let value { found = number(in: value) }
        }
        return found
    }

    private static func number(in span: RawSpan) -> RecordNumber? {
        guard span.byteCount >= 8 else { return nil }
        return RecordNumber(
            rawValue: UInt64(littleEndian: span.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }))
    }
}
