// A disk that fails one partition, or all of them: who hears of it, and what the others still promise.

import Daybook
import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@Suite struct DeadDiskTests {
    private var topic: TopicConfiguration {
        var topic = TopicConfiguration()
        topic.flushInterval = .milliseconds(5)
        return topic
    }

    private func send(
        _ count: Int, to number: Int32, of daybook: Daybook, _ durability: Durability = .durable
    ) async throws {
        let producer = try daybook.makeProducer(ProducerConfiguration(durability: durability))
        for value in 0..<count {
            _ = try await producer.send(Record(key: nil, value: "\(value)"), to: "orders", partition: number)
        }
    }

    @Test func `C27 what one partition has flushed says nothing of another that shares its files`() async throws {
        try await withDirectory { directory in
            let disk = FaultyFileSystem()
            let daybook = try await Daybook.open(directory, configuration: Configuration().with(fileSystem: disk))
            try await daybook.createTopic("orders", partitions: 3, configuration: topic)
            disk.inject(
                Fault(.fail(.ioError), [.flush], calls: 0..<Int.max) {
                    $0.string.hasSuffix("orders-1/00000000000000000000.log")
                })
            try await send(1, to: 1, of: daybook, .osCache)
            #expect(await eventually { !daybook.failedPartitions.isEmpty })
            for round in 1...5 {
                for number in [Int32(0), 2] { try await send(round, to: number, of: daybook) }
            }
            // Another process knows only what is written down.
            let reader = try await Daybook.open(directory, configuration: Configuration(access: .readOnly))
            let isWritten = try await eventually {
                let others = [try await reader.offsets(try partition(0)), try await reader.offsets(try partition(2))]
                return others.allSatisfy { $0.highWatermark == 15 }
            }
            #expect(isWritten)
            #expect(try await reader.offsets(try partition(1)).highWatermark == 0)
            #expect(try await daybook.offsets(try partition(1)).highWatermark == 0)
            #expect(try await reader.content(try partition(1)).records.isEmpty)
            try await reader.close()
            await #expect(throws: DaybookError.self) { try await daybook.close() }
        }
    }

    @Test func `C38 a disk that dies is heard of at once, by whoever sends and by whoever asks`() async throws {
        try await withDirectory { directory in
            let disk = FaultyFileSystem()
            let daybook = try await Daybook.open(directory, configuration: Configuration().with(fileSystem: disk))
            try await daybook.createTopic("orders", partitions: 4, configuration: topic)
            for number in Int32(0)..<4 { try await send(2, to: number, of: daybook) }
            #expect(daybook.failedPartitions.isEmpty)
            // First a flush that nobody waits for.
            disk.inject(Fault(.fail(.ioError), [.flush], calls: 0..<Int.max) { $0.extension == "log" })
            try await send(1, to: 2, of: daybook, .osCache)
            #expect(await eventually { !daybook.failedPartitions.isEmpty })
            #expect(daybook.failedPartitions.keys.map(\.partition) == [2])
            // Then all of it.
            disk.inject(Fault.crash(at: 0))
            for (number, durability) in [(Int32(0), Durability.durable), (1, .osCache)] {
                let error = await #expect(throws: DaybookError.self) {
                    try await send(1, to: number, of: daybook, durability)
                }
                #expect(error?.code == .partitionFailed)
            }
            let failed = daybook.failedPartitions
            #expect(Set(failed.keys.map(\.partition)) == [0, 1, 2])
            #expect(failed.values.allSatisfy { $0.code == .partitionFailed && $0.cause != nil })
            // From here on nobody waits for the disk to find out.
            for number in Int32(0)..<3 {
                await #expect(throws: DaybookError.self) { try await send(1, to: number, of: daybook) }
            }
            await #expect(throws: DaybookError.self) { try await daybook.close() }
            disk.heal()
            let again = try await Daybook.open(directory)
            #expect(again.failedPartitions.isEmpty && !again.recovery.wasClosedCleanly)
            for number in Int32(0)..<4 {
                #expect(try await again.content(try partition(number)).values.prefix(2) == ["0", "1"])
            }
            try await again.close()
        }
    }
}
