// What an acknowledgement means and when readers see a record: group commit, slow and failing flushes.

import Daybook
import DaybookFiles
import Foundation
import Testing

@Suite struct DurabilityTests {
    private func configuration(_ fileSystem: GatedFileSystem) -> Configuration {
        var configuration = Configuration()
        configuration.fileSystem = fileSystem
        return configuration
    }

    @Test func `C28 one flush answers many senders and none is answered without one`() async throws {
        let fileSystem = GatedFileSystem()
        try await withDaybook(configuration(fileSystem)) { daybook in
            let producer = try daybook.makeProducer()
            let before = fileSystem.gate.flushes
            try await withThrowingTaskGroup(of: Receipt.self) { group in
                for number in 0..<500 {
                    group.addTask { try await producer.send(Record(key: nil, value: "\(number)"), to: "orders") }
                }
                var offsets: Set<Offset> = []
                for try await receipt in group { if let offset = receipt.offset { offsets.insert(offset) } }
                #expect(offsets.count == 500)
            }
            let flushes = fileSystem.gate.flushes - before
            #expect(flushes >= 1)
            #expect(flushes < 250, "\(flushes) flushes for 500 records")
        }
    }

    @Test func `C23 a slow flush holds up neither appends nor readers, and nobody sees what is not durable`()
        async throws
    {
        let fileSystem = GatedFileSystem()
        try await withDaybook(partitions: 2, configuration(fileSystem)) { daybook in
            let orders = try partition(0)
            let patient = try daybook.makeProducer()
            _ = try await patient.send(Record(key: nil, value: "first"), to: "orders", partition: 0)
            fileSystem.gate.close()
            async let pending = patient.send(Record(key: nil, value: "second"), to: "orders", partition: 0)
            #expect(await eventually { fileSystem.gate.waiting > 0 })
            // The same partition takes more, and another one too.
            let hasty = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            for number in 0..<10 {
                let receipt = try await hasty.send(Record(key: nil, value: "\(number)"), to: "orders", partition: 0)
                #expect(receipt.durability == .osCache)
                _ = try await hasty.send(Record(key: nil, value: "\(number)"), to: "orders", partition: 1)
            }
            #expect(try await daybook.content(orders).values == ["first"])
            #expect(try await daybook.content(orders, isolation: .pageCache).records.count == 12)
            let offsets = try await daybook.offsets(orders)
            #expect(offsets.highWatermark == 1 && offsets.logEndOffset == 12)
            let error = await #expect(throws: DaybookError.self) { try await daybook.read(orders, from: 5) }
            #expect(error?.code == .offsetOutOfRange)
            fileSystem.gate.open()
            #expect(try await pending.offset == 1)
            #expect(try await eventually { try await daybook.content(orders).records.count == 12 })
        }
    }

    @Test func `C37 slow flushes do not stop tasks that have nothing to do with them`() async throws {
        let fileSystem = GatedFileSystem()
        try await withDaybook(partitions: 16, configuration(fileSystem)) { daybook in
            let producer = try daybook.makeProducer()
            fileSystem.gate.close()
            let senders = (0..<64).map { number in
                Task {
                    try await producer.send(Record(key: nil, value: "x"), to: "orders", partition: Int32(number % 16))
                }
            }
            #expect(await eventually { fileSystem.gate.waiting > 0 })
            // With the cooperative threads blocked this sum would never come.
            let sum = await withTaskGroup(of: Int.self) { group in
                for number in 0..<100 { group.addTask { number } }
                return await group.reduce(0, +)
            }
            #expect(sum == 4950)
            fileSystem.gate.open()
            for sender in senders { _ = try await sender.value }
        }
    }

    @Test func `C20 after a failed flush nothing is acknowledged, reads go on, and reopening recovers`() async throws {
        try await withDirectory { directory in
            let fileSystem = GatedFileSystem()
            var daybook = try await Daybook.open(directory, configuration: configuration(fileSystem))
            try await daybook.createTopic("orders", partitions: 2)
            let producer = try daybook.makeProducer()
            for number in 0..<5 {
                _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders", partition: 0)
            }
            fileSystem.gate.fail()
            for _ in 0..<3 {
                let error = await #expect(throws: DaybookError.self) {
                    try await producer.send(Record(key: nil, value: "doubtful"), to: "orders", partition: 0)
                }
                #expect(error?.code == .partitionFailed)
            }
            #expect(try await daybook.content(try partition(0)).values == ["0", "1", "2", "3", "4"])
            await #expect(throws: DaybookError.self) { try await daybook.close() }
            daybook = try await Daybook.open(directory)
            #expect(!daybook.recovery.wasClosedCleanly)
            #expect(daybook.recovery.leaderEpoch == LeaderEpoch(rawValue: 1))
            try await daybook.flush()
            let values = try await daybook.content(try partition(0)).values
            #expect(values.prefix(5) == ["0", "1", "2", "3", "4"])
            #expect(values.dropFirst(5).allSatisfy { $0 == "doubtful" })
            _ = try await daybook.makeProducer().send(Record(key: nil, value: "again"), to: "orders", partition: 0)
            try await daybook.close()
        }
    }

    @Test func `What was appended at a lower level is flushed in the background before long`() async throws {
        var topic = TopicConfiguration()
        topic.flushInterval = .milliseconds(5)
        try await withDaybook(topic: topic) { daybook in
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            _ = try await producer.send(Record(key: nil, value: "x"), to: "orders")
            let orders = try partition()
            #expect(try await eventually { try await daybook.offsets(orders).highWatermark == 1 })
        }
    }

    @Test func `A blocking writer of one's own reaches the same promises`() async throws {
        try await withDaybook { daybook in
            let orders = try partition()
            var writer = try daybook.makeWriter(orders, batchSize: .kibibytes(1), durability: .durable)
            for number in 0..<200 {
                try Array("value \(number)".utf8).withUnsafeBytes {
                    try writer.append(key: nil, value: $0, timestamp: Timestamp(milliseconds: Int64(number)))
                }
            }
            #expect(try writer.flush() == 200)
            #expect(try await daybook.offsets(orders).highWatermark == 200)
            var reader = try daybook.makeReader(orders)
            var values: [String] = []
            while true {
                let result = try reader.read(maxBytes: .kibibytes(2))
                if result.isEmpty { break }
                for batch in result.batches {
                    try reader.forEach(in: batch) { record in
                        if let value = record.value { values.append(String(decoding: value)) }
                    }
                }
            }
            #expect(values == (0..<200).map { "value \($0)" })
        }
    }
}
