// How far a reader may see, and what it is not shown.
// The limits are the log's; nothing is kept per reader.

/// Which records a reader gets.
public enum Isolation: Sendable, Hashable {
    /// Only what is settled: durable records of no transaction or of committed ones, up to the last stable offset, behind
    /// which a transaction is still open. Aborted records and the marks of transactions come as gaps of the causes `.aborted`
    /// and `.control`. Kafka's `read_committed`.
    case committed
    /// What a power cut cannot take back: all records below the high watermark, however their transactions end. Batches that
    /// mark the end of a transaction are among them: `RecordBatch.isControl`.
    case durable
    /// Everything that has been written, flushed or not: as `durable`, up to the log end offset.
    case pageCache
}
