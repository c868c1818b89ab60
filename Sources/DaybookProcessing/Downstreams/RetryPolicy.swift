// When an attempt that failed is made again, and when no more. Values only: the moments come out of the seed and the numbers, so
// that a restart and a test see the same ones.

internal import DaybookModel

/// Retries with exponential delays and full jitter, limited in number and in time.
///
/// The delay before retry n (from 1) is drawn evenly from 0 to min(cap, base × multiplierⁿ⁻¹), as in "Exponential Backoff and
/// Jitter" (Brooker, 2015).
public struct RetryPolicy: Sendable, Hashable {
    /// The longest first delay.
    public var base: Duration
    /// The longest delay of all.
    public var cap: Duration
    /// By what each longest delay is multiplied to make the next; 1 or more.
    public var multiplier: Double
    /// Attempts in all, the first one included; 1 upwards.
    public var maximumAttempts: Int
    /// Beyond so much time spent in attempts and in delays nothing is tried again. Time in which the downstream's breaker is
    /// open, or in which an attempt waits for its turn, is not spent.
    public var maximumElapsed: Duration

    public init(
        base: Duration = .milliseconds(200), cap: Duration = .seconds(60), multiplier: Double = 2,
        maximumAttempts: Int = 10, maximumElapsed: Duration = .seconds(3600)
    ) {
        precondition(base >= .zero && cap >= base, "delays go from base to cap: \(base) to \(cap) is none")
        precondition(multiplier >= 1, "delays do not shrink: use a multiplier from 1 upwards, not \(multiplier)")
        precondition(
            maximumAttempts >= 1, "an event is tried once at least: use 1 or more attempts, not \(maximumAttempts)")
        self.base = base
        self.cap = cap
        self.multiplier = multiplier
        self.maximumAttempts = maximumAttempts
        self.maximumElapsed = maximumElapsed
    }

    /// Milliseconds before retry `number`, from 1 upwards. `seed` should be another one for each event.
    func delay(before number: Int, seed: UInt64) -> Int64 {
        let longest = longestDelay(before: number)
        let raw = SeedMixing.mix(seed &+ UInt64(truncatingIfNeeded: number) &* 0x9e37_79b9_7f4a_7c15)
        return Int64((UInt64(longest) + 1).multipliedFullWidth(by: raw).high)
    }

    /// Milliseconds.
    func longestDelay(before number: Int) -> Int64 {
        let capMilliseconds = cap.wholeMilliseconds
        var longest = Double(base.wholeMilliseconds)
        for _ in 1..<max(1, min(number, 1000)) {
            longest *= multiplier
            if longest >= Double(capMilliseconds) { return capMilliseconds }
        }
        return min(capMilliseconds, Int64(longest))
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): neighbouring seeds give unrelated numbers.
enum SeedMixing {
    static func mix(_ seed: UInt64) -> UInt64 {
        var z = (seed ^ (seed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension Duration {
    /// Whole milliseconds, rounded down. Beyond 17,000 years they stay there, so that a moment so much later, and the sum of a
    /// few, can still be written into a journal.
    var wholeMilliseconds: Int64 {
        let longest: Int64 = 1 << 49
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow || product.magnitude >= longest { return seconds > 0 ? longest : -longest }
        return product + attoseconds / 1_000_000_000_000_000
    }
}
