// Bytes that are no stream, or not only one: a typed error and nothing worse,
// and the decompressor goes on working.

import DaybookCompression
import Testing

@Suite("Malformed streams")
struct MalformedStreamTests {
    static let codecs: [Compression] = [.lz4(), .zstd()]

    /// The error of decompressing `bytes`, which must be a malformed stream of `codec`.
    private func expectMalformed(
        _ bytes: [UInt8], _ codec: CompressionCodec, using decompressor: Decompressor = Decompressor(),
        _ comment: Comment, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        do {
            let content = try decompressor.decompress(bytes, codec)
            Issue.record("\(content.count) bytes came out: \(comment)", sourceLocation: sourceLocation)
        } catch CompressionError.malformed(codec, let reason) {
            #expect(!reason.isEmpty, sourceLocation: sourceLocation)
        } catch {
            Issue.record("\(error): \(comment)", sourceLocation: sourceLocation)
        }
    }

    @Test("no bytes are no stream", arguments: codecs)
    func empty(compression: Compression) {
        expectMalformed([], compression.codec, "empty")
    }

    @Test("every truncation is refused", arguments: codecs)
    func truncations(compression: Compression) throws {
        let decompressor = Decompressor()
        for content in [Samples.zeros(0), Samples.text(3000), Samples.random(500), Samples.zeros(100_000)] {
            let stream = try Compressor().compress(content, compression)
            for count in 0..<stream.count {
                expectMalformed(
                    Array(stream.prefix(count)), compression.codec, using: decompressor, "\(count) of \(stream.count)")
            }
            #expect(try decompressor.decompress(stream, compression.codec) == content)
        }
    }

    @Test("every truncation of a frame without content size is refused")
    func truncationsWithoutSize() {
        var lz4 = HandmadeLZ4()
        lz4.raw(Samples.text(300))
        lz4.repeating(1, count: 60_000)
        var zstd = HandmadeZstd()
        zstd.raw(Samples.text(300))
        zstd.repeating(1, count: 60_000)
        for (frame, codec) in [(lz4.frame, CompressionCodec.lz4), (zstd.frame, .zstd)] {
            for count in 0..<frame.count { expectMalformed(Array(frame.prefix(count)), codec, "\(count) bytes") }
        }
    }

    @Test("no flipped bit does more than change the content", arguments: codecs)
    func flips(compression: Compression) throws {
        let decompressor = Decompressor()
        let content = Samples.text(1500)
        let stream = try Compressor().compress(content, compression)
        var refused = 0
        for bit in 0..<(stream.count * 8) {
            var damaged = stream
            damaged[bit / 8] ^= 1 << (bit % 8)
            do {
                let result = try decompressor.decompress(damaged, compression.codec)
                #expect(result.count <= decompressor.limits.allowedSize(compressed: stream.count), "bit \(bit)")
            } catch is CompressionError {
                refused += 1
            }
        }
        #expect(refused > stream.count / 4)
        #expect(try decompressor.decompress(stream, compression.codec) == content)
    }

    @Test("C14 garbage never does harm", arguments: codecs, [0xbad_5eed as UInt64])
    func garbage(compression: Compression, seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let decompressor = Decompressor()
        let stream = try Compressor().compress(Samples.text(2000), compression)
        for round in 0..<3000 {
            var bytes = Samples.random(Int.random(in: 0...300, using: &generator), seed: generator.next())
            switch round % 3 {
            case 0: break
            // With a true beginning the library looks further.
            case 1: bytes = stream.prefix(Int.random(in: 4...40, using: &generator)) + bytes
            default:
                let hole = Int.random(in: 0..<stream.count, using: &generator)
                bytes = stream.prefix(hole) + bytes + stream.dropFirst(hole + bytes.count)
            }
            let allowed = decompressor.limits.allowedSize(compressed: bytes.count)
            do {
                let result = try decompressor.decompress(bytes, compression.codec)
                #expect(result.count <= allowed, "seed \(seed), round \(round)")
            } catch is CompressionError {}
        }
        #expect(try decompressor.decompress(stream, compression.codec) == Samples.text(2000))
    }

    @Test("bytes behind the stream are refused", arguments: codecs)
    func trailing(compression: Compression) throws {
        let stream = try Compressor().compress(Samples.text(500), compression)
        let skippable: [UInt8] = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]
        for extra in [[0], [UInt8](stream), skippable, Samples.random(100)] {
            do {
                _ = try Decompressor().decompress(stream + extra, compression.codec)
                Issue.record("\(extra.count) bytes behind the stream were passed over")
            } catch {
                let reason = "\(extra.count) bytes follow the frame"
                #expect(error as? CompressionError == .malformed(compression.codec, reason: reason))
            }
        }
    }

    @Test("the stream of another codec is refused")
    func otherCodec() throws {
        expectMalformed(try Compressor().compress(Samples.text(500), .lz4()), .zstd, "lz4 as zstd")
        expectMalformed(try Compressor().compress(Samples.text(500), .zstd()), .lz4, "zstd as lz4")
    }

    @Test("C70 a content size that lies is refused", arguments: [0x7f as UInt64, 0x81, 0, 4 << 20])
    func lyingSize(declared: UInt64) {
        var lz4 = HandmadeLZ4(contentSize: declared)
        lz4.raw(Samples.text(0x80))
        var zstd = HandmadeZstd(contentSize: declared)
        zstd.raw(Samples.text(0x80))
        // An lz4 library takes the size 0 for a size that is not known.
        if declared > 0 { expectMalformed(lz4.frame, .lz4, "\(declared)") }
        expectMalformed(zstd.frame, .zstd, "\(declared)")
    }

    @Test("codecs to come are named", arguments: [CompressionCodec.gzip, .snappy])
    func unsupported(codec: CompressionCodec) {
        for bytes in [[], [1, 2, 3] as [UInt8]] {
            #expect(throws: CompressionError.unsupportedCodec(codec)) { try Decompressor().decompress(bytes, codec) }
        }
        let message = CompressionError.unsupportedCodec(codec).description
        #expect(message.contains(codec.description) && message.contains("none, lz4 and zstd"))
    }

    @Test("errors say what happened")
    func messages() {
        #expect(CompressionError.malformed(.lz4, reason: "odd").description == "The lz4 bytes are malformed: odd")
        #expect(CompressionError.library(.zstd, reason: "odd").description.contains("zstd library failed: odd"))
        let tooLarge = CompressionError.tooLarge(.zstd, compressed: 12, limit: 34).description
        #expect(tooLarge.contains("12 bytes of zstd") && tooLarge.contains("34 bytes"))
    }

    @Test("codecs have Kafka's numbers and names")
    func names() {
        #expect(CompressionCodec.allCases.map(\.rawValue) == [0, 1, 2, 3, 4])
        #expect(CompressionCodec.allCases.map(\.description) == ["none", "gzip", "snappy", "lz4", "zstd"])
        #expect(CompressionCodec(rawValue: 5) == nil)
        #expect([Compression.none, .lz4(), .zstd()].map(\.codec) == [.none, .lz4, .zstd])
        #expect(Compression.zstd(level: 7).description == "zstd")
    }
}
