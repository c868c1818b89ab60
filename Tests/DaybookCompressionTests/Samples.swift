// Bytes to compress: patterned, random, empty. All of them are the same in every run.
// The generator is SplitMix64, as in DaybookTesting, which is too far above this layer to be used here.

import DaybookCompression

struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

enum Samples {
    /// Bytes without a pattern.
    static func random(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var generator = SplitMix64(seed: seed)
        var words: [UInt64] = []
        words.reserveCapacity(count / 8 + 1)
        for _ in 0...(count / 8) { words.append(generator.next()) }
        return words.withUnsafeBytes { [UInt8]($0.prefix(count)) }
    }

    /// What a log holds: lines that look alike and are not the same.
    static func text(_ count: Int) -> [UInt8] {
        var generator = SplitMix64(seed: 7)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 100)
        while bytes.count < count {
            let line =
                "{\"order\":\(generator.next() % 100_000),\"customer\":\(generator.next() % 50),\"state\":\"open\"}\n"
            bytes += line.utf8
        }
        return Array(bytes.prefix(count))
    }

    static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

extension Compressor {
    /// The compressed bytes as an array, made in a buffer of exactly the size that `bound` says.
    func compress(_ bytes: [UInt8], _ compression: Compression) throws -> [UInt8] {
        let bound = Compressor.bound(bytes.count, compression)
        return try [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let destination = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: bound)
            count = try bytes.withUnsafeBytes { try compress($0, into: destination, compression) }
        }
    }
}

extension Decompressor {
    /// The content as an array.
    func decompress(_ bytes: [UInt8], _ codec: CompressionCodec) throws -> [UInt8] {
        try bytes.withUnsafeBytes { [UInt8](try decompress($0, codec)) }
    }
}
