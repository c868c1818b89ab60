// What tells effects apart: the key that a user chooses for each, 128 bits of which are kept, and a digest of the payload that
// tells a duplicate from a conflict.

/// An effect's key as it is kept: two hashes of its text. Two texts among a billion meet in one with a probability below 10⁻²⁰.
struct EffectID: Hashable, Sendable {
    var high: UInt64
    var low: UInt64

    /// The id of the effect with that key.
    init(_ key: String) {
        var key = key
        (high, low) = key.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            return (XXH64.hash(bytes, seed: 0), XXH64.hash(bytes, seed: 0x6461_7962_6f6f_6b31))
        }
    }

    /// It is a hash already.
    func hash(into hasher: inout Hasher) { hasher.combine(low) }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// 64 bits of hash of an event's body: what the same event looks like when it comes again.
struct PayloadDigest: RawRepresentable, Hashable, Sendable {
    var rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The digest of a body; none has another digest than an empty one.
    init(_ body: [UInt8]?) {
        rawValue = body.map { XXH64.hash($0, seed: 1) } ?? 0
    }
}

extension Event {
    /// The key of the event's effect where a processor is told no other: it is the event's own name, so the same event has its
    /// effect once.
    public var defaultEffectKey: String { source + "|" + id }
}
