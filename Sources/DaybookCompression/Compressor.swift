// Makes one compressed stream of one run of bytes, with the library contexts kept between calls.
// The framings are those that Kafka clients read: plain zstd frames, and LZ4 frames of independent blocks.

import CLZ4
import CZstd

/// Compresses runs of bytes. One at a time: not thread-safe; about 1 MiB once zstd has been used.
package final class Compressor {
    private var zstd: OpaquePointer?

    package init() {}

    deinit { ZSTD_freeCCtx(zstd) }

    /// How many bytes `compress` may need for `count` bytes of input.
    package static func bound(_ count: Int, _ compression: Compression) -> Int {
        switch compression {
        case .none: return count
        case .zstd: return ZSTD_compressBound(count)
        case .lz4(let level):
            var preferences = Self.lz4Preferences(level: level, contentSize: count)
            return LZ4F_compressFrameBound(count, &preferences)
        }
    }

    /// Compresses `source` into `destination` and returns how many bytes that took.
    ///
    /// `destination` must have room for `bound(source.count, compression)` bytes. After an error its content is
    /// undefined and the compressor can be used again.
    package func compress(
        _ source: UnsafeRawBufferPointer, into destination: UnsafeMutableRawBufferPointer, _ compression: Compression
    ) throws(CompressionError) -> Int {
        switch compression {
        case .none:
            destination.copyMemory(from: source)
            return source.count
        case .zstd(let level):
            if zstd == nil { zstd = ZSTD_createCCtx() }
            guard let zstd else { throw .library(.zstd, reason: "no memory for a context") }
            let written = ZSTD_compressCCtx(
                zstd, destination.baseAddress, destination.count, source.baseAddress, source.count, level)
            guard ZSTD_isError(written) == 0 else {
                throw .library(.zstd, reason: String(cString: ZSTD_getErrorName(written)))
            }
            return written
        case .lz4(let level):
            var preferences = Self.lz4Preferences(level: level, contentSize: source.count)
            let written = LZ4F_compressFrame(
                destination.baseAddress, destination.count, source.baseAddress, source.count, &preferences)
            guard LZ4F_isError(written) == 0 else {
                throw .library(.lz4, reason: String(cString: LZ4F_getErrorName(written)))
            }
            return written
        }
    }

    /// Independent blocks, because Kafka's Java client refuses linked ones; the smallest block size that holds the
    /// content in one block; the content size in the frame, so that a reader can take its memory at once.
    private static func lz4Preferences(level: Int32, contentSize: Int) -> LZ4F_preferences_t {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        preferences.frameInfo.blockSizeID =
            switch contentSize {
            case ...(64 << 10): LZ4F_max64KB
            case ...(256 << 10): LZ4F_max256KB
            case ...(1 << 20): LZ4F_max1MB
            default: LZ4F_max4MB
            }
        preferences.frameInfo.contentSize = UInt64(contentSize)
        preferences.compressionLevel = level
        preferences.autoFlush = 1
        return preferences
    }
}
