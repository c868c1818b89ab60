// The Swift code of the article on services, as it stands there: compiled and run here.

import Daybook
import DaybookServices
import DaybookTesting
import InMemoryTracing
import Logging
import ServiceLifecycle
import Testing
import Tracing
import UnixSignals

// sample ServicesAndObservability
func runService(in directory: String, logger: Logger) async throws {
    var configuration = Configuration()
    configuration.observer = EngineObservers([EngineMetrics(), EngineLog(logger)])
    let daybook = try await Daybook.open(directory, configuration: configuration)
    let producer = try daybook.makeProducer()
    let group = ServiceGroup(
        services: [daybook, producer], gracefulShutdownSignals: [.sigterm], logger: logger)
    try await group.run()
}
// end

// sample ServicesAndObservability
func observed() -> (registry: PrometheusRegistry, configuration: Configuration) {
    let registry = PrometheusRegistry()
    var configuration = Configuration()
    configuration.observer = EngineMetrics(factory: registry)
    // What /metrics answers is registry.exposition(), as PrometheusRegistry.contentType.
    return (registry, configuration)
}
// end

// sample ServicesAndObservability
func sendAndProcess(_ order: Record, by producer: Producer, tracer: some Tracer) async throws {
    let receipt = try await tracer.send(order, to: "orders", by: producer)
    // Somewhere else, later, with the record as it was read:
    let record = order.carrying(.current ?? .topLevel, instrument: tracer)
    await tracer.process(record, at: receipt.offset ?? .zero, of: receipt.topicPartition, group: "billing") { span in
        span.attributes["order.lines"] = 3
    }
}
// end

@Suite("Samples of the article on services")
struct ServiceSamples {
    @Test func `What is appended is in the text for Prometheus`() async throws {
        let directory = try TemporaryDirectory()
        let (registry, configuration) = observed()
        let daybook = try await Daybook.open(directory.path, configuration: configuration)
        try await daybook.createTopic("orders")
        _ = try await daybook.makeProducer().send(Record(key: "k", value: "v"), to: "orders")
        try await daybook.close()
        #expect(registry.exposition().contains("daybook_records_appended_total{topic=\"orders\"} 1\n"))
    }

    @Test func `The service runs until it is cancelled, and closes`() async throws {
        let directory = try TemporaryDirectory()
        try await Daybook.open(directory.path).close()
        let running = Task { try await runService(in: directory.path, logger: Logger(label: "test")) }
        running.cancel()
        _ = await running.result
        let daybook = try await Daybook.open(directory.path)
        #expect(daybook.recovery.wasClosedCleanly)
        try await daybook.close()
    }

    @Test func `What is processed has a span of its own`() async throws {
        let directory = try TemporaryDirectory()
        let tracer = InMemoryTracer()
        let daybook = try await Daybook.open(directory.path)
        try await daybook.createTopic("orders")
        try await sendAndProcess(Record(key: "SO-1", value: "v"), by: try daybook.makeProducer(), tracer: tracer)
        try await daybook.close()
        #expect(tracer.finishedSpans.map(\.operationName) == ["send orders", "process orders"])
    }
}
