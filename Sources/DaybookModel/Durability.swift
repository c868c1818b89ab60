// The three promises an append can ask for, weakest to strongest. What each survives is the durability contract;
// keeping the promise is the partition's work in the engine.

/// What is promised when an append is acknowledged.
public enum Durability: String, Hashable, Comparable, Sendable, CaseIterable {
    /// The record is in the producer's memory. Survives nothing; for measurements and replayable sources.
    case buffered
    /// The write call returned: the bytes are in the operating system's page cache. Survives the process being killed.
    case osCache
    /// The bytes, and the folder entries that lead to them, were flushed. Survives power loss.
    case durable

    private var strength: Int {
        switch self {
        case .buffered: 0
        case .osCache: 1
        case .durable: 2
        }
    }

    public static func < (a: Durability, b: Durability) -> Bool { a.strength < b.strength }
}
