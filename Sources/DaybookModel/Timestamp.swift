// A moment in time as Kafka writes it: milliseconds since 1970, and who put it on a record.
// Reading a clock is the engine's business, not this file's.

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
///
/// Producers choose the timestamps of their records freely, so any Int64 may occur; −1 is Kafka's "none".
public struct Timestamp: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970.
    public let rawValue: Int64

    @inlinable
    public init(rawValue: Int64) { self.rawValue = rawValue }

    @inlinable
    public init(milliseconds: Int64) { self.rawValue = milliseconds }

    /// Kafka's mark for "no timestamp" (−1).
    public static let none = Timestamp(milliseconds: -1)

    @inlinable
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.rawValue < b.rawValue }

    /// The moment `milliseconds` later; stays within Int64 at its ends.
    public func advanced(byMilliseconds milliseconds: Int64) -> Timestamp {
        let (sum, overflow) = rawValue.addingReportingOverflow(milliseconds)
        return Timestamp(milliseconds: overflow ? (milliseconds > 0 ? .max : .min) : sum)
    }

    /// Milliseconds from this moment to `other`; stays within Int64 at its ends.
    public func milliseconds(until other: Timestamp) -> Int64 {
        let (difference, overflow) = other.rawValue.subtractingReportingOverflow(rawValue)
        return overflow ? (other > self ? .max : .min) : difference
    }

    public var description: String { "\(rawValue)ms" }
}

/// Who puts the timestamp on a record: Kafka's `message.timestamp.type`.
public enum TimestampType: Sendable, Hashable {
    /// The producer; the time of the event.
    case create
    /// The log, when it appends; one stamp for the whole batch.
    case append
}
