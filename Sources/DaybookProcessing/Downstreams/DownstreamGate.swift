// Whether an attempt may begin now, by everything that limits its downstream: breaker, concurrency, rate, retry budget. Pure: the
// time is passed in, and whoever asks decides what to do with the answer.

internal import DaybookModel

/// The limits of one downstream at a moment.
struct DownstreamGate: Sendable {
    let downstream: Downstream
    private(set) var breaker: CircuitBreaker
    private(set) var underWay = 0
    private var rate: TokenBucket?
    private var retryBudget: TokenBucket

    init(_ downstream: Downstream) {
        self.downstream = downstream
        breaker = CircuitBreaker(downstream.breaker)
        rate = downstream.rate.map { TokenBucket(perSecond: $0, capacity: Double(downstream.burst)) }
        retryBudget = TokenBucket(perSecond: downstream.retryFloor, capacity: max(10, 10 * downstream.retryFloor))
    }

    enum Answer: Hashable {
        /// It has begun. `isTrial`: its end decides whether the breaker closes.
        case begun(isTrial: Bool)
        /// Not before that moment.
        case later(Timestamp)
        /// Not before an attempt under way has ended.
        case afterAnother
    }

    /// Begins an attempt if it may begin. Nothing changes otherwise, but for what time has brought.
    mutating func begin(isRetry: Bool, at now: Timestamp) -> Answer {
        guard underWay < downstream.concurrency else { return .afterAnother }
        if let next = breaker.nextAttempt(after: now) {
            return next.rawValue == .max ? .afterAnother : .later(next)
        }
        rate?.refill(at: now)
        retryBudget.refill(at: now)
        if let next = rate?.nextToken(after: now) { return .later(next) }
        if isRetry {
            if let next = retryBudget.nextToken(after: now) { return .later(next) }
            retryBudget.take()
        }
        rate?.take()
        underWay += 1
        return .begun(isTrial: breaker.begin())
    }

    /// An attempt has ended. `isFailure`: the downstream did not do what it is there for; an event that it refuses for good is no
    /// failure of the downstream.
    mutating func end(isFailure: Bool, wasTrial: Bool, at now: Timestamp) {
        underWay -= 1
        breaker.end(isFailure: isFailure, wasTrial: wasTrial, at: now)
        if !isFailure { retryBudget.add(downstream.retryRatio) }
    }
}
