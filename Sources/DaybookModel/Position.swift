// A place in a segment file, in bytes from its beginning. Kept apart from `Offset` so that the two cannot be confused.
// Used by the records, files and storage layers; does no I/O.

/// A place in a file: bytes from its beginning, 0 upwards.
public struct Position: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: Int

    @inlinable
    public init(rawValue: Int) { self.rawValue = rawValue }

    @inlinable
    public init(_ value: Int) { self.rawValue = value }

    /// The beginning of a file.
    public static let zero = Position(0)

    /// The position `bytes` further on. Traps on overflow of Int.
    @inlinable
    public func advanced(by bytes: Int) -> Position { Position(rawValue + bytes) }

    /// How many bytes lie between this position and `other`; negative when `other` is smaller.
    @inlinable
    public func distance(to other: Position) -> Int { other.rawValue - rawValue }

    @inlinable
    public static func < (a: Position, b: Position) -> Bool { a.rawValue < b.rawValue }

    public var description: String { String(rawValue) }
}
