// What an observer hears of consumers, and what metrics make of it: each number against what was really handed out.

import Daybook
import DaybookServices
import DaybookTesting
import MetricsTestKit
import Synchronization
import Testing

@Suite("Observers of consumers")
struct ConsumerObserverTests {
    private let directory: TemporaryDirectory
    private let orders: TopicPartition

    init() throws {
        directory = try TemporaryDirectory()
        orders = TopicPartition(topic: try TopicName("orders"), partition: 0)
    }

    /// A daybook with one batch of ten records.
    private func daybook(_ observer: any EngineObserver) async throws -> Daybook {
        var configuration = Configuration()
        configuration.housekeeping.isAutomatic = false
        configuration.observer = observer
        let daybook = try await Daybook.open(directory.path, configuration: configuration)
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer(ProducerConfiguration(linger: .seconds(3600)))
        for number in 0..<10 { try await producer.enqueue(Record(key: "\(number)", value: "v"), to: "orders") }
        try await producer.flush()
        return daybook
    }

    @Test func `Metrics count what members of groups are handed, their waits, their lag and rebalances`() async throws {
        let metrics = TestMetrics()
        let daybook = try await daybook(EngineMetrics(factory: metrics))
        let consumer = try await daybook.makeConsumer(group: "warehouse", topics: ["orders"])
        let group = [("group", "warehouse")]
        let topic = group + [("topic", "orders")]
        let first = try await consumer.poll(max: 4, timeout: .seconds(60))
        #expect(first.reduce(0) { $0 + $1.recordsCount } == 4)
        #expect(try metrics.expectCounter("daybook_records_consumed_total", topic).values == [4])
        let lag = try metrics.expectGauge("daybook_lag_records", topic + [("partition", "0")])
        #expect(lag.values.last == 6)
        // It had to join first.
        #expect(try metrics.expectTimer("daybook_poll_wait_seconds", group).values.count >= 1)
        #expect(try metrics.expectCounter("daybook_rebalances_total", group).values == [1])
        #expect(try metrics.expectTimer("daybook_rebalance_seconds", group).values.count == 1)
        // The rest one by one: told together, with the bytes of their batch.
        var iterator = consumer.records.makeAsyncIterator()
        for _ in 0..<6 { _ = try await iterator.next() }
        #expect(try metrics.expectCounter("daybook_records_consumed_total", topic).values == [4, 6])
        let written = try metrics.expectCounter("daybook_bytes_appended_total", [("topic", "orders")]).values
        let consumed = try metrics.expectCounter("daybook_bytes_consumed_total", topic).values
        #expect(consumed.reduce(0, +) == written.reduce(0, +))
        #expect(lag.values.last == 0)
        await consumer.close()
        #expect(throws: TestMetricsError.self, "nobody reads the partition any more") {
            try metrics.expectGauge("daybook_lag_records", topic + [("partition", "0")])
        }
        try await daybook.close()
    }

    @Test func `Records that are handed out one by one are counted once, however their reader goes on`() async throws {
        let observer = CountingObserver()
        let daybook = try await daybook(observer)
        let consumer = try await daybook.makeConsumer(assigned: [orders], from: .beginning)
        for _ in 0..<3 {
            // The rest of the batch goes to whoever asks next.
            var iterator = consumer.records.makeAsyncIterator()
            _ = try await iterator.next()
        }
        _ = try await consumer.poll(max: 2, timeout: .seconds(60))
        #expect(observer.heard.withLock { $0.records } == 5)
        var iterator = consumer.records.makeAsyncIterator()
        _ = try await iterator.next()
        await consumer.close()
        let heard = observer.heard.withLock { $0 }
        #expect(heard.records == 6)
        #expect(heard.bytes == 0, "the batch has not been used up")
        #expect(heard.released == [orders])
        #expect(heard.groups == [nil])
        try await daybook.close()
    }

    @Test func `An observer may ask the consumer and its group, because no lock is held while it hears`() async throws {
        let observer = CountingObserver()
        let daybook = try await daybook(observer)
        let consumer = try await daybook.makeConsumer(group: "warehouse", topics: ["orders"])
        observer.consumer.withLock { $0 = consumer }
        _ = try await consumer.poll(timeout: .seconds(60))
        await consumer.close()
        observer.consumer.withLock { $0 = nil }
        let heard = observer.heard.withLock { $0 }
        #expect(heard.records == 10 && heard.released == [orders] && heard.waits >= 1)
        #expect(heard.rebalances == [1])
        try await daybook.close()
    }
}

/// Adds up what it hears, and takes the consumer's lock whenever it hears something: it would wait for ever for one that is held.
private final class CountingObserver: EngineObserver {
    struct Heard {
        var records = 0
        var bytes = 0
        var waits = 0
        var released: [TopicPartition] = []
        var groups: Set<String?> = []
        /// How many members the group had.
        var rebalances: [Int] = []
    }

    let heard = Mutex(Heard())
    let consumer = Mutex<Consumer?>(nil)

    private func note(_ change: (inout Heard) -> Void) {
        _ = consumer.withLock { $0 }?.positions
        heard.withLock { change(&$0) }
    }

    func didConsume(_ consumption: ConsumptionObservation) {
        note { heard in
            heard.records += consumption.recordsCount
            heard.bytes += consumption.bytes
            heard.groups.insert(consumption.group)
        }
    }

    func didWait(_ wait: PollWaitObservation) { note { $0.waits += 1 } }
    func didRelease(_ partitions: [TopicPartition], group: String?) { note { $0.released += partitions } }
    func didRebalance(_ rebalance: RebalanceObservation) { note { $0.rebalances.append(rebalance.membersCount) } }
}
