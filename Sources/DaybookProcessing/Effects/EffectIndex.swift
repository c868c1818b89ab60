// Which effects have happened lately, for duplicates and conflicts to be seen. Folded from the journal and the log.
// What is decided by it is decided in `GroupMachine`.

internal import DaybookModel

/// The latest effects that have happened, up to a number: the oldest is forgotten first. All operations O(1).
struct EffectIndex: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        let digest: PayloadDigest
        /// The event that had the effect.
        let place: Place
    }

    let capacity: Int
    private var entries: [EffectID: Entry] = [:]
    /// In the order in which they came, as a ring once it is full; `head` is the oldest.
    private var order: [EffectID] = []
    private var head = 0

    init(capacity: Int) { self.capacity = capacity }

    /// Room for so many, so that they come in faster.
    mutating func reserve(_ count: Int) {
        entries.reserveCapacity(min(count, capacity))
        order.reserveCapacity(min(count, capacity))
    }

    var count: Int { entries.count }

    subscript(_ effect: EffectID) -> Entry? { entries[effect] }

    /// Remembers an effect. One that is known is kept as it is: what happened first counts.
    mutating func insert(_ effect: EffectID, _ entry: Entry) {
        if let first = entries.updateValue(entry, forKey: effect) {
            entries[effect] = first
            return
        }
        guard order.count == capacity else { return order.append(effect) }
        entries[order[head]] = nil
        order[head] = effect
        head = (head + 1) % capacity
    }

    /// The effects with their entries, the oldest first.
    var inOrder: [(EffectID, Entry)] {
        (order[head...] + order[..<head]).compactMap { effect in entries[effect].map { (effect, $0) } }
    }
}
