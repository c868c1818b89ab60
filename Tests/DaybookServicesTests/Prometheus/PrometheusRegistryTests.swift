// What is counted comes out as Prometheus' text, byte for byte; names that it would refuse are mended; two kinds under one
// name lose nothing. `promtool`, which comes with Prometheus, judges a text of everything.

import DaybookServices
import Metrics
import Testing

@Suite("Prometheus registry")
struct PrometheusRegistryTests {
    @Test func `Counters, gauges and histograms are written sorted, with help, type and labels`() {
        let registry = PrometheusRegistry(help: ["b_total": "Bees\\hives\nall"], buckets: PrometheusBuckets([0.5, 1]))
        Counter(label: "b_total", dimensions: [("z", "1"), ("a", "x\"y\\z\nw")], factory: registry).increment(by: 3)
        Counter(label: "b_total", dimensions: [], factory: registry).increment()
        FloatingPointCounter(label: "b_total", dimensions: [], factory: registry).increment(by: 0.25)
        Gauge(label: "a_depth", dimensions: [], factory: registry).record(2.5)
        Meter(label: "a_level", dimensions: [], factory: registry).set(-7)
        let timer = Timer(label: "c_seconds", dimensions: [("topic", "orders")], factory: registry)
        timer.record(duration: .milliseconds(500))
        timer.record(duration: .milliseconds(750))
        timer.record(duration: .seconds(2))
        let undescribed = "No description was given by whoever measures this."
        #expect(
            registry.exposition() == """
                # HELP a_depth \(undescribed)
                # TYPE a_depth gauge
                a_depth 2.5
                # HELP a_level \(undescribed)
                # TYPE a_level gauge
                a_level -7
                # HELP b_total Bees\\\\hives\\nall
                # TYPE b_total counter
                b_total 1.25
                b_total{a="x\\"y\\\\z\\nw",z="1"} 3
                # HELP c_seconds \(undescribed)
                # TYPE c_seconds histogram
                c_seconds_bucket{topic="orders",le="0.5"} 1
                c_seconds_bucket{topic="orders",le="1"} 2
                c_seconds_bucket{topic="orders",le="+Inf"} 3
                c_seconds_sum{topic="orders"} 3.25
                c_seconds_count{topic="orders"} 3

                """)
    }

    @Test func `Quotation marks and line feeds are escaped, whatever Swift holds for one character with them`() {
        let registry = PrometheusRegistry(help: ["b_total": "a\r\nb"])
        Counter(label: "b_total", dimensions: [("a", "x\"\u{301}y\\\u{301}z\r\nw")], factory: registry).increment()
        #expect(
            registry.exposition().unicodeScalars.elementsEqual(
                ("# HELP b_total a\r\\nb\n# TYPE b_total counter\n"
                    + "b_total{a=\"x\\\"\u{301}y\\\\\u{301}z\r\\nw\"} 1\n").unicodeScalars))
    }

    @Test func `The same name and labels are the same metric, in whatever order the labels come`() {
        let registry = PrometheusRegistry()
        Counter(label: "n_total", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
        Counter(label: "n_total", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
        #expect(registry.exposition().contains("n_total{a=\"1\",b=\"2\"} 2\n"))
    }

    @Test func `Names that Prometheus would refuse are mended`() {
        let registry = PrometheusRegistry()
        Counter(label: "http.requests-tötal", dimensions: [("le", "1"), ("__x", "2"), ("a.b", "3")], factory: registry)
            .increment()
        Counter(label: "9lives", dimensions: [], factory: registry).increment()
        Counter(label: "", dimensions: [("", "x")], factory: registry).increment()
        let text = registry.exposition()
        #expect(text.contains("http_requests_t__tal{a_b=\"3\",label___x=\"2\",label_le=\"1\"} 1\n"))
        #expect(text.contains("_9lives 1\n"))
        #expect(text.contains("\n_{_=\"x\"} 1\n"))
    }

    @Test func `A name that another kind has taken gets its kind added, and neither is lost`() {
        let registry = PrometheusRegistry()
        Counter(label: "jobs", dimensions: [], factory: registry).increment(by: 4)
        Gauge(label: "jobs", dimensions: [], factory: registry).record(9)
        Gauge(label: "jobs", dimensions: [("a", "b")], factory: registry).record(8)
        let text = registry.exposition()
        #expect(text.contains("# TYPE jobs counter\njobs 4\n"))
        #expect(text.contains("# TYPE jobs_gauge gauge\njobs_gauge 9\njobs_gauge{a=\"b\"} 8\n"))
    }

    @Test func `What is no number is not counted`() {
        let registry = PrometheusRegistry(buckets: PrometheusBuckets([1]))
        Recorder(label: "r", dimensions: [], aggregate: true, factory: registry).record(Double.nan)
        Recorder(label: "r", dimensions: [], aggregate: true, factory: registry).record(Double.infinity)
        FloatingPointCounter(label: "f_total", dimensions: [], factory: registry).increment(by: Double.nan)
        Gauge(label: "g", dimensions: [], factory: registry).record(-Double.infinity)
        let text = registry.exposition()
        #expect(text.contains("r_bucket{le=\"1\"} 0\nr_bucket{le=\"+Inf\"} 1\nr_sum +Inf\nr_count 1\n"))
        #expect(text.contains("f_total 0\n"))
        #expect(text.contains("g -Inf\n"))
    }

    @Test func `A destroyed metric is no longer written, a reset counter begins again`() {
        let registry = PrometheusRegistry()
        let first = Counter(label: "a_total", dimensions: [("n", "1")], factory: registry)
        let second = Counter(label: "a_total", dimensions: [("n", "2")], factory: registry)
        first.increment(by: 5)
        second.increment(by: 6)
        first.reset()
        #expect(registry.exposition().contains("a_total{n=\"1\"} 0\na_total{n=\"2\"} 6\n"))
        first.destroy()
        #expect(registry.exposition().hasSuffix("counter\na_total{n=\"2\"} 6\n"))
        second.destroy()
        #expect(registry.exposition().isEmpty)
    }

    @Test func `Nothing is lost when many count at once`() async {
        let registry = PrometheusRegistry(buckets: PrometheusBuckets([1]))
        await withTaskGroup { group in
            for task in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        Counter(label: "c_total", dimensions: [], factory: registry).increment()
                        Recorder(label: "h", dimensions: [], aggregate: true, factory: registry).record(task % 2 * 2)
                        _ = task == 0 ? registry.exposition() : ""
                    }
                }
            }
        }
        let text = registry.exposition()
        #expect(text.contains("c_total 8000\n"))
        #expect(text.contains("h_bucket{le=\"1\"} 4000\nh_bucket{le=\"+Inf\"} 8000\nh_sum 8000\nh_count 8000\n"))
    }
}
