// Consumers of topics rather than partitions: which topics they read, and that they go with them as these come and go.

@testable import Daybook
import DaybookTesting
import Testing

@Suite struct SubscriptionTests {
    @Test func `A pattern matches whole names, and none of Daybook's own`() throws {
        let pattern = try TopicPattern("orders(-[a-z]+)?")
        #expect(pattern.matches("orders") && pattern.matches("orders-eu"))
        #expect(!pattern.matches("orders-1") && !pattern.matches("my-orders") && !pattern.matches(""))
        let error = #expect(throws: DaybookError.self) { try TopicPattern("orders(") }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("orders(") == true)
        #expect(try TopicPattern(".*") == TopicPattern(".*"))
    }

    @Test func `A consumer of topics reads all their partitions from the place that it is given`() throws {
        try onLoop(partitions: 3) { daybook, _ in
            try await daybook.createTopic("invoices", partitions: 2)
            try await daybook.createTopic("other")
            for number in Int32(0)..<3 { try await daybook.fill(0..<10, of: number) }
            let consumer = try await daybook.makeConsumer(topics: ["orders", "invoices"], from: .offset(0))
            #expect(
                consumer.assignment.map(\.description) == [
                    "invoices-0", "invoices-1", "orders-0", "orders-1", "orders-2",
                ])
            #expect(
                try await consumer.values(30).sorted() == (numbers(0..<10) + numbers(0..<10) + numbers(0..<10)).sorted()
            )
            let late = try await daybook.makeConsumer(topics: ["orders"], from: .end)
            #expect(Set(late.positions.values) == [10])
            let error = await #expect(throws: DaybookError.self) {
                try await daybook.makeConsumer(topics: ["orders", "absent"])
            }
            #expect(error?.code == .unknownTopic && error?.message.contains("absent") == true)
            #expect(consumer.subscription == .topics(["orders", "invoices"]) && late.fetcher.isClosed == false)
        }
    }

    @Test
    func
        `Topics that appear are read from their beginning, also by a consumer who waits, and those deleted are let go`()
        throws
    {
        try onLoop(seed: 7) { daybook, loop in
            try await daybook.fill(0..<5)
            let consumer = try await daybook.makeConsumer(matching: try TopicPattern("orders.*"), from: .end)
            let empty = try await daybook.makeConsumer(matching: try TopicPattern("none.*"))
            #expect(empty.assignment.isEmpty)
            let waiting = Task(executorPreference: loop) { try await consumer.poll(timeout: .seconds(60)) }
            await loop.settle()
            try await daybook.createTopic("orders-eu", partitions: 2)
            try await daybook.createTopic("invoices")
            let producer = try daybook.makeProducer()
            _ = try await producer.send(Record(key: nil, value: "first"), to: "orders-eu", partition: 1)
            #expect(try await waiting.value.flatMap { try $0.values } == ["first"])
            #expect(consumer.assignment.map(\.description) == ["orders-0", "orders-eu-0", "orders-eu-1"])
            #expect(empty.assignment.isEmpty)

            // Nothing is said of a topic that has gone, and one that comes again is another one.
            let asking = Task(executorPreference: loop) { try await consumer.poll(timeout: .seconds(60)) }
            await loop.settle()
            try await daybook.deleteTopic("orders-eu")
            #expect(consumer.assignment.map(\.description) == ["orders-0"])
            try await daybook.createTopic("orders-eu")
            _ = try await daybook.makeProducer().send(Record(key: nil, value: "again"), to: "orders-eu")
            #expect(try await asking.value.flatMap { try $0.values } == ["again"])
            try await daybook.fill(5..<6)
            #expect(try await consumer.values(1) == ["5"])
            #expect(consumer.positions[try partition()] == 6)
        }
    }

    @Test func `Whoever waits for topics that never come learns that the daybook has been closed`() throws {
        try onLoop { daybook, loop in
            let empty = try await daybook.makeConsumer(matching: try TopicPattern("none.*"))
            let waiting = Task(executorPreference: loop) {
                for try await _ in empty.batches { Issue.record("there is nothing to read") }
            }
            await loop.settle()
            try await daybook.close()
            let error = await #expect(throws: DaybookError.self) { try await waiting.value }
            #expect(error?.code == .closed)
        }
    }

    @Test func `A consumer that follows topics is let go with the last who holds it`() throws {
        try onLoop { daybook, loop in
            weak var consumer: Consumer?
            do {
                let made = try await daybook.makeConsumer(topics: ["orders"])
                consumer = made
                #expect(try await made.poll(timeout: .zero).isEmpty)
            }
            await loop.settle()
            #expect(consumer == nil)
            try await daybook.createTopic("others")
        }
    }
}
