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
        if declared == UInt64(bitPattern: -1) { return try streamZstd(source, limit: limit, context: zstd) }
        guard declared <= UInt64(limit) else {
            throw .tooLarge(.zstd, compressed: source.count, limit: limit)
        }
        reserve(Int(declared))
        let count = ZSTD_decompressDCtx(zstd, scratch.baseAddress, scratch.count, source.baseAddress, source.count)
        guard ZSTD_isError(count) == 0 else { throw Self.malformed(zstd: count) }
        return UnsafeRawBufferPointer(rebasing: scratch[..<count])
    }

    /// For frames that do not say how much they hold, as streaming producers write them.
    private func streamZstd(
        _ source: UnsafeRawBufferPointer, limit: Int, context: OpaquePointer
    ) throws(CompressionError) -> UnsafeRawBufferPointer {
        ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        // A window larger than the content may be is memory that nobody needs.
        let windowLog = Int32(max(17, min(27, Int.bitWidth - (limit - 1).leadingZeroBitCount)))
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, windowLog)
        var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
        var filled = 0
        reserve(min(limit, max(64 << 10, source.count * 4)))
        while true {
            var output = ZSTD_outBuffer(dst: scratch.baseAddress, size: min(scratch.count, limit), pos: filled)
            let hint = ZSTD_decompressStream(context, &output, &input)
            guard ZSTD_isError(hint) == 0 else { throw Self.malformed(zstd: hint) }
            filled = output.pos
            if hint == 0 { return UnsafeRawBufferPointer(rebasing: scratch[..<filled]) }
            if output.pos < output.size && input.pos == input.size {
                throw .malformed(.zstd, reason: "the frame ends early")
            }
            if output.pos == output.size { try grow(keeping: filled, limit: limit, .zstd, compressed: source.count) }
        }
    }

    private static func malformed(zstd code: Int) -> CompressionError {
        .malformed(.zstd, reason: String(cString: ZSTD_getErrorName(code)))
    }

    // MARK: lz4

    private func decompressLZ4(_ source: UnsafeRawBufferPointer) throws(CompressionError) -> UnsafeRawBufferPointer {
        if lz4 == nil {
            let code = LZ4F_createDecompressionContext(&lz4, UInt32(LZ4F_VERSION))
            guard LZ4F_isError(code) == 0 else { throw Self.malformed(lz4: code) }
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
        reserve(known + Self.blockSize(info.blockSizeID))
        return try unpackBlocks(source, from: consumed, limit: limit)
    }

    private func unpackBlocks(
        _ source: UnsafeRawBufferPointer, from start: Int, limit: Int
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
                try grow(keeping: filled, limit: limit + (4 << 20), .lz4, compressed: source.count)
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

    private func grow(
        keeping filled: Int, limit: Int, _ codec: CompressionCodec, compressed: Int
    ) throws(CompressionError) {
        guard filled < limit else { throw .tooLarge(codec, compressed: compressed, limit: limit) }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: min(limit, scratch.count * 2), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: scratch[..<filled]))
        scratch.deallocate()
        scratch = larger
    }
}
