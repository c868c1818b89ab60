// A circuit breaker: after some failures in a row nobody calls for a while, and then one tries. Pure: the time is passed in.
// What else limits a downstream, and who asks, is in `DownstreamGate`.

public import DaybookModel

/// When a breaker opens, and for how long.
public struct BreakerPolicy: Sendable, Hashable {
    /// So many failures in a row open it.
    public var threshold: Int
    /// So long it stays open before one attempt is let through to see whether the downstream answers again.
    public var openDuration: Duration

    public init(threshold: Int = 5, openDuration: Duration = .seconds(5)) {
        precondition(threshold >= 1, "a breaker opens at a failure: use a threshold from 1 upwards, not \(threshold)")
        self.threshold = threshold
        self.openDuration = openDuration
    }
}

/// Whether a downstream is called.
public enum BreakerState: Hashable, Sendable {
    case closed
    /// Nobody calls until then.
    case open(until: Timestamp)
    /// One attempt is under way whose end decides.
    case halfOpen
}

/// The breaker of one downstream. Starts closed, as does that of a process that starts again: what it knows is not worth a
/// record, it is found out with a few calls.
struct CircuitBreaker: Sendable {
    let policy: BreakerPolicy
    private(set) var state = BreakerState.closed
    private var failures = 0

    init(_ policy: BreakerPolicy) { self.policy = policy }

    /// When the next attempt may begin: nil for now, `.max` for not before the attempt under way has ended.
    func nextAttempt(after now: Timestamp) -> Timestamp? {
        switch state {
        case .closed: nil
        case .open(let end): end > now ? end : nil
        case .halfOpen: Timestamp(milliseconds: .max)
        }
    }

    /// An attempt begins that `nextAttempt` allowed; true when it is the one that decides.
    mutating func begin() -> Bool {
        guard case .open = state else { return false }
        state = .halfOpen
        return true
    }

    /// An attempt has ended; `wasTrial` is what `begin` said. Of those that began before the breaker opened, only a failure while
    /// it is closed counts: the trial alone closes it again.
    mutating func end(isFailure: Bool, wasTrial: Bool, at now: Timestamp) {
        if wasTrial {
            failures = 0
            state =
                isFailure ? .open(until: now.advanced(byMilliseconds: policy.openDuration.wholeMilliseconds)) : .closed
            return
        }
        guard state == .closed else { return }
        failures = isFailure ? failures + 1 : 0
        guard failures >= policy.threshold else { return }
        failures = 0
        state = .open(until: now.advanced(byMilliseconds: policy.openDuration.wholeMilliseconds))
    }
}
