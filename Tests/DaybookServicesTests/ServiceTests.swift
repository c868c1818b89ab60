// A daybook and its producer in a service group: the end of the group, however it comes, makes durable what was taken in,
// flushes before it closes, and gives the directory back.

import Daybook
import DaybookServices
import DaybookTesting
import Logging
import MetricsTestKit
import ServiceLifecycle
import Testing

@Suite("Services")
struct ServiceTests {
    @Test func `A group that shuts down makes durable what was enqueued, and gives the directory back`() async throws {
        let directory = try TemporaryDirectory()
        let daybook = try await Daybook.open(directory.path)
        try await daybook.createTopic("orders", partitions: 3)
        var configuration = ProducerConfiguration()
        configuration.linger = .seconds(3600)
        let producer = try daybook.makeProducer(configuration)
        let group = ServiceGroup(services: [daybook, producer], logger: Logger(label: "test"))
        async let running: Void = group.run()
        for number in 0..<50 { try await producer.enqueue(Record(key: "\(number)", value: "v"), to: "orders") }
        await group.triggerGracefulShutdown()
        try await running

        let error = await #expect(throws: DaybookError.self) {
            try await producer.enqueue(Record(key: "late", value: "v"), to: "orders")
        }
        #expect(error?.code == .closed)
        let again = try await Daybook.open(directory.path)
        #expect(again.recovery.wasClosedCleanly)
        var count: Int64 = 0
        for partition in try again.topic("orders").partitions {
            count += try await again.offsets(partition).highWatermark.rawValue
        }
        #expect(count == 50)
        try await again.close()
    }

    @Test func `A group that shuts down ends what consumers hand out, and they leave their groups`() async throws {
        let directory = try TemporaryDirectory()
        let daybook = try await Daybook.open(directory.path)
        try await daybook.createTopic("orders")
        let consumer = try await daybook.makeConsumer(group: "warehouse", topics: ["orders"])
        let group = ServiceGroup(services: [daybook, consumer], logger: Logger(label: "test"))
        async let running: Void = group.run()
        _ = try await daybook.makeProducer().send(Record(key: "k", value: "v"), to: "orders")
        var count = 0
        for try await batch in consumer.batches {
            count += batch.recordsCount
            await group.triggerGracefulShutdown()
        }
        #expect(count == 1)
        try await running
        await #expect(throws: DaybookError.self) { try await consumer.poll(timeout: .zero) }
        let again = try await Daybook.open(directory.path)
        #expect(again.recovery.wasClosedCleanly)
        try await again.close()
    }

    @Test func `A cancelled group closes as well`() async throws {
        let directory = try TemporaryDirectory()
        let daybook = try await Daybook.open(directory.path)
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer()
        let running = Task {
            try await ServiceGroup(services: [daybook, producer], logger: Logger(label: "test")).run()
        }
        _ = try await producer.send(Record(key: "k", value: "v"), to: "orders")
        running.cancel()
        _ = await running.result
        let again = try await Daybook.open(directory.path)
        #expect(again.recovery.wasClosedCleanly)
        try await again.close()
    }

    @Test func `A group that shuts down aborts the transaction that is open, and keeps those that were committed`()
        async throws
    {
        let directory = try TemporaryDirectory()
        let metrics = TestMetrics()
        var configuration = Configuration()
        configuration.observer = EngineMetrics(factory: metrics)
        let daybook = try await Daybook.open(directory.path, configuration: configuration)
        try await daybook.createTopic("orders")
        let producer = try await daybook.makeTransactionalProducer(id: "orders")
        let group = ServiceGroup(services: [daybook, producer], logger: Logger(label: "test"))
        async let running: Void = group.run()
        try await producer.transaction { try await $0.send(Record(key: "a", value: "committed"), to: "orders") }
        let open = try await producer.begin()
        try await open.send(Record(key: "b", value: "open"), to: "orders")
        await group.triggerGracefulShutdown()
        try await running

        let again = try await Daybook.open(directory.path)
        let orders = try TopicPartition(topic: TopicName("orders"), partition: 0)
        let batches = try await again.read(orders, from: .zero).batches
        #expect(try batches.flatMap { try $0.records() }.map { $0.record.value } == [Array("committed".utf8)])
        try await again.close()
        for outcome in ["committed", "aborted"] {
            let counter = try metrics.expectCounter("daybook_transactions_total", [("outcome", outcome)])
            #expect(counter.values == [1])
        }
        #expect(try metrics.expectTimer("daybook_transaction_seconds", [("outcome", "committed")]).values.count == 1)
    }
}
