// How the latest events of a group ended, for a group to be stopped by the share of dead letters among them. Folded from the journal,
// so that a restart forgets nothing.

/// Whether the latest events died, up to 1,024 of them. Adding one is O(1), counting O(16).
struct OutcomeWindow: Sendable, Equatable {
    static let capacity = 1024

    /// One bit each, set for a dead letter; as a ring.
    private(set) var words = [UInt64](repeating: 0, count: capacity / 64)
    /// So many outcomes there have been, as far as it matters.
    private(set) var count = 0
    /// Where the next one goes.
    private(set) var next = 0

    init() {}

    /// Nil where there could be no such window.
    init?(words: [UInt64], count: Int, next: Int) {
        guard words.count == Self.capacity / 64, (0...Self.capacity).contains(count), (0..<Self.capacity).contains(next)
        else { return nil }
        (self.words, self.count, self.next) = (words, count, next)
    }

    mutating func add(isDead: Bool) {
        let bit = UInt64(1) << UInt64(next % 64)
        if isDead { words[next / 64] |= bit } else { words[next / 64] &= ~bit }
        next = (next + 1) % Self.capacity
        count = min(Self.capacity, count + 1)
    }

    /// Dead letters among the latest `number`; nil where there were not so many outcomes yet.
    func deadCount(ofLatest number: Int) -> Int? {
        guard number <= count else { return nil }
        var dead = 0
        var (index, left) = (next, number)
        while left > 0 {
            // Backwards, up to the beginning of a word.
            let end = index == 0 ? Self.capacity : index
            let bits = min(left, (end - 1) % 64 + 1)
            let shift = (end - 1) % 64 + 1 - bits
            let mask = bits == 64 ? ~0 : (UInt64(1) << UInt64(bits)) - 1
            dead += ((words[(end - 1) / 64] >> UInt64(shift)) & mask).nonzeroBitCount
            (index, left) = (end - bits, left - bits)
        }
        return dead
    }
}
