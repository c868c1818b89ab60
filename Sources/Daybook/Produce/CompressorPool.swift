// Codec contexts that nobody uses at the moment. zstd's take a megabyte: thousands of partitions share a few.
// Decompressors have a pool of their own, beside `RecordBatch`.

internal import DaybookCompression
internal import Synchronization

/// Lends compressors.
final class CompressorPool: Sendable {
    /// Safety: a compressor is in the pool or with one borrower, never both; the mutex orders the two.
    private struct Idle: @unchecked Sendable { var compressors: [Compressor] = [] }
    private let idle = Mutex(Idle())

    func withCompressor<R, E: Error>(_ body: (Compressor) throws(E) -> R) throws(E) -> R {
        let compressor = idle.withLock { $0.compressors.popLast() } ?? Compressor()
        defer { idle.withLock { $0.compressors.append(compressor) } }
        return try body(compressor)
    }
}
