// One batch at an offset that the caller expects: all or nothing, and of several who try one.

import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@testable import Daybook

@Suite struct ConditionalAppendTests {
    private func records(_ values: String...) -> [Record] { values.map { Record(key: "k", value: $0) } }

    @Test func `Records are appended at the expected offset, as one batch`() async throws {
        try await withDaybook { daybook in
            let orders = try partition()
            let first = try await daybook.append(records("a", "b", "c"), to: orders, expecting: 0)
            #expect(first.baseOffset == 0 && first.nextOffset == 3)
            #expect(first.durability == .durable && !first.isDuplicate)
            let second = try await daybook.append(records("d"), to: orders, expecting: first.nextOffset)
            #expect(second.baseOffset == 3)
            try await daybook.append(records("e"), to: orders)
            #expect(try await daybook.content(orders).values == ["a", "b", "c", "d", "e"])
            let batches = try await daybook.read(orders, from: 0).batches
            #expect(batches.map(\.recordsCount) == [3, 1, 1])
            #expect(batches[0].appendTime == first.appendTime)
        }
    }

    @Test func `An unexpected offset is a conflict that says where the log goes on, and nothing is appended`()
        async throws
    {
        try await withDaybook { daybook in
            let orders = try partition()
            try await daybook.append(records("a", "b"), to: orders)
            for wrong in [Offset(0), 1, 3, 100, .max] {
                let error = await #expect(throws: DaybookError.self) {
                    try await daybook.append(records("x"), to: orders, expecting: wrong)
                }
                #expect(error?.code == .offsetConflict)
                #expect(error?.offset == 2)
                #expect(error?.topicPartition == orders)
            }
            #expect(try await daybook.content(orders).values == ["a", "b"])
        }
    }

    @Test func `Of many who expect the same offset one is let in, each time`() async throws {
        try await withDaybook { daybook in
            let orders = try partition()
            // Each adds one to the last number, as a counter that is kept in a log.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var done = 0
                        while done < 10 {
                            let next = try await daybook.offsets(orders).highWatermark
                            let last = next == 0 ? 0 : try await number(daybook, orders, Offset(next.rawValue - 1))
                            let record = Record(key: nil, value: "\(last + 1)")
                            do {
                                try await daybook.append([record], to: orders, expecting: next)
                                done += 1
                            } catch let error as DaybookError {
                                guard error.code == .offsetConflict else { throw error }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await daybook.content(orders).values == (1...80).map(String.init))
        }
    }

    private func number(_ daybook: Daybook, _ orders: TopicPartition, _ offset: Offset) async throws -> Int {
        let value = try await daybook.content(orders, from: offset).values.first
        return try #require(value.flatMap { Int($0) })
    }

    @Test(arguments: PowerCut.allCases)
    func `After a power cut a repeated append is there once, whatever became of the first one`(_ cut: PowerCut)
        async throws
    {
        for number in 0..<12 {
            let disk = SimulatedDisk(seed: UInt64(number))
            let configuration = Configuration(ioThreads: 1, flushThreads: 1)
            let before = try await Daybook.open("/data", configuration: configuration.with(disk: disk))
            try await before.createTopic("orders")
            let orders = try partition()
            let first = try await before.append(records("a"), to: orders)
            disk.crash(at: disk.callsCount + number)
            let isDone = (try? await before.append(records("b", "c"), to: orders, expecting: first.nextOffset)) != nil
            disk.crash()
            disk.restart(cut)
            let after = try await Daybook.open("/data", configuration: configuration.with(disk: disk))
            do {
                try await after.append(records("b", "c"), to: orders, expecting: first.nextOffset)
                #expect(!isDone, "what was acknowledged is gone")
            } catch let error as DaybookError {
                #expect(error.code == .offsetConflict && error.offset == 3)
            }
            #expect(try await after.content(orders).values == ["a", "b", "c"])
            try await after.close()
        }
    }

    @Test func `What cannot be one batch is refused before anything is written`() async throws {
        var topic = TopicConfiguration()
        topic.maxMessageBytes = .kibibytes(1)
        try await withDaybook(topic: topic) { daybook in
            let orders = try partition()
            func code(_ records: [Record], _ durability: Durability = .durable) async -> DaybookError.Code? {
                let error = await #expect(throws: DaybookError.self) {
                    try await daybook.append(records, to: orders, durability: durability)
                }
                return error?.code
            }
            #expect(await code([]) == .invalidRecord)
            #expect(await code(records("a"), .buffered) == .invalidConfiguration)
            #expect(await code(records(String(repeating: "x", count: 2000))) == .recordTooLarge)
            let far = [Timestamp(milliseconds: .min), Timestamp(milliseconds: .max)].map {
                Record(key: nil, value: "x", timestamp: $0)
            }
            #expect(await code(far) == .invalidRecord)
            try await daybook.alterTopic("orders", settings: [("cleanup.policy", "compact")])
            #expect(await code([Record(key: nil, value: "x")]) == .invalidRecord)
            #expect(try await daybook.offsets(orders).logEndOffset == 0)
        }
    }
}
