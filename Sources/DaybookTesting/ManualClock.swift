// A clock that stands still until the test moves it: time-driven behaviour without waiting.
// Waiting does not follow it: only what the log writes down as the time does.

public import Daybook
public import DaybookModel
internal import Synchronization

/// A wall clock in the test's hand. May be set to any moment, forwards and backwards. Thread-safe.
public final class ManualClock: WallClock {
    private let time: Mutex<Timestamp>

    /// Starts at `start`: by default 2026-01-01T00:00:00Z.
    public init(_ start: Timestamp = Timestamp(milliseconds: 1_767_225_600_000)) { time = Mutex(start) }

    /// The moment that was set last.
    public func now() -> Timestamp { time.withLock { $0 } }

    /// Jumps to `moment`, which may lie in the past.
    public func set(to moment: Timestamp) { time.withLock { $0 = moment } }

    /// Moves on by `duration`, or back when it is negative; returns the new time. Fractions of a millisecond are lost.
    @discardableResult
    public func advance(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        return time.withLock { time in
            time = time.advanced(byMilliseconds: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
            return time
        }
    }
}
