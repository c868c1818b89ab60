// The number of a record within its partition. Not a place in a file (that is `Position`) and not a count of records.
// Used by every layer; does no I/O.

/// The number of a record in a partition: an Int64 from 0 upwards, given once, never reused, never changed.
///
/// Ranges of offsets are half open: `nextOffset` is one past the last record.
public struct Offset: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int64

    @inlinable
    public init(rawValue: Int64) { self.rawValue = rawValue }

    @inlinable
    public init(_ value: Int64) { self.rawValue = value }

    /// The offset of the first record ever appended to a partition.
    public static let zero = Offset(0)

    /// An offset above every record that can exist; useful as an open upper bound.
    public static let max = Offset(.max)

    /// The offset `distance` records further on. Traps on overflow of Int64.
    @inlinable
    public func advanced(by distance: Int64) -> Offset { Offset(rawValue + distance) }

    /// How many offsets lie between this one and `other`; negative when `other` is smaller.
    @inlinable
    public func distance(to other: Offset) -> Int64 { other.rawValue - rawValue }

    @inlinable
    public static func < (a: Offset, b: Offset) -> Bool { a.rawValue < b.rawValue }

    public var description: String { String(rawValue) }
}

extension Offset: ExpressibleByIntegerLiteral {
    @inlinable
    public init(integerLiteral value: Int64) { self.rawValue = value }
}
