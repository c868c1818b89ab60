// Topics: creation, description, alteration, deletion, and what is left of them when their files are damaged.

import Daybook
import Foundation
import Testing

@Suite struct TopicTests {
    @Test func `Topics outlive a restart with their configuration`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            var configuration = TopicConfiguration(compression: .zstd(level: 3))
            configuration.segmentBytes = .mebibytes(2)
            configuration.timestampType = .append
            try await daybook.createTopic("orders.eu", partitions: 4, configuration: configuration)
            try await daybook.createTopic("invoices")
            try await daybook.close()
            daybook = try await Daybook.open(directory)
            #expect(daybook.topics.map(\.name.description) == ["invoices", "orders.eu"])
            let topic = try daybook.topic("orders.eu")
            #expect(topic.configuration == configuration)
            #expect(topic.partitionsCount == 4)
            try await daybook.alterTopic(
                "orders.eu", settings: [("compression.type", "lz4"), ("segment.ms", "60000"), ("flush.ms", "10")])
            try await daybook.close()
            daybook = try await Daybook.open(directory)
            let altered = try daybook.topic("orders.eu").configuration
            #expect(altered.compression == .lz4(level: 0))
            #expect(altered.segmentAge == .seconds(60))
            #expect(altered.segmentBytes == .mebibytes(2))
            try await daybook.close()
        }
    }

    @Test(arguments: [
        "", ".", "..", "a/b", "a b", "ä", String(repeating: "x", count: 250), "a\n", "a:b",
    ])
    func `A name that Kafka would refuse is refused`(name: String) async throws {
        try await withDaybook { daybook in
            let error = await #expect(throws: DaybookError.self) { try await daybook.createTopic(name) }
            #expect(error?.code == .invalidTopic)
        }
    }

    @Test func `Names that are equal with an underscore for a dot collide`() async throws {
        try await withDaybook { daybook in
            try await daybook.createTopic("a.b")
            for name in ["a_b", "a.b"] {
                let error = await #expect(throws: DaybookError.self) { try await daybook.createTopic(name) }
                #expect(error?.code == .topicExists)
            }
        }
    }

    @Test(arguments: [0, -1, 100_001])
    func `Partition counts have bounds`(count: Int) async throws {
        try await withDaybook { daybook in
            let error = await #expect(throws: DaybookError.self) {
                try await daybook.createTopic("many", partitions: count)
            }
            #expect(error?.code == .invalidTopic)
        }
    }

    @Test func `Every setting refuses what it does not know and says what is allowed`() throws {
        for setting in TopicConfigurationTable.settings {
            var configuration = TopicConfiguration()
            let isNames = setting.name == "retention.guard.groups"
            for value in isNames ? [" ", "a b", "a,b c", "a\u{7f}"] : ["", "nonsense", "-99999999999999999999", "1.5"] {
                let error = #expect(throws: DaybookError.self) { try configuration.set(setting.name, to: value) }
                #expect(error?.code == .invalidConfiguration)
                #expect(error?.message.contains(setting.allowed) == true)
            }
            #expect(configuration == TopicConfiguration())
            try configuration.set(setting.name, to: setting.defaultText)
            #expect(configuration == TopicConfiguration())
        }
        var configuration = TopicConfiguration()
        let error = #expect(throws: DaybookError.self) { try configuration.set("segment.size", to: "1") }
        #expect(error?.message.contains("segment.bytes") == true)
    }

    @Test func `A configuration made in code is checked like text`() async throws {
        try await withDaybook { daybook in
            var configuration = TopicConfiguration()
            configuration.segmentBytes = .bytes(3)
            let error = await #expect(throws: DaybookError.self) {
                try await daybook.createTopic("small", configuration: configuration)
            }
            #expect(error?.code == .invalidConfiguration)
            #expect(throws: DaybookError.self) { try daybook.topic("small") }
        }
    }

    @Test func `C19 a topic deleted and created again is empty, and its old folder is gone`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            let first = try await daybook.createTopic("orders", partitions: 2)
            let producer = try daybook.makeProducer()
            for number in 0..<100 { try await producer.enqueue(Record(key: "\(number)", value: "old"), to: "orders") }
            try await producer.flush()
            try await daybook.deleteTopic("orders")
            #expect(!FileManager.default.fileExists(atPath: directory + "/orders-0"))
            let error = await #expect(throws: DaybookError.self) {
                try await producer.send(Record(key: nil, value: "lost"), to: "orders")
            }
            #expect(error?.code == .closed || error?.code == .unknownTopic)
            let second = try await daybook.createTopic("orders", partitions: 2)
            #expect(first.id != second.id)
            #expect(try await daybook.content(try partition()).records.isEmpty)
            let receipt = try await producer.send(Record(key: nil, value: "new"), to: "orders")
            #expect(receipt.offset == 0)
            try await daybook.close()
        }
    }

    @Test(arguments: ["topics", "topics.copy"])
    func `C13 one damaged copy of the registry costs nothing`(name: String) async throws {
        for damage in [Data(), Data("daybook-topics 1\nchecksum 0\n".utf8), Data(repeating: 0, count: 300), nil] {
            try await withDirectory { directory in
                try await makeTopics(directory)
                let url = URL(fileURLWithPath: directory + "/" + name)
                if let damage { try damage.write(to: url) } else { try FileManager.default.removeItem(at: url) }
                let daybook = try await Daybook.open(directory)
                #expect(daybook.recovery.registryNote != nil)
                #expect(try daybook.topic("orders").configuration.compression == .zstd(level: 7))
                #expect(try await daybook.content(try partition()).records.count == 5)
                try await daybook.close()
                // It has been written anew.
                let again = try await Daybook.open(directory)
                #expect(again.recovery.registryNote == nil)
                try await again.close()
            }
        }
    }

    @Test func `C35 with both copies of the registry lost, topics come from their folders and no record is lost`()
        async throws
    {
        try await withDirectory { directory in
            try await makeTopics(directory)
            for name in ["topics", "topics.copy"] { try FileManager.default.removeItem(atPath: directory + "/" + name) }
            // The largest number there is: one more overflows, and no topic has so many partitions.
            for name in ["orders-2147483647", "x-100000"] {
                try FileManager.default.createDirectory(
                    atPath: directory + "/" + name, withIntermediateDirectories: false)
            }
            let daybook = try await Daybook.open(directory)
            #expect(daybook.recovery.registryNote?.contains("default configuration") == true)
            #expect(daybook.recovery.strangers == ["orders-2147483647", "x-100000"])
            #expect(try daybook.topic("orders").partitionsCount == 2)
            #expect(try await daybook.content(try partition()).records.count == 5)
            try await daybook.close()
        }
    }

    @Test func `C35 folders that no topic claims are reported and left alone`() async throws {
        try await withDirectory { directory in
            try await makeTopics(directory)
            let stranger = directory + "/elsewhere-3"
            try FileManager.default.createDirectory(atPath: stranger, withIntermediateDirectories: false)
            try Data("precious".utf8).write(to: URL(fileURLWithPath: stranger + "/00000000000000000000.log"))
            let daybook = try await Daybook.open(directory)
            #expect(daybook.recovery.strangers == ["elsewhere-3"])
            await #expect(throws: DaybookError.self) { try await daybook.createTopic("elsewhere", partitions: 4) }
            try await daybook.close()
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: stranger + "/00000000000000000000.log"))
                    == Data("precious".utf8))
        }
    }

    private func makeTopics(_ directory: String) async throws {
        let daybook = try await Daybook.open(directory)
        try await daybook.createTopic(
            "orders", partitions: 2, configuration: TopicConfiguration(compression: .zstd(level: 7)))
        let producer = try daybook.makeProducer()
        for number in 0..<5 {
            _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders", partition: 0)
        }
        try await daybook.close()
    }
}
