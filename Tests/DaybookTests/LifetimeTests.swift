// Who keeps what alive, and who is left waiting: the lock while somebody writes, topics while a daybook closes, records that
// were acknowledged early, jobs that are done.

import Daybook
import DaybookTesting
import Testing

@Suite struct LifetimeTests {
    @Test func `C39 a writer or a reader keeps the directory locked when the daybook itself is forgotten`() async throws
    {
        func makeWriter(_ directory: String) async throws -> PartitionWriter {
            let daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            return try daybook.makeWriter(try partition(), durability: .durable)
        }
        try await withDirectory { directory in
            var writer = try await makeWriter(directory)
            let error = await #expect(throws: DaybookError.self) { _ = try await Daybook.open(directory) }
            #expect(error?.code == .directoryLocked)
            try Array("still here".utf8).withUnsafeBytes {
                try writer.append(key: nil, value: $0, timestamp: Timestamp(milliseconds: 1))
            }
            #expect(try writer.flush() == 1)
        }
    }

    @Test func `C39 a daybook that nobody holds gives its lock back, and what was acknowledged is there`() async throws
    {
        func sendAndForget(_ directory: String) async throws {
            let daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            let producer = try daybook.makeProducer()
            _ = try await producer.send(Record(key: nil, value: "kept"), to: "orders")
            // Nobody waits for this one; it goes on its way all the same.
            try await producer.enqueue(Record(key: nil, value: "taken in"), to: "orders")
        }
        try await withDirectory { directory in
            try await sendAndForget(directory)
            var reopened: Daybook?
            let isFree = try await eventually {
                do { reopened = try await Daybook.open(directory) } catch let error as DaybookError {
                    guard error.code == .directoryLocked else { throw error }
                }
                return reopened != nil
            }
            #expect(isFree)
            let daybook = try #require(reopened)
            #expect(!daybook.recovery.wasClosedCleanly)
            #expect(try await eventually { try await daybook.offsets(try partition()).highWatermark == 2 })
            let batches = try await daybook.read(try partition(), from: .zero).batches
            let values = try batches.flatMap { try $0.records() }.map {
                $0.record.value.map { String(decoding: $0, as: UTF8.self) }
            }
            #expect(values == ["kept", "taken in"])
            try await daybook.close()
        }
    }

    @Test func `After a close no change of topics touches the directory`() async throws {
        try await withDirectory { directory in
            let first = try await Daybook.open(directory)
            try await first.createTopic("orders", partitions: 4)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask { _ = try? await first.createTopic("extra-\(number)") }
                    group.addTask { try? await first.deleteTopic("orders") }
                }
                group.addTask { try? await first.close() }
            }
            let second = try await Daybook.open(directory)
            let names = second.topics.map(\.name)
            _ = try? await first.createTopic("late")
            try? await first.deleteTopic("extra-0")
            try await second.close()
            let third = try await Daybook.open(directory)
            #expect(third.topics.map(\.name) == names)
            #expect(third.recovery.strangers.isEmpty)
            try await third.close()
        }
    }

    @Test func `A buffered record behind a batch under way reaches the log by itself`() async throws {
        let fileSystem = GatedFileSystem()
        var configuration = Configuration()
        configuration.fileSystem = fileSystem
        try await withDaybook(configuration) { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(linger: .milliseconds(1), durability: .buffered))
            for number in 0..<50 { _ = try await producer.send(Record(key: "k", value: "\(number)"), to: "orders") }
            let orders = try partition()
            #expect(try await eventually { try await daybook.offsets(orders).logEndOffset == 50 })
        }
    }

    @Test func `Records without a key that leave by lingering are spread over the partitions too`() async throws {
        try await withDaybook(partitions: 3) { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(linger: .milliseconds(1), durability: .osCache))
            var used: Set<Int32> = []
            for number in 0..<200 where used.count < 3 {
                try await producer.enqueue(Record(key: nil, value: "\(number)"), to: "orders")
                _ = try await eventually {
                    var sum: Int64 = 0
                    for number in Int32(0)..<3 {
                        let end = try await daybook.offsets(try partition(number)).logEndOffset
                        if end > 0 { used.insert(number) }
                        sum += end.rawValue
                    }
                    return sum == Int64(number + 1)
                }
            }
            #expect(used.count == 3)
        }
    }

    @Test func `A reader elsewhere is kept up to date although the senders never pause`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            let orders = try partition()
            let senders = (0..<4).map { _ in
                Task {
                    let producer = try daybook.makeProducer()
                    while !Task.isCancelled { _ = try await producer.send(Record(key: nil, value: "x"), to: "orders") }
                }
            }
            // It has to move several times while the flush loop is never idle.
            var last = Offset.zero
            for _ in 0..<5 {
                let seen = last
                #expect(try await eventually { try await reader.offsets(orders).highWatermark > seen })
                last = try await reader.offsets(orders).highWatermark
            }
            for sender in senders { sender.cancel() }
            for sender in senders { _ = await sender.result }
            try await daybook.close()
            try await reader.close()
        }
    }
}
