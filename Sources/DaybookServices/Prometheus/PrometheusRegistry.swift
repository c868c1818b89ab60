// A backend of swift-metrics that keeps what it is told and writes it down as Prometheus reads it. It knows no web server:
// whoever serves the text asks `exposition()` for it.

public import Metrics
internal import Synchronization

/// Everything that the process has counted and measured, for a Prometheus server to fetch.
///
/// Bootstrap it (`MetricsSystem.bootstrap(registry)`), or give it to whatever takes a factory. Names and labels that
/// Prometheus would refuse are written with underscores. A counter is a counter, a meter or a recorder without aggregation a
/// gauge, a timer or a recorder with aggregation a histogram; timers count in seconds. Where a name is taken by another kind
/// of metric already, the kind is added to it, so that neither is lost.
///
/// To count takes no lock shared with other metrics; to make a handler takes a look-up under a lock, so keep handlers.
public final class PrometheusRegistry: MetricsFactory {
    private let families = Mutex<[String: PrometheusFamily]>([:])
    private let help: [String: String]
    private let buckets: PrometheusBuckets

    /// `help`: what is said of a metric, by its name; what it does not name is described in a general way. Those of Daybook
    /// are known. `buckets`: the upper bounds of histograms, in seconds or whatever is recorded; they must rise.
    public init(help: [String: String] = [:], buckets: PrometheusBuckets = .latency) {
        self.help = PrometheusHelp.daybook.merging(help) { _, given in given }
        self.buckets = buckets
    }

    /// All metrics in Prometheus' text format 0.0.4, to be served as ``contentType``. Sorted by name and labels, so that the
    /// same state is the same text. O(metrics), plus sorting them.
    public func exposition() -> String {
        let families = families.withLock { $0.values.sorted { $0.name < $1.name } }
        var text = PrometheusText()
        for family in families { text.append(family, help: help[family.name]) }
        return text.string
    }

    /// The media type of ``exposition()``.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The names of Daybook's own metrics: those that dashboards and alert rules may ask for.
    public static var describedMetrics: [String] { PrometheusHelp.daybook.keys.sorted() }

    // MARK: MetricsFactory

    /// A counter.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        metric(label, dimensions, .counter) { PrometheusCounter() }
    }

    /// A counter; whole and fractional sums of one name add up.
    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        metric(label, dimensions, .counter) { PrometheusCounter() }
    }

    /// A gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        metric(label, dimensions, .gauge) { PrometheusGauge() }
    }

    /// A histogram with aggregation, else a gauge.
    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return metric(label, dimensions, .gauge) { PrometheusGauge() } }
        return metric(label, dimensions, .histogram) { PrometheusHistogram(buckets) }
    }

    /// A histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        metric(label, dimensions, .histogram) { PrometheusHistogram(buckets) }
    }

    /// No longer writes the counter.
    public func destroyCounter(_ handler: any CounterHandler) { forget(handler as AnyObject) }
    /// No longer writes the counter.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { forget(handler as AnyObject) }
    /// No longer writes the gauge.
    public func destroyMeter(_ handler: any MeterHandler) { forget(handler as AnyObject) }
    /// No longer writes the gauge or histogram.
    public func destroyRecorder(_ handler: any RecorderHandler) { forget(handler as AnyObject) }
    /// No longer writes the histogram.
    public func destroyTimer(_ handler: any TimerHandler) { forget(handler as AnyObject) }

    // MARK: families

    /// The metric of this name and these labels, made if nobody has asked for it before.
    private func metric<Metric: PrometheusMetric>(
        _ label: String, _ dimensions: [(String, String)], _ kind: PrometheusKind, _ make: () -> Metric
    ) -> Metric {
        let wanted = PrometheusText.name(label)
        let labels = PrometheusLabels(dimensions)
        return families.withLock { families in
            var name = wanted
            while let other = families[name], other.kind != kind { name += "_\(kind.rawValue)" }
            if let known = families[name]?.metrics[labels] as? Metric { return known }
            let made = make()
            families[name, default: PrometheusFamily(name: name, kind: kind)].metrics[labels] = made
            return made
        }
    }

    /// O(metrics): handlers are destroyed seldom.
    private func forget(_ handler: AnyObject) {
        families.withLock { families in
            for (name, family) in families {
                guard let labels = family.metrics.first(where: { $0.value === handler })?.key else { continue }
                families[name]?.metrics[labels] = nil
                if families[name]?.metrics.isEmpty == true { families[name] = nil }
                return
            }
        }
    }
}

/// What Prometheus calls the type of a metric.
enum PrometheusKind: String, Sendable {
    case counter, gauge, histogram
}

/// All metrics of one name.
struct PrometheusFamily: Sendable {
    let name: String
    let kind: PrometheusKind
    var metrics: [PrometheusLabels: any PrometheusMetric] = [:]
}

/// The labels of one metric, as they are written; without braces.
struct PrometheusLabels: Hashable, Comparable, Sendable {
    let text: String

    /// Of labels with the same name the last one counts; they are sorted by name.
    init(_ dimensions: [(String, String)]) {
        var values: [String: String] = [:]
        for (name, value) in dimensions { values[PrometheusText.labelName(name)] = value }
        text = values.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(PrometheusText.escaped($0.value))\"" }
            .joined(separator: ",")
    }

    static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}
