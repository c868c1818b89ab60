// The values behind the handlers of swift-metrics: a counter, a gauge, a histogram. Each may be told of something on any
// thread; a reader gets a value that was true at one moment, per metric, not across them.

internal import Metrics
internal import Synchronization

/// A value that can be written down.
protocol PrometheusMetric: AnyObject, Sendable {
    /// Adds this metric's lines.
    func write(_ name: String, _ labels: PrometheusLabels, to text: inout PrometheusText)
}

/// A sum that only grows, until it is reset.
final class PrometheusCounter: PrometheusMetric, CounterHandler, FloatingPointCounterHandler {
    private let whole = Atomic<Int64>(0)
    private let fractional = Mutex<Double>(0)

    func increment(by amount: Int64) {
        // A sum that no longer fits must not take the process with it; Prometheus takes a smaller value for a restart.
        if amount > 0 { whole.wrappingAdd(amount, ordering: .relaxed) }
    }

    func increment(by amount: Double) {
        if amount > 0, amount.isFinite { fractional.withLock { $0 += amount } }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        fractional.withLock { $0 = 0 }
    }

    func write(_ name: String, _ labels: PrometheusLabels, to text: inout PrometheusText) {
        let fraction = fractional.withLock { $0 }
        let count = whole.load(ordering: .relaxed)
        text.append(name, labels, fraction == 0 ? "\(count)" : PrometheusText.number(Double(count) + fraction))
    }
}

/// A value that rises and falls.
final class PrometheusGauge: PrometheusMetric, MeterHandler, RecorderHandler {
    private let value = Mutex<Double>(0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    func write(_ name: String, _ labels: PrometheusLabels, to text: inout PrometheusText) {
        text.append(name, labels, PrometheusText.number(value.withLock { $0 }))
    }
}

/// How many values lie below each of some bounds, their number and their sum.
final class PrometheusHistogram: PrometheusMetric, TimerHandler, RecorderHandler {
    private struct State {
        var counts: [UInt64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(_ buckets: PrometheusBuckets) {
        bounds = buckets.bounds
        state = Mutex(State(counts: [UInt64](repeating: 0, count: buckets.bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    /// What is no number is not counted: it would make the sum one for ever.
    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let place = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[place] += 1
            state.sum += value
        }
    }

    func write(_ name: String, _ labels: PrometheusLabels, to text: inout PrometheusText) {
        let state = state.withLock { $0 }
        var count: UInt64 = 0
        for (bound, inBucket) in zip(bounds, state.counts) {
            count += inBucket
            text.append(name + "_bucket", labels, "\(count)", bound: PrometheusText.number(bound))
        }
        count += state.counts[bounds.count]
        text.append(name + "_bucket", labels, "\(count)", bound: "+Inf")
        text.append(name + "_sum", labels, PrometheusText.number(state.sum))
        text.append(name + "_count", labels, "\(count)")
    }
}

/// The upper bounds of a histogram's buckets.
public struct PrometheusBuckets: Sendable, Hashable {
    /// Rising; the bucket for everything above the last is added by itself.
    public let bounds: [Double]

    /// `bounds`: finite and rising, at least one.
    public init(_ bounds: [Double]) {
        precondition(
            !bounds.isEmpty && bounds.allSatisfy(\.isFinite) && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 },
            "the bounds of buckets are finite and rise")
        self.bounds = bounds
    }

    /// Seconds, from what an append to the page cache takes (50 µs) to what nobody should have to wait for (a minute).
    public static let latency = PrometheusBuckets([
        0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
        60,
    ])
}
