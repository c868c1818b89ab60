// LZ4 and Zstandard frames put together byte by byte from their specifications, so that tests can say what no library
// would write: bombs, linked blocks, sizes that lie. Sources: "LZ4 Frame Format Description" 1.6.4, RFC 8878.

/// Writes LZ4 frames.
struct HandmadeLZ4 {
    var isIndependent = true
    var contentSize: UInt64?
    /// 4 is 64 KiB, 5 is 256 KiB, 6 is 1 MiB, 7 is 4 MiB.
    var blockCode: UInt8 = 4
    private(set) var blocks: [UInt8] = []

    /// A block as it is.
    mutating func raw(_ bytes: [UInt8]) {
        blocks += Self.little(UInt32(bytes.count) | 1 << 31) + bytes
    }

    /// A block of one literal, then `count` − 6 bytes copied from `distance` before, then five literals.
    mutating func copying(_ count: Int, distance: UInt16, literal: UInt8) {
        var block: [UInt8] = [1 << 4 | 15, literal, UInt8(distance & 255), UInt8(distance >> 8)]
        var rest = count - 6 - 4 - 15
        while rest >= 255 {
            block.append(255)
            rest -= 255
        }
        block.append(UInt8(rest))
        block += [5 << 4] + [UInt8](repeating: literal, count: 5)
        blocks += Self.little(UInt32(block.count)) + block
    }

    /// A block of `count` times the same byte.
    mutating func repeating(_ byte: UInt8, count: Int) { copying(count, distance: 1, literal: byte) }

    var frame: [UInt8] {
        var descriptor: [UInt8] = [1 << 6 | (isIndependent ? 1 << 5 : 0) | (contentSize == nil ? 0 : 1 << 3)]
        descriptor.append(blockCode << 4)
        if let contentSize { descriptor += Self.little(contentSize) }
        let check = UInt8(truncatingIfNeeded: Self.xxh32(descriptor) >> 8)
        return [0x04, 0x22, 0x4d, 0x18] + descriptor + [check] + blocks + [0, 0, 0, 0]
    }

    static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
    }

    /// xxHash, 32 bits, seed 0, for fewer than 16 bytes.
    static func xxh32(_ bytes: [UInt8]) -> UInt32 {
        let primes: [UInt32] = [2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393]
        func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
        var hash = primes[4] &+ UInt32(bytes.count)
        var index = 0
        while index + 4 <= bytes.count {
            let word = bytes[index..<index + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            hash = rotate(hash &+ word &* primes[2], 17) &* primes[3]
            index += 4
        }
        for byte in bytes[index...] { hash = rotate(hash &+ UInt32(byte) &* primes[4], 11) &* primes[0] }
        hash = (hash ^ hash >> 15) &* primes[1]
        hash = (hash ^ hash >> 13) &* primes[2]
        return hash ^ hash >> 16
    }
}

/// Writes Zstandard frames.
struct HandmadeZstd {
    var contentSize: UInt64?
    /// The window is 2 to this power; at least 10.
    var windowLog: UInt8 = 17
    private var blocks: [(kind: UInt32, size: Int, body: [UInt8])] = []

    init(contentSize: UInt64? = nil, windowLog: UInt8 = 17) {
        self.contentSize = contentSize
        self.windowLog = windowLog
    }

    /// A block as it is, 128 KiB at most.
    mutating func raw(_ bytes: [UInt8]) { blocks.append((0, bytes.count, bytes)) }

    /// A block of `count` times the same byte, 128 KiB at most: four bytes.
    mutating func repeating(_ byte: UInt8, count: Int) { blocks.append((1, count, [byte])) }

    var frame: [UInt8] {
        var bytes: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, contentSize == nil ? 0 : 3 << 6, (windowLog - 10) << 3]
        if let contentSize { bytes += HandmadeLZ4.little(contentSize) }
        for (index, block) in blocks.enumerated() {
            let isLast: UInt32 = index == blocks.count - 1 ? 1 : 0
            bytes += HandmadeLZ4.little(isLast | block.kind << 1 | UInt32(block.size) << 3).prefix(3) + block.body
        }
        return bytes
    }
}
