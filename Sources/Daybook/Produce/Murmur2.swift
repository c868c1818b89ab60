// Kafka's hash for keys, so that a key goes to the same partition here as with Kafka's own clients.
// Not for anything else: it is no hash to defend a table with.

/// MurmurHash2 as Kafka's clients compute it, with their seed.
///
/// Source: `org.apache.kafka.common.utils.Utils.murmur2`.
enum Murmur2 {
    /// The hash of `bytes`; Kafka's clients take `& 0x7fffffff` of it, modulo the number of partitions.
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let m: UInt32 = 0x5bd1_e995
        var h: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
        let whole = bytes.count & ~3
        for offset in stride(from: 0, to: whole, by: 4) {
            var k = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            k = k &* m
            k ^= k >> 24
            h = (h &* m) ^ (k &* m)
        }
        let rest = bytes.count - whole
        if rest > 0 {
            for index in 0..<rest { h ^= UInt32(bytes[whole + index]) << UInt32(8 * index) }
            h = h &* m
        }
        h ^= h >> 13
        h = h &* m
        return h ^ (h >> 15)
    }
}
