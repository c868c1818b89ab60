// The server as others see it: over a socket, by an HTTP client that shares nothing with it, and by a real Prometheus server
// that fetches the metrics and answers a query about them.

import Daybook
import DaybookMonitoring
import DaybookServices
import DaybookTesting
import Foundation
import Logging
import Metrics
import ServiceLifecycle
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("Monitoring server")
struct MonitoringServerTests {
    /// Runs a server beside `body`, then shuts it down; its port is given to `body`.
    private func withServer(
        _ health: Health, _ registry: PrometheusRegistry = PrometheusRegistry(), _ body: (Int) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (ports, port) = AsyncStream<Int>.makeStream()
        let server = MonitoringServer(health: health, metrics: registry, port: 0, logger: logger) { port.yield($0) }
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            for await port in ports {
                try await body(port)
                break
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private func get(_ path: String, _ port: Int) async throws -> (status: Int, type: String?, body: String) {
        let url = try #require(URL(string: "http://127.0.0.1:\(port)\(path)"))
        let (data, response) = try await URLSession(configuration: .ephemeral).data(from: url)
        let answer = try #require(response as? HTTPURLResponse)
        return (
            answer.statusCode, answer.value(forHTTPHeaderField: "content-type"), String(decoding: data, as: UTF8.self)
        )
    }

    @Test func `Metrics are served as Prometheus' text`() async throws {
        let registry = PrometheusRegistry()
        Counter(label: "daybook_orders_total", dimensions: [("topic", "orders")], factory: registry).increment(by: 7)
        try await withServer(Health([]), registry) { port in
            let answer = try await get("/metrics", port)
            #expect(answer.status == 200)
            #expect(answer.type == PrometheusRegistry.contentType)
            #expect(answer.body == registry.exposition())
            #expect(answer.body.contains("daybook_orders_total{topic=\"orders\"} 7\n"))
            #expect(try await get("/nothing", port).status == 404)
        }
    }

    @Test func `Health is red when the disk has failed the log, and readiness too while something passes by`()
        async throws
    {
        let disk = SimulatedDisk(capacity: 200 << 20)
        let daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await daybook.createTopic("orders")
        try await withServer(Health([.engine(daybook)])) { port in
            #expect(try await get("/healthz", port).status == 200)
            #expect(try await get("/readyz", port).status == 200)
            disk.capacity = 1 << 20
            #expect(try await get("/healthz", port).status == 200, "a full disk needs no restart")
            #expect(try await get("/readyz", port).status == 503)
            disk.capacity = 200 << 20
            disk.failNext(.flush)
            _ = try? await daybook.makeProducer().send(Record(key: "k", value: "v"), to: "orders")
            let answer = try await get("/healthz", port)
            #expect(answer.status == 503)
            #expect(answer.type == "application/json")
            let report = try JSONDecoder().decode(HealthReport.self, from: Data(answer.body.utf8))
            #expect(report.checked == ["engine"])
            #expect(report.problems.map(\.severity) == [.broken])
        }
        _ = try? await daybook.close()
    }

    @Test func `An address that another process has is an error of run`() async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await withServer(Health([])) { port in
            let second = MonitoringServer(health: Health([]), metrics: PrometheusRegistry(), port: port, logger: logger)
            await #expect(throws: (any Error).self) {
                try await ServiceGroup(services: [second], logger: logger).run()
            }
        }
    }

    @Test(.enabled(if: Prometheus.folder != nil, Prometheus.absence))
    func `A real Prometheus server fetches what a daybook counts`() async throws {
        let registry = PrometheusRegistry()
        let directory = try TemporaryDirectory()
        var configuration = Configuration()
        configuration.observer = EngineMetrics(factory: registry)
        let daybook = try await Daybook.open(directory.path + "/data", configuration: configuration)
        try await daybook.createTopic("orders")
        for _ in 0..<5 { _ = try await daybook.makeProducer().send(Record(key: "k", value: "v"), to: "orders") }
        try await withServer(Health([.engine(daybook)]), registry) { port in
            let prometheus = try Prometheus(scraping: port, in: directory.path)
            defer { prometheus.stop() }
            var answer = ""
            let isKnown = await eventually {
                let query = "/api/v1/query?query=daybook_records_appended_total"
                answer = (try? await get(query, prometheus.port))?.body ?? ""
                return answer.contains("\"value\":[")
            }
            let targets = try await get("/api/v1/targets", prometheus.port).body
            #expect(isKnown, "\(targets)\n\(prometheus.log)")
            #expect(answer.contains("\"topic\":\"orders\"") && answer.contains(",\"5\"]"), "\(answer)")
            let rules = try await get("/api/v1/rules", prometheus.port).body
            #expect(rules.contains("DaybookGroupBehind"))
        }
        try await daybook.close()
    }
}
