// The framing that Kafka's clients ask for, looked at byte by byte,
// and frames of other writers that must be readable.

import DaybookCompression
import Testing

@Suite("Frames")
struct FrameTests {
    private static let kibi = 1 << 10
    /// Content sizes and the code of the block size that each asks for.
    static let blockCodes: [(Int, UInt8)] = [
        (1, 4), (64 * kibi, 4), (64 * kibi + 1, 5), (256 * kibi, 5), (256 * kibi + 1, 6), (1024 * kibi, 6),
        (1024 * kibi + 1, 7), (5000 * kibi, 7),
    ]

    @Test(
        "lz4 frames have independent blocks, the content size, and the smallest block size that fits",
        arguments: blockCodes)
    func lz4Descriptor(count: Int, blockCode: UInt8) throws {
        for level in [Int32(0), -5, 9] {
            let frame = try Compressor().compress(Samples.text(count), .lz4(level: level))
            #expect(Array(frame[0..<4]) == [0x04, 0x22, 0x4d, 0x18])
            let flags = frame[4]
            #expect(flags >> 6 == 1, "version")
            #expect(flags & 1 << 5 != 0, "blocks are independent")
            #expect(flags & 1 << 3 != 0, "the content size is there")
            #expect(flags & 0b11 == 0, "nothing reserved, no dictionary")
            #expect(frame[5] == blockCode << 4, "block size, reserved bits 0")
            #expect(Array(frame[6..<14]) == HandmadeLZ4.little(UInt64(count)))
            #expect(frame[14] == UInt8(truncatingIfNeeded: HandmadeLZ4.xxh32(Array(frame[4..<14])) >> 8))
        }
    }

    @Test("zstd frames say their content size and want no dictionary")
    func zstdDescriptor() throws {
        let frame = try Compressor().compress(Samples.text(1000), .zstd())
        #expect(Array(frame[0..<4]) == [0x28, 0xb5, 0x2f, 0xfd])
        #expect(frame[4] & 0b11 == 0, "no dictionary")
        #expect(frame[4] & 1 << 5 != 0, "a single segment, which says its size")
        #expect(Array(frame[5..<7]) == HandmadeLZ4.little(UInt16(1000 - 256)))
    }

    @Test("lz4 frames without a content size are read", arguments: [0, 1, 3, 40])
    func lz4WithoutSize(blocks: Int) throws {
        var frame = HandmadeLZ4()
        var expected: [UInt8] = []
        for index in 0..<blocks {
            frame.repeating(UInt8(index), count: 64 << 10)
            expected += [UInt8](repeating: UInt8(index), count: 64 << 10)
        }
        #expect(try Decompressor().decompress(frame.frame, .lz4) == expected)
    }

    @Test("lz4 frames of linked blocks are read, while the memory grows under them", arguments: [true, false])
    func lz4Linked(saysSize: Bool) throws {
        var frame = HandmadeLZ4(isIndependent: false)
        var expected = Samples.random(64 << 10)
        frame.raw(expected)
        for index in 0..<24 {
            frame.copying(64 << 10, distance: 65535, literal: UInt8(index))
            expected.append(UInt8(index))
            let start = expected.count - 65535
            expected += Array(expected[start..<start + (64 << 10) - 6])
            expected += [UInt8](repeating: UInt8(index), count: 5)
        }
        if saysSize { frame.contentSize = UInt64(expected.count) }
        #expect(try Decompressor().decompress(frame.frame, .lz4) == expected)
    }

    @Test("zstd frames without a content size are read", arguments: [0, 1, 5, 200_000, 1_000_000, 4 << 20])
    func zstdWithoutSize(count: Int) throws {
        var frame = HandmadeZstd()
        let expected = Samples.random(count)
        for start in stride(from: 0, through: max(0, count - 1), by: 128 << 10) {
            frame.raw(Array(expected[start..<min(count, start + (128 << 10))]))
        }
        #expect(try Decompressor().decompress(frame.frame, .zstd) == expected)
    }

    @Test("a zstd frame may ask for a large window: small batches of high levels do", arguments: [10, 17, 23, 27, 31])
    func zstdWindow(windowLog: UInt8) throws {
        var frame = HandmadeZstd(windowLog: windowLog)
        frame.raw(Samples.text(500))
        let decompressor = Decompressor()
        #expect(try decompressor.decompress(frame.frame, .zstd) == Samples.text(500))
        #expect(decompressor.memoryCount <= 64 << 10, "the window is no reason to take memory")
    }

    @Test("the frames made by hand are frames")
    func handmade() throws {
        var lz4 = HandmadeLZ4(contentSize: 65536)
        lz4.repeating(3, count: 65536)
        #expect(try Decompressor().decompress(lz4.frame, .lz4) == [UInt8](repeating: 3, count: 65536))
        var zstd = HandmadeZstd(contentSize: 131_072)
        zstd.repeating(3, count: 131_072)
        #expect(try Decompressor().decompress(zstd.frame, .zstd) == [UInt8](repeating: 3, count: 131_072))
    }
}
