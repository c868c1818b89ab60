// A clock that stands still until the test moves it: time-driven behaviour without waiting.
// Waiting follows it only where a test also runs the engine's threads itself.

public import Daybook
public import DaybookModel
internal import Synchronization

/// A clock in the test's hand. Thread-safe.
///
/// Its time of day may be set to any moment, forwards and backwards, as when somebody sets a machine's clock. `advance` is
/// time that passes.
public final class ManualClock: TimeSource {
    private struct State {
        var now: Timestamp
        var elapsed = Duration.zero
    }
    private let state: Mutex<State>

    /// Starts at `start`: by default 2026-01-01T00:00:00Z.
    public init(_ start: Timestamp = Timestamp(milliseconds: 1_767_225_600_000)) { state = Mutex(State(now: start)) }

    /// The time of day.
    public func now() -> Timestamp { state.withLock { $0.now } }

    /// How much time has passed since the clock was made: what `advance` has added up to.
    public func elapsed() -> Duration { state.withLock { $0.elapsed } }

    /// Jumps to `moment`, which may lie in the past; no time passes.
    public func set(to moment: Timestamp) { state.withLock { $0.now = moment } }

    /// Moves on by `duration`, which passes; or jumps back when it is negative. Returns the new time of day, in which
    /// fractions of a millisecond are lost.
    @discardableResult
    public func advance(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        return state.withLock { state in
            state.now = state.now.advanced(byMilliseconds: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
            state.elapsed += max(.zero, duration)
            return state.now
        }
    }
}
