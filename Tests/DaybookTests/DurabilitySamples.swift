// The Swift code of the article "Choosing durability", compiled and run; `DocumentationTests` compares it with the article.

import Daybook
import DaybookTesting
import Testing

enum DurabilitySamples {
    static func choose(_ temperatures: [Int], _ daybook: Daybook) async throws -> Receipt {
        // sample ChoosingDurability
        let orders = try daybook.makeProducer()  // durable
        let readings = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
        let receipt = try await orders.send(Record(key: "SO-1", value: #"{"total":12}"#), to: "orders")
        for celsius in temperatures {
            try await readings.enqueue(Record(key: "hall", value: "\(celsius)"), to: "orders")
        }
        try await readings.flush()
        // end
        return receipt
    }

    static func load(_ rows: [String], _ daybook: Daybook) async throws {
        // sample ChoosingDurability
        let bulk = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
        for row in rows { try await bulk.enqueue(Record(key: nil, value: row), to: "orders") }
        try await bulk.flush()
        try await daybook.flush()  // one for all
        // end
    }

    static func read(_ daybook: Daybook) async throws -> Consumer {
        // sample ChoosingDurability
        let hasty = try await daybook.makeConsumer(
            topics: ["orders"], configuration: ConsumerConfiguration(isolation: .pageCache))
        // end
        return hasty
    }
}

@Suite struct DurabilitySampleTests {
    @Test func `What the article on durability says of a power cut is so`() throws {
        let stage = LoopStage(seed: 1)
        try stage.loop.run {
            var daybook = try await stage.open()
            var topic = TopicConfiguration()
            topic.flushInterval = .seconds(1000)
            try await daybook.createTopic("orders", configuration: topic)
            try await DurabilitySamples.load(["a", "b"], daybook)
            let receipt = try await DurabilitySamples.choose([20, 21], daybook)
            #expect(receipt.durability == .durable)
            let hasty = try await DurabilitySamples.read(daybook)
            #expect(try await hasty.values(5) == ["a", "b", #"{"total":12}"#, "20", "21"])
            stage.cutPower()
            daybook = try await stage.open()
            #expect(try await daybook.offsets(partition()).logEndOffset == 3)
            try await daybook.close()
        }
    }
}
