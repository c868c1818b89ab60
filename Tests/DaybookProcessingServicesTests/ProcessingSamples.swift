// The Swift code of the article on processing, as it stands there: compiled and run here.

import Daybook
import DaybookProcessing
import DaybookProcessingServices
import DaybookServices
import DaybookTesting
import Logging
import ServiceLifecycle
import Synchronization
import Testing
import Tracing

struct PlacedOrder: Codable, Sendable {
    var id: String
    var revision: Int64
    var taxID: String
}

/// A system that knows idempotency keys.
final class Accounting: Sendable {
    private let invoices = Mutex<[String: String]>([:])
    private let knownTaxIDs = Mutex<Set<String>>(["DE1"])

    var invoicesCount: Int { invoices.withLock { $0.count } }

    func learn(_ taxID: String) { knownTaxIDs.withLock { _ = $0.insert(taxID) } }

    func invoice(_ order: PlacedOrder, idempotencyKey: String) async throws -> String {
        guard knownTaxIDs.withLock({ $0.contains(order.taxID) }) else {
            throw EffectFailure.permanent("unknown tax id")
        }
        return invoices.withLock { invoices in
            if let known = invoices[idempotencyKey] { return known }
            invoices[idempotencyKey] = "INV-\(invoices.count + 1)"
            return "INV-\(invoices.count)"
        }
    }
}

// sample ProcessingEvents
func publishOrder(_ order: PlacedOrder, by producer: Producer, _ observer: ProcessingMetrics) async throws {
    let publisher = EventPublisher(
        [PublishRule("crm.order.**", to: "orders")], rejects: "rejected", by: producer, observer: observer)
    let event = try Event(
        id: "\(order.id)#\(order.revision)", source: "/crm/eu1", type: "crm.order.created.v1",
        partitionKey: order.id, sequence: order.revision, encoding: order)
    try await publisher.publish(event.carrying(.current ?? .topLevel))
}
// end

// sample ProcessingEvents
func invoicing(_ daybook: Daybook, _ accounting: Accounting, _ metrics: ProcessingMetrics) throws -> Processor {
    let downstream = Downstream("accounting", concurrency: 32, retries: RetryPolicy(maximumAttempts: 8))
    let effect = EffectClass.idempotent(window: .seconds(86_400))
    let route = Route("crm.order.*.v1", to: downstream, effect: effect) { event, context in
        let order = try event.decoded(as: PlacedOrder.self)
        return .done(reference: try await accounting.invoice(order, idempotencyKey: context.effectKey))
    }
    var configuration = ProcessorConfiguration(group: "accounting", topics: ["orders"])
    configuration.effectKey = { "order:\($0.partitionKey ?? $0.id)#\($0.sequence ?? 0)#invoice" }
    configuration.observer = metrics
    return try Processor(daybook, configuration, routes: [route])
}
// end

// sample ProcessingEvents
func mend(_ processor: Processor) async throws {
    let refused = try await processor.deadLetters(matching: DeadLetterFilter(reason: .permanent))
    // Once per id, however often it is called: each of them, and what is parked behind it, in order.
    try await processor.redrive(id: "TICKET-17", refused.map(\.place), by: "eva", note: "tax id corrected")
}
// end

// sample ProcessingEvents
func observedService(
    _ daybook: Daybook, _ configuration: ProcessorConfiguration, _ routes: [Route], _ logger: Logger
) throws -> (services: ServiceGroup, health: Health) {
    var configuration = configuration
    configuration.observer = ProcessingObservers([ProcessingMetrics(), ProcessingLog(logger)])
    configuration.attemptScope = AttemptSpans()
    let processor = try Processor(daybook, configuration, routes: routes)
    let services = ServiceGroup(services: [daybook, processor, GroupGauges(processor)], logger: logger)
    return (services, Health([.engine(daybook), .processor(processor)]))
}
// end

@Suite("Samples of the article on processing")
struct ProcessingSampleTests {
    @Test func `orders become invoices, and one that was refused does after it has been mended`() async throws {
        let daybook = try await Daybook.open(try TemporaryDirectory().path)
        for topic in ["orders", "rejected"] { try await daybook.createTopic(topic) }
        let (accounting, metrics) = (Accounting(), ProcessingMetrics())
        let producer = try daybook.makeProducer()
        for (id, taxID) in [("SO-1", "DE1"), ("SO-2", "??"), ("SO-1", "DE1")] {
            try await publishOrder(PlacedOrder(id: id, revision: 1, taxID: taxID), by: producer, metrics)
        }
        let processor = try invoicing(daybook, accounting, metrics)
        async let end: Void = processor.run()
        func settled(_ succeeded: Int) async throws {
            while true {
                if let counts = try? await processor.status().counts, counts.succeeded == succeeded,
                    counts.duplicates == 1
                {
                    return
                }
                await Task.yield()
            }
        }
        try await settled(1)
        while try await processor.deadLetters().isEmpty { await Task.yield() }
        accounting.learn("??")
        try await mend(processor)
        try await settled(2)
        processor.stop()
        try await end
        #expect(accounting.invoicesCount == 2)
        try await daybook.close()
    }

    @Test func `the services end together`() async throws {
        let daybook = try await Daybook.open(try TemporaryDirectory().path)
        try await daybook.createTopic("orders")
        let route = Route("**", to: Downstream("t"), effect: .pure) { _, _ in .done() }
        let (services, health) = try observedService(
            daybook, ProcessorConfiguration(group: "g", topics: ["orders"]), [route], Logger(label: "test"))
        async let end: Void = services.run()
        while !(await health.report().isReady) { await Task.yield() }
        await services.triggerGracefulShutdown()
        try await end
        #expect(!(await health.report().isHealthy))
    }
}
