// What a processor tells its observers: metrics, lines of a log and spans of the same run, and the health of its group.

import Daybook
import DaybookProcessing
import DaybookProcessingServices
import DaybookServices
import DaybookTesting
import InMemoryTracing
import Logging
import Metrics
import MetricsTestKit
import Synchronization
import Testing
import Tracing

@Suite("Processors under observation")
struct ObservedProcessorTests {
    /// Events of four keys: one succeeds, one succeeds at its second attempt, one is refused for good with another behind it, and
    /// one comes twice.
    private static func publish(_ daybook: Daybook, traceParent: String? = nil) async throws {
        try await daybook.createTopic("orders")
        let events = [
            ("e0", "well", "order.created"), ("e1", "late", "order.created"), ("e2", "never", "order.created"),
            ("e3", "never", "order.amended"), ("e0", "well", "order.created"), ("e4", "other", "order.unheard"),
        ]
        let records = try events.map { id, key, type in
            try Event(
                id: id, source: "/crm", type: type, partitionKey: key, traceParent: traceParent,
                body: Array("secret".utf8)
            ).record()
        }
        let partition = try #require(try daybook.topic("orders").partitions.first)
        try await daybook.append(records, to: partition)
    }

    private static func route() -> Route {
        let target = Downstream("billing", retries: RetryPolicy(base: .zero, cap: .zero))
        return Route("order.*ed", to: target, effect: .pure) { event, context in
            if event.partitionKey == "late", context.attempt == 1 { throw EffectFailure.retry("busy") }
            if event.partitionKey == "never" { throw EffectFailure.permanent("no such customer") }
            return .done()
        }
    }

    /// Runs a processor until its group is as wanted, then `body`, then stops it.
    private static func run(
        _ processor: Processor, until isDone: @Sendable (GroupStatus) -> Bool, _ body: @Sendable () async throws -> Void
    ) async throws {
        async let end: Void = processor.run()
        while !((try? await processor.status()).map(isDone) ?? false) { await Task.yield() }
        do { try await body() } catch {
            processor.stop()
            try await end
            throw error
        }
        processor.stop()
        try await end
    }

    @Test func `metrics tell what the group's counts tell`() async throws {
        let daybook = try await Daybook.open(try TemporaryDirectory().path)
        try await Self.publish(daybook)
        let metrics = TestMetrics()
        var configuration = ProcessorConfiguration(group: "billing", topics: ["orders"])
        configuration.observer = ProcessingMetrics(factory: metrics)
        let processor = try Processor(daybook, configuration, routes: [Self.route()])
        let gauges = GroupGauges(processor, factory: metrics)
        await #expect(throws: ProcessingError.self) { try await gauges.measure() }
        try await Self.run(
            processor, until: { $0.openCount == 0 && $0.counts.parked == 1 && $0.counts.duplicates == 1 }
        ) {
            try await gauges.measure()
            try await processor.redrive(id: "r", by: "eva", note: "")
            try await processor.redrive(id: "r", by: "eva", note: "")
            while try await processor.status().counts.parked == 0 { await Task.yield() }
        }
        func count(_ label: String, _ dimensions: (String, String)...) throws -> Int64 {
            try metrics.expectCounter(label, [("group", "billing")] + dimensions).totalValue
        }
        func gauge(_ label: String, _ dimensions: (String, String)...) throws -> Double? {
            try metrics.expectGauge(label, [("group", "billing")] + dimensions).lastValue
        }
        let target = ("downstream", "billing")
        #expect(try count("daybook_attempts_total", target, ("result", "succeeded")) == 2)
        #expect(try count("daybook_attempts_total", target, ("result", "retry")) == 1)
        #expect(try count("daybook_attempts_total", target, ("result", "permanent")) == 2)
        #expect(try count("daybook_outcomes_total", ("type", "order.created"), ("status", "succeeded")) == 2)
        #expect(try count("daybook_outcomes_total", ("type", "order.created"), ("status", "skipped")) == 1)
        #expect(try count("daybook_outcomes_total", ("type", "order.unheard"), ("status", "skipped")) == 1)
        // The second time its record is not at hand, and need not be to be parked.
        #expect(metrics.counterTotal(label: "daybook_outcomes_total", dimensions: [("status", "parked")]) == 2)
        #expect(try count("daybook_outcomes_total", ("type", "order.amended"), ("status", "parked")) == 1)
        #expect(try count("daybook_dead_letters_total", ("reason", "permanent")) == 2)
        #expect(try count("daybook_retries_total") == 1)
        #expect(try count("daybook_duplicates_skipped_total") == 1)
        #expect(try count("daybook_redrives_total", ("result", "done")) == 1)
        #expect(try count("daybook_redrives_total", ("result", "repeated")) == 1)
        #expect(
            try metrics.expectTimer("daybook_processing_seconds", [("group", "billing"), target]).values.count == 5)
        #expect(try metrics.expectTimer("daybook_append_to_success_seconds", [("group", "billing")]).values.count == 2)
        #expect(try gauge("daybook_lanes", ("state", "blocked")) == 1)
        #expect(try gauge("daybook_inflight") == 0)
        #expect(try gauge("daybook_breaker_state", target) == 0)
        #expect(try gauge("daybook_group_stopped") == 0)
        #expect(try gauge("daybook_lag_records", ("topic", "orders"), ("partition", "0")) == 0)
        #expect((try gauge("daybook_oldest_blocked_lane_seconds") ?? -1) >= 0)
        // Each of them is described to Prometheus, and none has a label that a key or an id could be in.
        let described = Set(PrometheusRegistry.describedMetrics)
        let made =
            metrics.counters.map { ($0.label, $0.dimensions) } + metrics.timers.map { ($0.label, $0.dimensions) }
            + metrics.recorders.map { ($0.label, $0.dimensions) }
        #expect(made.count >= 18)
        for (label, dimensions) in made {
            #expect(described.contains(label), "\(label)")
            let allowed: Set = [
                "group", "downstream", "result", "type", "status", "reason", "state", "topic", "partition",
            ]
            #expect(allowed.isSuperset(of: dimensions.map(\.0)), "\(label)")
        }
        try await daybook.close()
    }

    @Test func `the log has each dead letter and each stop, and no body and no id`() async throws {
        let daybook = try await Daybook.open(try TemporaryDirectory().path)
        try await Self.publish(daybook)
        let lines = Lines()
        var configuration = ProcessorConfiguration(group: "billing", topics: ["orders"])
        configuration.lanePolicy = .stopGroup
        configuration.observer = ProcessingLog(Logger(label: "test") { _ in lines })
        let processor = try Processor(daybook, configuration, routes: [Self.route()])
        let health = Health([.processor(processor)])
        #expect(await health.report().problems.map(\.severity) == [.notReady])
        try await Self.run(processor, until: { $0.stop != nil }) {
            let report = await health.report()
            #expect(!report.isHealthy)
            #expect(report.problems.map(\.check) == ["processor billing"])
            try await processor.resume(by: "eva", note: "")
            while try await processor.status().openCount > 0 { await Task.yield() }
            #expect(await health.report().isReady)
        }
        let all = lines.all
        func at(_ level: Logger.Level) -> [String] { all.filter { $0.level == level }.map(\.text) }
        #expect(at(.warning).filter { $0.hasPrefix("event dead-lettered") }.count == 1)
        #expect(at(.warning).allSatisfy { $0.contains("error=no such customer") && $0.contains("reason=permanent") })
        #expect(at(.error).count == 1 && at(.error).allSatisfy { $0.contains("reason=policy") })
        #expect(at(.info).map { $0.prefix(7) } == ["group t", "group r", "group l"])
        #expect(at(.debug).contains { $0.hasPrefix("attempt ended") && $0.contains("result=retry") })
        #expect(at(.trace).contains { $0.hasPrefix("event done") })
        #expect(!all.contains { $0.text.contains("secret") || $0.text.contains("e0") })
        try await daybook.close()
    }

    @Test func `a processor that has been fenced is broken`() async throws {
        let daybook = try await Daybook.open(try TemporaryDirectory().path)
        try await Self.publish(daybook)
        let configuration = ProcessorConfiguration(group: "billing", topics: ["orders"])
        let first = try Processor(daybook, configuration, routes: [Self.route()])
        async let failed: Void = first.run()
        // A group that is written to is not taken over: the one that has it and the newcomer would both be refused.
        while (try? await first.status()).map({ $0.openCount == 0 && $0.counts.dead == 1 }) != true {
            await Task.yield()
        }
        let second = try Processor(daybook, configuration, routes: [Self.route()])
        try await Self.run(second, until: { $0.openCount == 0 && $0.counts.dead == 1 }) {
            // What the first one still wants to write is refused.
            let partition = try #require(try daybook.topic("orders").partitions.first)
            try? await first.hold(key: Array("well".utf8), of: partition, by: "eva", note: "")
        }
        do { try await failed } catch let error as ProcessingError { #expect(error.code == .fenced) }
        let report = await Health([.processor(first)]).report()
        #expect(report.problems.map(\.severity) == [.broken])
        #expect(report.problems.first?.message.contains("taken the group over") == true)
        try await daybook.close()
    }

    @Test func `each attempt has a span, linked to the one in which the event was published`() async throws {
        let tracer = W3CTracer()
        let published = tracer.startSpan("publish")
        let traceParent = Event(id: "e", source: "/s", type: "t").carrying(published.context, instrument: tracer)
            .traceParent
        published.end()
        let daybook = try await Daybook.open(try TemporaryDirectory().path)
        try await Self.publish(daybook, traceParent: traceParent)
        var configuration = ProcessorConfiguration(group: "billing", topics: ["orders"])
        configuration.attemptScope = AttemptSpans(tracer)
        let children = Mutex<[String?]>([])
        let route = Route(
            "order.*ed", to: Downstream("t", retries: RetryPolicy(base: .zero, cap: .zero)), effect: .pure
        ) {
            event, context in
            children.withLock { $0.append(ServiceContext.current?.inMemorySpanContext?.spanID) }
            if event.partitionKey == "late", context.attempt == 1 { throw EffectFailure.retry("busy") }
            return .done()
        }
        let processor = try Processor(daybook, configuration, routes: [route])
        try await Self.run(processor, until: { $0.openCount == 0 && $0.counts.succeeded == 4 }) {}
        let spans = tracer.spans.finishedSpans.filter { $0.operationName == "process orders" }
        #expect(spans.count == 5)
        #expect(Set(spans.map(\.spanID)) == Set(children.withLock { $0.compactMap(\.self) }))
        #expect(Set(spans.map(\.traceID)).count == 5)
        #expect(spans.filter { !$0.errors.isEmpty }.count == 1)
        for span in spans {
            #expect(span.kind == .consumer)
            #expect(span.links.map { $0.context.inMemorySpanContext?.spanID } == [published.spanID])
            #expect(span.attributes.get("messaging.system") == "daybook")
            #expect(span.attributes.get("messaging.consumer.group.name") == "billing")
            #expect(span.attributes.get("messaging.destination.name") == "orders")
            #expect(span.attributes.get("messaging.operation.type") == "process")
        }
        let late = spans.filter { $0.attributes.get("messaging.kafka.offset") == 1 }
        #expect(late.count == 2 && late.map { $0.attributes.get("daybook.attempt") == 2 }.contains(true))
        try await daybook.close()
    }
}

/// Spans in memory, whose contexts are written down as `traceparent`.
private struct W3CTracer: Tracer {
    let spans = InMemoryTracer()

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        spans.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    func forceFlush() {}

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00 \(span.traceID) \(span.spanID)", forKey: "traceparent", into: &carrier)
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: " ").map(String.init) ?? []
        guard parts.count == 3 else { return }
        context.inMemorySpanContext = InMemorySpanContext(traceID: parts[1], spanID: parts[2], parentSpanID: nil)
    }
}

/// Lines of a log, as they would be printed.
private final class Lines: LogHandler, Sendable {
    private let state = Mutex<[(level: Logger.Level, text: String)]>([])

    var all: [(level: Logger.Level, text: String)] { state.withLock { $0 } }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let metadata = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
        state.withLock { $0.append((event.level, "\(event.message) \(metadata)")) }
    }
}
