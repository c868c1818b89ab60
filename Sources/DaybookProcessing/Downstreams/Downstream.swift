// An outside system as its handlers see it: its name, how much it may be called, and what is done when it fails. What the
// numbers come to at a moment is `DownstreamGate`.

/// An outside system.
///
/// All handlers of a processor that name the same downstream share its limits.
public struct Downstream: Sendable, Hashable {
    /// Names it in journals and metrics: `accounting`.
    public var name: String
    /// Attempts under way at once, at most.
    public var concurrency: Int
    /// Attempts that begin in a second, at most; nil for no limit.
    public var rate: Double?
    /// Attempts that may begin at once where there is a rate.
    public var burst: Int
    public var breaker: BreakerPolicy
    public var retries: RetryPolicy
    /// Retries in the long run for each success, on top of `retryFloor` a second: a budget that all handlers share, so that a
    /// downstream in trouble is not called more often than one that is well. A retry beyond it waits.
    public var retryRatio: Double
    /// Retries a second that are always allowed.
    public var retryFloor: Double
    /// An attempt that takes longer is cancelled, and its outcome is unknown.
    public var timeout: Duration

    public init(
        _ name: String, concurrency: Int = 64, rate: Double? = nil, burst: Int = 1,
        breaker: BreakerPolicy = BreakerPolicy(), retries: RetryPolicy = RetryPolicy(), retryRatio: Double = 0.2,
        retryFloor: Double = 10, timeout: Duration = .seconds(30)
    ) {
        precondition(!name.isEmpty, "a downstream needs a name")
        precondition(
            concurrency >= 1, "at least one attempt must be possible at once: use 1 or more, not \(concurrency)")
        precondition(rate.map { $0 > 0 } ?? true, "a rate of 0 would call nobody; use more, or nil for no limit")
        precondition(
            burst >= 1 && retryRatio >= 0 && retryFloor > 0, "burst, retryRatio and retryFloor allow too little")
        precondition(timeout > .zero, "a timeout of \(timeout) gives no attempt a chance")
        self.name = name
        self.concurrency = concurrency
        self.rate = rate
        self.burst = burst
        self.breaker = breaker
        self.retries = retries
        self.retryRatio = retryRatio
        self.retryFloor = retryFloor
        self.timeout = timeout
    }
}
