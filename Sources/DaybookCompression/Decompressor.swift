// Unpacks one compressed stream into memory of its own, within limits that are checked before memory is taken.
// The library contexts and the memory are kept between calls.

import CLZ4
import CZstd
import DaybookModel

/// Decompresses runs of bytes. One at a time: not thread-safe. Its memory grows to the largest run it has seen.
package final class Decompressor {
    package let limits: DecompressionLimits
    private var zstd: OpaquePointer?
    private var lz4: OpaquePointer?
    private var scratch = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    package init(limits: DecompressionLimits = .standard) { self.limits = limits }

    deinit {
        ZSTD_freeDCtx(zstd)
        LZ4F_freeDecompressionContext(lz4)
        scratch.deallocate()
    }

    /// Bytes of memory that are kept for content between calls.
    package var memoryCount: Int { scratch.count }

    /// Unpacks `source`, which must be exactly one stream of `codec`.
    ///
    /// The result lies in the decompressor's own memory (or is `source` itself for `none`) and is valid until the
    /// next call. After an error the decompressor can be used again.
    package func decompress(
        _ source: UnsafeRawBufferPointer, _ codec: CompressionCodec
    ) throws(CompressionError) -> UnsafeRawBufferPointer {
        switch codec {
        case .none: source
        case .lz4: try decompressLZ4(source)
        case .zstd: try decompressZstd(source)
        case .gzip, .snappy: throw .unsupportedCodec(codec)
        }
    }

    // MARK: zstd

    private func decompressZstd(_ source: UnsafeRawBufferPointer) throws(CompressionError) -> UnsafeRawBufferPointer {
        if zstd == nil { zstd = ZSTD_createDCtx() }
        guard let zstd else { throw .library(.zstd, reason: "no memory for a context") }
        let limit = limits.allowedSize(compressed: source.count)
        let frame = ZSTD_findFrameCompressedSize(source.baseAddress, source.count)
        guard ZSTD_isError(frame) == 0 else { throw Self.malformed(zstd: frame) }
        guard frame == source.count else {
            throw .malformed(.zstd, reason: "\(source.count - frame) bytes follow the frame")
        }
        let declared = ZSTD_getFrameContentSize(source.baseAddress, source.count)
        // Streaming producers do not say how much a frame holds: begin with a guess.
        let isKnown = declared != UInt64(bitPattern: -1)
        guard !isKnown || declared <= UInt64(limit) else {
            throw .tooLarge(.zstd, compressed: source.count, limit: limit)
        }
        reserve(isKnown ? Int(declared) : min(limit, max(64 << 10, source.count * 4)))
        while true {
            let room = min(scratch.count, limit)
            let count = ZSTD_decompressDCtx(zstd, scratch.baseAddress, room, source.baseAddress, source.count)
            if ZSTD_isError(count) == 0 { return UnsafeRawBufferPointer(rebasing: scratch[..<count]) }
            guard !isKnown, ZSTD_getErrorCode(count) == ZSTD_error_dstSize_tooSmall else {
                throw Self.malformed(zstd: count)
            }
            guard room < limit else { throw .tooLarge(.zstd, compressed: source.count, limit: limit) }
            // Doubling and beginning anew costs no more than a streaming context would in copies, and takes no memory
            // for a window, whose size the frame chooses. The memory is kept: the next batch meets it grown.
            reserve(min(limit, room * 2))
        }
    }

    private static func malformed(zstd code: Int) -> CompressionError {
        .malformed(.zstd, reason: String(cString: ZSTD_getErrorName(code)))
    }

    // MARK: lz4

    private func decompressLZ4(_ source: UnsafeRawBufferPointer) throws(CompressionError) -> UnsafeRawBufferPointer {
        if lz4 == nil {
            let code = LZ4F_createDecompressionContext(&lz4, UInt32(LZ4F_VERSION))
            guard LZ4F_isError(code) == 0 else {
                throw .library(.lz4, reason: String(cString: LZ4F_getErrorName(code)))
            }
        }
        LZ4F_resetDecompressionContext(lz4)
        guard let base = source.baseAddress, source.count > 0 else {
            throw .malformed(.lz4, reason: "there are no bytes")
        }
        let limit = limits.allowedSize(compressed: source.count)
        var info = LZ4F_frameInfo_t()
        var consumed = source.count
        let header = LZ4F_getFrameInfo(lz4, &info, base, &consumed)
        guard LZ4F_isError(header) == 0 else { throw Self.malformed(lz4: header) }
        guard info.contentSize <= UInt64(limit) else { throw .tooLarge(.lz4, compressed: source.count, limit: limit) }
        // The library unpacks straight into our memory only while a whole block still fits: leave room for one.
        let known = info.contentSize > 0 ? Int(info.contentSize) : min(limit, source.count * 4)
        let block = Self.blockSize(info.blockSizeID)
        reserve(known + block)
        return try unpackBlocks(source, from: consumed, limit: limit, block: block)
    }

    private func unpackBlocks(
        _ source: UnsafeRawBufferPointer, from start: Int, limit: Int, block: Int
    ) throws(CompressionError) -> UnsafeRawBufferPointer {
        var consumed = start
        var filled = 0
        var options = LZ4F_decompressOptions_t()
        while true {
            var outputCount = scratch.count - filled
            var inputCount = source.count - consumed
            let hint = LZ4F_decompress(
                lz4, scratch.baseAddress! + filled, &outputCount, source.baseAddress! + consumed, &inputCount, &options)
            guard LZ4F_isError(hint) == 0 else { throw Self.malformed(lz4: hint) }
            consumed += inputCount
            filled += outputCount
            guard filled <= limit else { throw .tooLarge(.lz4, compressed: source.count, limit: limit) }
            if hint == 0 {
                guard consumed == source.count else {
                    throw .malformed(.lz4, reason: "\(source.count - consumed) bytes follow the frame")
                }
                return UnsafeRawBufferPointer(rebasing: scratch[..<filled])
            }
            if filled == scratch.count {
                // Content beyond the limit is refused above, so what is full here is smaller than this.
                grow(keeping: filled, to: min(limit + block, scratch.count * 2))
            } else if consumed == source.count && outputCount == 0 {
                throw .malformed(.lz4, reason: "the frame ends early")
            }
        }
    }

    private static func blockSize(_ id: LZ4F_blockSizeID_t) -> Int {
        switch id {
        case LZ4F_max256KB: 256 << 10
        case LZ4F_max1MB: 1 << 20
        case LZ4F_max4MB: 4 << 20
        default: 64 << 10
        }
    }

    private static func malformed(lz4 code: Int) -> CompressionError {
        .malformed(.lz4, reason: String(cString: LZ4F_getErrorName(code)))
    }

    // MARK: memory

    /// Makes room for `count` bytes; what was there is lost.
    private func reserve(_ count: Int) {
        guard scratch.count < count else { return }
        scratch.deallocate()
        scratch = .allocate(byteCount: max(count, 4096), alignment: 16)
    }

    /// Makes room for `count` bytes and keeps the first `filled`.
    private func grow(keeping filled: Int, to count: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: scratch[..<filled]))
        scratch.deallocate()
        scratch = larger
    }
}
