// How many system calls a file system made and how many bytes they moved. Read by benchmarks and statistics.
// Only `PosixFileSystem` counts: a simulated disk has a trace of its own.

internal import Synchronization

/// A count that many threads raise. Relaxed: it orders nothing and may be read at any time.
package struct Counter: ~Copyable, Sendable {
    private let value = Atomic<Int>(0)
    package init() {}
    /// Raises the count. O(1).
    package func add(_ amount: Int) { value.wrappingAdd(amount, ordering: .relaxed) }
    package var current: Int { value.load(ordering: .relaxed) }
}

/// The counters of one file system, from its creation.
package final class IOCounters: Sendable {
    package let opens = Counter()
    package let reads = Counter()
    package let writes = Counter()
    package let flushes = Counter()
    /// Every other call: status, list, rename, remove, truncate, close.
    package let others = Counter()
    package let bytesRead = Counter()
    package let bytesWritten = Counter()

    package init() {}
}
