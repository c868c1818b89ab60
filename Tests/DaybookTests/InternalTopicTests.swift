// The topics in which Daybook keeps its own records: made when needed, kept from users, looked after like all others.

import Daybook
import DaybookModel
import DaybookTesting
import Foundation
import Testing

@Suite("Internal topics")
struct InternalTopicTests {
    @Test func `An internal topic is made once, by whoever needs it first, and outlives a restart`() async throws {
        try await withDirectory { directory in
            var configuration = Configuration()
            configuration.internalTopicPartitions = 3
            var daybook = try await Daybook.open(directory, configuration: configuration)
            #expect(daybook.existingInternalTopic(.consumerOffsets) == nil)
            let ids = try await withThrowingTaskGroup(of: UInt64.self) { group in
                for _ in 0..<8 {
                    group.addTask { [daybook] in try await daybook.internalTopic(.consumerOffsets).id }
                }
                return try await group.reduce(into: Set<UInt64>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            try await daybook.close()

            configuration.internalTopicPartitions = 5
            daybook = try await Daybook.open(directory, configuration: configuration)
            let topic = try await daybook.internalTopic(.consumerOffsets)
            #expect(ids == [topic.id] && topic.partitionsCount == 3 && topic.isInternal)
            #expect(topic.configuration.retention.policy == .compact)
            #expect(try await daybook.internalTopic(.transactionState).partitionsCount == 5)
            try await daybook.close()
        }
    }

    @Test func `Internal topics are listed only when asked for`() async throws {
        try await withDaybook { daybook in
            for kind in InternalTopic.allCases { _ = try await daybook.internalTopic(kind) }
            #expect(daybook.topics.map(\.name.description) == ["orders"])
            #expect(
                daybook.topics(includingInternal: true).map(\.name.description)
                    == ["__consumer_offsets", "__transaction_state", "orders"])
            #expect(try daybook.topic("__consumer_offsets").isInternal)
            #expect(try !daybook.topic("orders").isInternal)
        }
    }

    @Test(arguments: ["__consumer_offsets", "__transaction_state", "..consumer.offsets"])
    func `Nobody else makes a topic of such a name, there or not`(name: String) async throws {
        try await withDaybook { daybook in
            for _ in 0..<2 {
                let error = await #expect(throws: DaybookError.self) { try await daybook.createTopic(name) }
                #expect(error?.code == .internalTopic && error?.message.contains("choose another name") == true)
                for kind in InternalTopic.allCases { _ = try await daybook.internalTopic(kind) }
            }
        }
    }

    @Test func `Users neither write to internal topics nor take anything from them`() async throws {
        try await withDaybook { daybook in
            let name = "__consumer_offsets"
            let topic = try await daybook.internalTopic(.consumerOffsets)
            let first = topic.partitions[0]
            let producer = try daybook.makeProducer()
            let record = Record(key: "k", value: "v")
            let attempts: [() async throws -> Void] = [
                { _ = try await producer.send(record, to: name) },
                { try await producer.enqueue(record, to: name) },
                { _ = try daybook.makeWriter(first) },
                { try await daybook.deleteTopic(name) },
                { _ = try await daybook.deleteRecords(first, before: 0) },
                { _ = try await daybook.alterTopic(name, settings: [("cleanup.policy", "delete")]) },
                { _ = try await daybook.alterTopic(name, settings: [("cleanup.policy", "compact,delete")]) },
            ]
            for attempt in attempts {
                let error = await #expect(throws: DaybookError.self) { try await attempt() }
                #expect(error?.code == .internalTopic && error?.message.contains(name) == true)
            }
            #expect(try daybook.topic(name).configuration == topic.configuration)
            // What does no harm is allowed.
            try await daybook.alterTopic(name, settings: [("segment.bytes", "1MiB"), ("compression.type", "zstd")])
            #expect(try daybook.topic(name).configuration.segmentBytes == .mebibytes(1))
            #expect(try await daybook.read(first, from: 0).isEmpty)
            #expect(try await daybook.compact(name).isEmpty)
        }
    }

    @Test func `A reader finds an internal topic or none, and makes none`() async throws {
        try await withDirectory { directory in
            let writer = try await Daybook.open(directory)
            let early = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            let error = await #expect(throws: DaybookError.self) { try await early.internalTopic(.consumerOffsets) }
            #expect(error?.code == .readOnly)
            _ = try await writer.internalTopic(.consumerOffsets)
            let late = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            #expect(try await late.internalTopic(.consumerOffsets).partitionsCount == 8)
            for daybook in [early, late, writer] { try await daybook.close() }
        }
    }

    @Test func `C35 with the registry lost, an internal topic is compacted all the same`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            let topic = try await daybook.internalTopic(.consumerOffsets)
            try await daybook.close()
            for name in ["topics", "topics.copy"] { try FileManager.default.removeItem(atPath: directory + "/" + name) }
            daybook = try await Daybook.open(directory)
            #expect(try daybook.topic("__consumer_offsets").configuration == topic.configuration)
            #expect(try await daybook.internalTopic(.consumerOffsets).partitionsCount == topic.partitionsCount)
            try await daybook.close()
        }
    }

    @Test(arguments: [0, -1, 100_001])
    func `The number of partitions has bounds`(count: Int) async throws {
        var configuration = Configuration()
        configuration.internalTopicPartitions = count
        let error = #expect(throws: DaybookError.self) { try configuration.validated() }
        #expect(error?.code == .invalidConfiguration)
    }

    /// The absolute values of Java's hash codes, computed in arbitrary precision and then cut to 32 bits. "Aa" and "BB" are the
    /// famous collision; "polygenelubricants" has the smallest number, which has no absolute value and counts as 0;
    /// "warehouse" has a negative one.
    @Test(arguments: [
        ("", 0), ("a", 97), ("Aa", 2112), ("BB", 2112), ("hello", 99_162_322), ("ä", 228), ("😀", 1_772_899),
        ("polygenelubricants", 0), ("zzzzzzz", 215_481_018), ("warehouse", 1_997_587_773),
    ])
    func `A key's partition follows from Java's hash code of its UTF-16`(key: String, hash: Int32) {
        for count: Int32 in [1, 7, 8, 50, 100_000] {
            #expect(InternalTopic.partition(of: key, count: count) == hash % count)
        }
    }
}
