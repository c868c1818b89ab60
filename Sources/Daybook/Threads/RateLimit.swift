// How maintenance leaves the disk to ingestion: work that moves many bytes asks here before each piece, and sleeps when it has
// had its share. For backup, compaction and scrub; nobody on the way of a record comes by.

internal import DaybookModel
internal import Synchronization

/// At most so many bytes in a second, over all who ask. Thread-safe.
///
/// A token bucket: what was not used is saved up for a quarter of a second, not longer. Whoever takes more than there is
/// goes ahead, and the next one waits until it is paid for; so pieces should be small, a mebibyte at most.
final class RateLimit: Sendable {
    /// Nil: no limit.
    let bytesPerSecond: Int?
    private let clock: any TimeSource
    private let mayBlock: Bool
    private let monitor = Monitor()
    /// When all that has been taken will be paid for, on the clock that never jumps.
    private let paidUntil: Mutex<Duration>
    private let isStopped = Atomic<Bool>(false)
    /// Raised to wake everybody once.
    private let wakings = Atomic<Int>(0)

    private static var savings: Duration { .milliseconds(250) }

    /// `mayBlock` false, where an executor runs the engine's jobs: everything is counted and nobody ever sleeps.
    init(_ bytesPerSecond: ByteCount?, clock: any TimeSource, mayBlock: Bool = true) {
        self.bytesPerSecond = bytesPerSecond?.rawValue
        self.clock = clock
        self.mayBlock = mayBlock
        paidUntil = Mutex(clock.elapsed())
    }

    /// As a configuration has it: by its clock, and asleep only on threads of the engine's own.
    convenience init(_ bytesPerSecond: ByteCount?, _ configuration: Configuration) {
        self.init(bytesPerSecond, clock: configuration.clock, mayBlock: configuration.executor == nil)
    }

    /// Takes leave to move `bytes`; sleeps first where others, or this caller before, have used up the share. For threads
    /// of the engine's own. Returns at once when the limit has been stopped.
    func take(_ bytes: Int) {
        let wait = reserve(bytes)
        guard mayBlock, wait > .zero else { return }
        let end = ContinuousClock.now + wait
        let before = wakings.load(ordering: .relaxed)
        monitor.withLock {
            while !isStopped.load(ordering: .relaxed), wakings.load(ordering: .relaxed) == before {
                let left = ContinuousClock.now.duration(to: end)
                if left <= .zero { return }
                let (seconds, attoseconds) = left.components
                monitor.wait(nanoseconds: min(seconds, 3600) * 1_000_000_000 + attoseconds / 1_000_000_000 + 1)
            }
        }
    }

    /// Takes leave to move `bytes` and says how long to wait before doing so; for callers that must not sleep. O(1).
    func reserve(_ bytes: Int) -> Duration {
        guard let bytesPerSecond, bytesPerSecond > 0, bytes > 0 else { return .zero }
        let now = clock.elapsed()
        return paidUntil.withLock { paidUntil in
            let wait = max(.zero, paidUntil - now)
            paidUntil = max(paidUntil, now - Self.savings) + .seconds(Double(bytes) / Double(bytesPerSecond))
            return wait
        }
    }

    /// Wakes whoever sleeps, once: somebody's work has been cancelled.
    func wake() {
        monitor.withLock {
            wakings.wrappingAdd(1, ordering: .relaxed)
            monitor.wakeAll()
        }
    }

    /// Wakes whoever sleeps; from now on nobody does. For work that has been cancelled and for closing.
    func stop() {
        monitor.withLock {
            isStopped.store(true, ordering: .relaxed)
            monitor.wakeAll()
        }
    }
}
