// What is compressed comes back equal: every codec, every kind of level, every kind of input,
// with contexts that are used again.

import DaybookCompression
import Testing

@Suite("Compression there and back")
struct RoundTripTests {
    private static let lz4Levels: [Int32] = [-65537, -1000, -1, 0, 1, 2, 3, 4, 9, 10, 12]
    private static let zstdLevels: [Int32] = [-131072, -50, -7, -1, 0, 1, 2, 3, 6, 9, 13, 16, 19, 22]
    static let everyLevel: [Compression] =
        [.none] + lz4Levels.map { .lz4(level: $0) } + zstdLevels.map { .zstd(level: $0) }

    @Test("every level", arguments: everyLevel)
    func levels(compression: Compression) throws {
        let compressor = Compressor()
        let decompressor = Decompressor()
        let inputs = [
            Samples.zeros(0), Samples.zeros(1), Samples.random(15), Samples.zeros(5000), Samples.text(70_000),
            Samples.random(66_000),
        ]
        for input in inputs {
            let compressed = try compressor.compress(input, compression)
            #expect(compressed.count <= Compressor.bound(input.count, compression))
            #expect(try decompressor.decompress(compressed, compression.codec) == input, "\(input.count) bytes")
        }
    }

    @Test("levels beyond the last do as the last does", arguments: [Compression.lz4(level: 99), .zstd(level: 99)])
    func levelsBeyond(compression: Compression) throws {
        let input = Samples.text(20_000)
        let compressed = try Compressor().compress(input, compression)
        #expect(try Decompressor().decompress(compressed, compression.codec) == input)
    }

    @Test("sizes around the sizes of blocks", arguments: [Compression.none, .lz4(), .lz4(level: 9), .zstd()])
    func sizes(compression: Compression) throws {
        let compressor = Compressor()
        let decompressor = Decompressor()
        let largest = Samples.text((4 << 20) + 1)
        for boundary in [64 << 10, 128 << 10, 256 << 10, 1 << 20, 4 << 20] {
            for count in [boundary - 1, boundary, boundary + 1] {
                let input = Array(largest.prefix(count))
                let compressed = try compressor.compress(input, compression)
                #expect(try decompressor.decompress(compressed, compression.codec) == input, "\(count) bytes")
            }
        }
    }

    @Test("random bytes do not grow beyond the bound", arguments: [Compression.lz4(), .zstd()])
    func incompressible(compression: Compression) throws {
        for count in [1, 100, 4096, 65536, 300_000, 5 << 20] {
            let input = Samples.random(count, seed: UInt64(count))
            let compressed = try Compressor().compress(input, compression)
            #expect(compressed.count > input.count && compressed.count <= Compressor.bound(count, compression))
            #expect(try Decompressor().decompress(compressed, compression.codec) == input, "seed \(count)")
        }
    }

    @Test("text becomes smaller and a higher level does not make it larger")
    func shrinks() throws {
        let input = Samples.text(200_000)
        let compressor = Compressor()
        let fast = try compressor.compress(input, .zstd(level: 1)).count
        let slow = try compressor.compress(input, .zstd(level: 19)).count
        #expect(fast < input.count / 3 && slow < fast)
        let lz4 = try compressor.compress(input, .lz4()).count
        #expect(lz4 < input.count / 2)
        #expect(try compressor.compress(input, .lz4(level: 12)).count < lz4)
    }

    @Test("contexts are used again, whatever came before", arguments: [0x5eed_0001 as UInt64])
    func reuse(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let compressor = Compressor()
        let decompressor = Decompressor()
        let text = Samples.text(300_000)
        for round in 0..<300 {
            let compression: Compression = [.none, .lz4(), .lz4(level: 3), .zstd(), .zstd(level: 5)][round % 5]
            let input = Array(text.prefix(Int.random(in: 0...(round % 10 == 0 ? text.count : 3000), using: &generator)))
            let compressed = try compressor.compress(input, compression)
            #expect(try decompressor.decompress(compressed, compression.codec) == input, "seed \(seed), round \(round)")
            if round % 7 == 0 {
                #expect(throws: CompressionError.self) { try decompressor.decompress([1, 2, 3], .zstd) }
                #expect(throws: CompressionError.self) { try decompressor.decompress([1, 2, 3], .lz4) }
            }
        }
    }

    @Test("without room the library refuses and the compressor stays usable", arguments: [Compression.lz4(), .zstd()])
    func noRoom(compression: Compression) throws {
        let compressor = Compressor()
        let input = Samples.random(1000)
        var room = Samples.zeros(20)
        do {
            let count = try room.withUnsafeMutableBytes { destination in
                try input.withUnsafeBytes { try compressor.compress($0, into: destination, compression) }
            }
            Issue.record("\(count) bytes were written into 20")
        } catch let error as CompressionError {
            guard case .library(compression.codec, _) = error else {
                Issue.record("\(error)")
                return
            }
        }
        let compressed = try compressor.compress(input, compression)
        #expect(try Decompressor().decompress(compressed, compression.codec) == input)
    }

    @Test("what is not compressed is handed back where it lies")
    func none() throws {
        let input = Samples.text(100)
        try input.withUnsafeBytes { bytes in
            let result = try Decompressor().decompress(bytes, .none)
            #expect(result.baseAddress == bytes.baseAddress && result.count == bytes.count)
        }
    }
}
