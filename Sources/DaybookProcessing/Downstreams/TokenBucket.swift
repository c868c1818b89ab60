// A token bucket: so much may happen at once, and so much in the long run. Pure: the time is passed in.
// Rates and retry budgets are made of it.

internal import DaybookModel

/// Tokens that come back with time, up to a capacity. Full at first.
struct TokenBucket: Sendable {
    private let perMillisecond: Double
    private let capacity: Double
    private var tokens: Double
    private var updated: Timestamp?

    /// `perSecond` tokens come back each second; more than 0.
    init(perSecond: Double, capacity: Double) {
        perMillisecond = perSecond / 1000
        self.capacity = capacity
        tokens = capacity
    }

    /// Brings back what time has brought. A time before the last one brings nothing.
    mutating func refill(at now: Timestamp) {
        guard let last = updated else {
            updated = now
            return
        }
        guard now > last else { return }
        tokens = min(capacity, tokens + Double(last.milliseconds(until: now)) * perMillisecond)
        updated = now
    }

    /// Adds tokens from elsewhere.
    mutating func add(_ amount: Double) { tokens = min(capacity, tokens + amount) }

    /// When there is a token: nil for now, after `refill(at: now)`.
    func nextToken(after now: Timestamp) -> Timestamp? {
        // What is added in small parts does not quite add up to one.
        if tokens >= 1 - 1e-9 { return nil }
        return now.advanced(byMilliseconds: max(1, Int64(min(1e14, ((1 - tokens) / perMillisecond).rounded(.up)))))
    }

    /// Takes a token that is there.
    mutating func take() { tokens = max(0, tokens - 1) }
}
