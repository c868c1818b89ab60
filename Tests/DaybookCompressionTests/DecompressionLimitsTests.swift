// Bombs: a few bytes that hold very many. The limits, absolute and by ratio, are looked at before memory is taken,
// whether the frame says its size, says a false one, or says nothing.

import DaybookCompression
import DaybookModel
import Testing

@Suite("Decompression limits")
struct DecompressionLimitsTests {
    @Test("the smaller of the two limits holds, and small batches are free of the ratio")
    func allowed() {
        let limits = DecompressionLimits(maximum: .mebibytes(1), ratio: 10, alwaysAllowed: .kibibytes(1))
        #expect(limits.allowedSize(compressed: 0) == 1024)
        #expect(limits.allowedSize(compressed: 102) == 1024)
        #expect(limits.allowedSize(compressed: 103) == 1030)
        #expect(limits.allowedSize(compressed: 1 << 20) == 1 << 20)
        #expect(limits.allowedSize(compressed: .max) == 1 << 20)
        let generous = DecompressionLimits(maximum: .kibibytes(1), ratio: 10, alwaysAllowed: .mebibytes(1))
        #expect(generous.allowedSize(compressed: 500) == 1024, "the absolute limit holds for all")
    }

    /// A bomb of `size` bytes, and how many bytes it takes.
    private func bomb(_ codec: CompressionCodec, size: Int, saysSize: Bool) -> [UInt8] {
        let block = 64 << 10
        if codec == .lz4 {
            var frame = HandmadeLZ4(contentSize: saysSize ? UInt64(size) : nil)
            for _ in 0..<(size / block) { frame.repeating(0, count: block) }
            if size % block > 0 { frame.raw(Samples.zeros(size % block)) }
            return frame.frame
        }
        var frame = HandmadeZstd(contentSize: saysSize ? UInt64(size) : nil)
        for _ in 0..<(size / block) { frame.repeating(0, count: block) }
        frame.repeating(0, count: size % block)
        return frame.frame
    }

    @Test("C66 the absolute limit", arguments: [CompressionCodec.lz4, .zstd], [true, false])
    func absolute(codec: CompressionCodec, saysSize: Bool) throws {
        let limit = 300_000
        let limits = DecompressionLimits(maximum: .bytes(limit), ratio: 1 << 20, alwaysAllowed: .mebibytes(64))
        for size in [limit - 1, limit] {
            let content = try Decompressor(limits: limits).decompress(
                bomb(codec, size: size, saysSize: saysSize), codec)
            #expect(content.count == size)
        }
        for size in [limit + 1, limit * 2, limit * 50] {
            try expectTooLarge(bomb(codec, size: size, saysSize: saysSize), codec, limits, limit: limit)
        }
    }

    @Test("C66 the ratio", arguments: [CompressionCodec.lz4, .zstd], [true, false])
    func ratio(codec: CompressionCodec, saysSize: Bool) throws {
        let size = 2 << 20
        let frame = bomb(codec, size: size, saysSize: saysSize)
        let exact = DecompressionLimits(
            maximum: .gibibytes(1), ratio: size / frame.count + 1, alwaysAllowed: .kibibytes(1))
        #expect(try Decompressor(limits: exact).decompress(frame, codec).count == size)
        let tight = DecompressionLimits(maximum: .gibibytes(1), ratio: size / frame.count, alwaysAllowed: .kibibytes(1))
        try expectTooLarge(frame, codec, tight, limit: tight.allowedSize(compressed: frame.count))
    }

    @Test("C66 four bytes that hold 128 KiB stop at the standard limits", arguments: [true, false])
    func standard(saysSize: Bool) throws {
        // 4 KiB of zstd that hold 128 MiB; up to 4 MiB the standard limits let anything pass.
        var frame = HandmadeZstd(contentSize: saysSize ? 128 << 20 : nil)
        for _ in 0..<1024 { frame.repeating(0, count: 128 << 10) }
        try expectTooLarge(frame.frame, .zstd, .standard, limit: 4 << 20)
    }

    static let unreasonableSizes: [UInt64] = [1 << 40, 1 << 62, 1 << 63, .max - 2]

    @Test("C66 C70 a size out of all reason takes no memory", arguments: Self.unreasonableSizes)
    func unreasonable(declared: UInt64) throws {
        var lz4 = HandmadeLZ4(contentSize: declared)
        lz4.raw([1, 2, 3])
        var zstd = HandmadeZstd(contentSize: declared)
        zstd.raw([1, 2, 3])
        for (frame, codec) in [(lz4.frame, CompressionCodec.lz4), (zstd.frame, .zstd)] {
            let decompressor = Decompressor()
            #expect(throws: CompressionError.tooLarge(codec, compressed: frame.count, limit: 4 << 20)) {
                try decompressor.decompress(frame, codec)
            }
            #expect(decompressor.memoryCount == 0)
        }
    }

    @Test("C66 after a bomb the decompressor is as good as before", arguments: [Compression.lz4(), .zstd()])
    func recovers(compression: Compression) throws {
        let limits = DecompressionLimits(maximum: .kibibytes(100), ratio: 1000, alwaysAllowed: .mebibytes(4))
        let decompressor = Decompressor(limits: limits)
        let good = try Compressor().compress(Samples.text(90_000), compression)
        for saysSize in [true, false] {
            let frame = bomb(compression.codec, size: 1 << 20, saysSize: saysSize)
            #expect(throws: CompressionError.self) { try decompressor.decompress(frame, compression.codec) }
            #expect(try decompressor.decompress(good, compression.codec) == Samples.text(90_000))
        }
    }

    private func expectTooLarge(
        _ frame: [UInt8], _ codec: CompressionCodec, _ limits: DecompressionLimits, limit: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let decompressor = Decompressor(limits: limits)
        #expect(
            throws: CompressionError.tooLarge(codec, compressed: frame.count, limit: limit),
            sourceLocation: sourceLocation
        ) {
            try decompressor.decompress(frame, codec)
        }
        // An lz4 block is unpacked whole, so one of 64 KiB may stand behind the limit before it is refused.
        let most = codec == .lz4 ? limit + (64 << 10) : limit
        #expect(decompressor.memoryCount <= most, sourceLocation: sourceLocation)
    }
}
