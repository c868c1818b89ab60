// The time that age is judged by. A clock that jumps forward must not delete anything: old is what has grown old while
// somebody could watch.

internal import DaybookModel
internal import Synchronization

/// A time of day that goes no faster than time does.
final class TrustedTime: Sendable {
    private let clock: any TimeSource
    private let anchor: Mutex<Anchor>

    private struct Anchor {
        var time: Timestamp
        var elapsed: Duration
    }

    /// A clock may gain a thousandth, and be corrected by a second, without being doubted.
    private static var slack: Duration { .seconds(1) }

    /// Begins now. A log that holds records younger than the clock says knows better.
    init(_ clock: any TimeSource, notBefore youngest: Timestamp) {
        self.clock = clock
        anchor = Mutex(Anchor(time: max(clock.now(), youngest), elapsed: clock.elapsed()))
    }

    /// The time of day, or less where that has run ahead of the time that has passed.
    var now: Timestamp { min(clock.now(), bound) }

    /// How far the clock is ahead of what can be trusted; nil when it is not.
    var jump: Duration? {
        let ahead = bound.milliseconds(until: clock.now())
        return ahead > 0 ? .milliseconds(ahead) : nil
    }

    /// How long this has been watching.
    var watched: Duration { clock.elapsed() - anchor.withLock { $0.elapsed } }

    /// Takes the clock at its word from here on: somebody has looked at it.
    func accept() {
        anchor.withLock { $0 = Anchor(time: clock.now(), elapsed: clock.elapsed()) }
    }

    private var bound: Timestamp {
        let anchor = anchor.withLock { $0 }
        let passed = (clock.elapsed() - anchor.elapsed) * 1.001 + Self.slack
        return anchor.time.advanced(byMilliseconds: passed.milliseconds)
    }
}
