// A range of offsets that a reader cannot get, and why. Reads return gaps as values, in order among the batches:
// a reader is told what it misses and goes on behind it.

/// A range of offsets that cannot be read, with the reason.
public struct Gap: Hashable, Sendable, CustomStringConvertible {
    /// Why the offsets cannot be read.
    public enum Cause: String, Hashable, Sendable {
        /// The bytes are damaged, or missing though they were known to be durable; see the quarantine folder.
        case quarantined
        /// Retention or a delete-records call removed them.
        case retained
        /// Compaction removed them.
        case compacted
        /// They belong to an aborted transaction.
        case aborted
        /// They are control records, which carry no data.
        case control
    }

    /// First unreadable offset, inclusive.
    public let baseOffset: Offset
    /// First readable offset behind the gap; exclusive end.
    public let nextOffset: Offset
    public let cause: Cause

    public init(baseOffset: Offset, nextOffset: Offset, cause: Cause) {
        precondition(baseOffset < nextOffset, "a gap holds at least one offset")
        self.baseOffset = baseOffset
        self.nextOffset = nextOffset
        self.cause = cause
    }

    /// How many offsets are missing.
    public var count: Int64 { baseOffset.distance(to: nextOffset) }

    public var description: String { "gap \(baseOffset)..<\(nextOffset) (\(cause.rawValue))" }
}
