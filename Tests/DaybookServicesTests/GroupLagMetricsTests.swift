// Lag as gauges: what they show is what groups have before them, and a group that is gone shows nothing any more.

import Daybook
import DaybookServices
import DaybookTesting
import Logging
import Metrics
import MetricsTestKit
import ServiceLifecycle
import Testing

@Suite("Lag as metrics")
struct GroupLagMetricsTests {
    @Test func `Each group shows its lag in each topic, and none when it is gone`() async throws {
        let clock = ManualClock()
        let directory = try TemporaryDirectory()
        let daybook = try await Daybook.open(directory.path, configuration: Configuration().with(clock: clock))
        try await daybook.createTopic("orders", partitions: 2)
        try await daybook.createTopic("invoices")
        let producer = try daybook.makeProducer()
        for partition in Int32(0)..<2 {
            for _ in 0..<10 {
                _ = try await producer.send(Record(key: "k", value: "v"), to: "orders", partition: partition)
            }
            clock.advance(by: .seconds(20))
        }
        let orders = try daybook.topic("orders").partitions
        try await daybook.commit(
            group: "warehouse", offsets: [orders[0]: OffsetCommit(10), orders[1]: OffsetCommit(4)])
        try await daybook.commit(group: "accounting", offsets: [orders[0]: OffsetCommit(3)])
        try await daybook.commit(
            group: "accounting", offsets: [try daybook.topic("invoices").partitions[0]: OffsetCommit(0)])

        let metrics = TestMetrics()
        let lag = GroupLag(daybook, factory: metrics)
        func last(_ label: String, _ group: String, _ topic: String) throws -> Double? {
            try metrics.expectGauge(label, [("group", group), ("topic", topic)]).lastValue
        }
        try await lag.measure()
        #expect(try last("daybook_group_lag_records", "warehouse", "orders") == 6)
        #expect(try last("daybook_group_oldest_record_seconds", "warehouse", "orders") == 20)
        #expect(try last("daybook_group_lag_records", "accounting", "orders") == 7)
        #expect(try last("daybook_group_oldest_record_seconds", "accounting", "orders") == 40)
        #expect(try last("daybook_group_lag_records", "accounting", "invoices") == 0)
        #expect(try last("daybook_group_lost_partitions", "accounting", "orders") == 0)
        try await daybook.deleteGroup("accounting")
        try await lag.measure()
        #expect(try last("daybook_group_lag_records", "accounting", "orders") == 0)
        #expect(try last("daybook_group_lag_records", "warehouse", "orders") == 6)
        try await daybook.close()
    }

    @Test func `It measures in a service group and ends with it`() async throws {
        let directory = try TemporaryDirectory()
        let daybook = try await Daybook.open(directory.path)
        try await daybook.createTopic("orders")
        try await daybook.commit(group: "g", offsets: [try daybook.topic("orders").partitions[0]: OffsetCommit(0)])
        let metrics = TestMetrics()
        let lag = GroupLag(daybook, every: .seconds(3600), factory: metrics)
        let group = ServiceGroup(services: [daybook, lag], logger: Logger(label: "test"))
        async let running: Void = group.run()
        while (try? metrics.expectGauge("daybook_group_lag_records", [("group", "g"), ("topic", "orders")])) == nil {
            await Task.yield()
        }
        await group.triggerGracefulShutdown()
        try await running
        let again = try await Daybook.open(directory.path)
        #expect(again.recovery.wasClosedCleanly)
        try await again.close()
    }
}
