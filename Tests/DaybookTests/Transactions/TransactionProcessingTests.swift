// Consume, process, produce as one transaction: each record of the input has its effect in the output once, whatever happens in
// between.

import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

@Suite struct TransactionProcessingTests {
    private static let inputs = 20

    /// Doubles numbers from `input` into the three partitions of `orders`, from what the group has committed on.
    private static func process(_ daybook: Daybook, max: Int, failing failures: Set<Int> = []) async throws {
        let input = try partition(0, of: "input")
        let committed = try await daybook.committedOffsets(group: "doubling")[input]?.offset
        let consumer = try await daybook.makeConsumer(
            assigned: [input], from: .offset(committed ?? 0), configuration: ConsumerConfiguration())
        let producer = try await daybook.makeTransactionalProducer(id: "doubling")
        var attempt = 0
        while try consumer.position(input) < Offset(Int64(inputs)) {
            attempt += 1
            let number = attempt
            do {
                _ = try await producer.process(consumer, group: "doubling", max: max) { transaction, batches in
                    for batch in batches {
                        for value in try values(batch) {
                            let record = Record(key: "k", value: "\(value * 2)")
                            try await transaction.send(record, to: "orders", partition: Int32(value % 3))
                        }
                    }
                    if failures.contains(number) { throw Deliberate() }
                }
            } catch is Deliberate {}
        }
        await consumer.close()
    }

    private static func values(_ batch: ConsumedBatch) throws -> [Int] {
        var values: [Int] = []
        try batch.forEach { record in
            if let value = record.value { values.append(Int(String(decoding: value)) ?? -1) }
        }
        return values
    }

    private static func fillInput(_ daybook: Daybook) async throws {
        try await daybook.createTopic("input")
        for number in 0..<inputs {
            try await daybook.append([Record(key: "k", value: "\(number)")], to: try partition(0, of: "input"))
        }
    }

    private static func expectEachOnce(_ daybook: Daybook, _ comment: Comment) async throws {
        for number in 0..<3 {
            let wanted = (0..<inputs).filter { $0 % 3 == number }.map { "\($0 * 2)" }
            #expect(try await daybook.committed(Int32(number)) == wanted, comment)
        }
        let committed = try await daybook.committedOffsets(group: "doubling")[try partition(0, of: "input")]?.offset
        #expect(committed == Offset(Int64(inputs)), comment)
    }

    @Test func `Input, output and the group's offsets move together, and what fails is done again`() async throws {
        try await withDaybook(partitions: 3) { daybook in
            try await Self.fillInput(daybook)
            try await Self.process(daybook, max: 3, failing: [1, 2, 4, 7])
            try await Self.expectEachOnce(daybook, "in one life")
            let consumer = try await daybook.makeConsumer(assigned: [try partition(0, of: "input")], from: .end)
            let producer = try await daybook.makeTransactionalProducer(id: "doubling")
            let nothing = try await producer.process(consumer, group: "doubling", timeout: .zero) { _, _ in 1 }
            #expect(nothing == nil)
            await consumer.close()
        }
    }

    @Test(arguments: [PowerCut.drawn, .nothing, .everything])
    func `However often the power fails, each record has its effect once`(_ cut: PowerCut) throws {
        for seed in UInt64(0)..<25 {
            var generator = SeededGenerator(seed: seed)
            let disk = SimulatedDisk(seed: seed)
            try onOneThread(disk) { daybook, _ in try await Self.fillInput(daybook) }
            var livesCount = 0
            var isDone = false
            while !isDone {
                livesCount += 1
                disk.crash(at: disk.callsCount + Int.random(in: 30..<180 + livesCount * 10, using: &generator))
                do {
                    isDone = try onOneThread(disk, seed: seed) { daybook, _ in
                        do {
                            try await Self.process(daybook, max: 4)
                            return !disk.isDown
                        } catch is DaybookError where disk.isDown {
                            return false
                        }
                    }
                } catch is DaybookError where disk.isDown {}
                if disk.isDown { disk.restart(cut) }
            }
            // The last life was shorter than planned.
            disk.crash(at: .max)
            let comment: Comment = "seed \(seed), \(livesCount) lives"
            try onOneThread(disk) { daybook, _ in try await Self.expectEachOnce(daybook, comment) }
        }
    }
}
