// How far a reader may see.
// Both limits are the log's; nothing is kept per reader.

/// Which records a reader gets.
public enum Isolation: Sendable, Hashable {
    /// Only what a power cut cannot take back: records below the high watermark.
    case durable
    /// Everything that has been written, flushed or not: records below the log end offset.
    case pageCache
}
