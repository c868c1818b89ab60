// `max.message.bytes` lowered under producers at work: what was on its way is split, nothing is lost, written twice or out of
// order, and what comes later keeps to the new limit.

import DaybookFiles
import DaybookStorage
import DaybookTesting
import Synchronization
import SystemPackage
import Testing

@testable import Daybook

@Suite struct BatchLimitTests {
    private func record(_ number: Int, size: Int = 200) -> Record {
        Record(key: "k", value: "\(number)/" + String(repeating: "x", count: size))
    }

    private func numbers(_ content: Content) -> [Int] { content.values.compactMap { Int($0.prefix { $0 != "/" }) } }

    private func lowerLimit(_ daybook: Daybook, to bytes: Int) async throws {
        try await daybook.alterTopic("orders", settings: [("max.message.bytes", "\(bytes)")])
    }

    private func expectNoGap(_ batches: [RecordBatch], within limit: Int) {
        var next: Int32 = 0
        for batch in batches {
            #expect(batch.producer.baseSequence == next && batch.size <= limit)
            next += Int32(batch.recordsCount)
        }
    }

    @Test func `a batch that was being filled when the limit was lowered is split, and its producer goes on`()
        async throws
    {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(64), linger: .seconds(3600)))
            for number in 0..<100 { try await producer.enqueue(record(number), to: "orders") }
            try await lowerLimit(daybook, to: 2000)
            for number in 100..<120 { try await producer.enqueue(record(number), to: "orders") }
            try await producer.flush()
            for number in 120..<220 { try await producer.enqueue(record(number), to: "orders") }
            try await producer.flush()
            #expect(try await producer.send(record(220), to: "orders").offset == 220)
            let content = try await daybook.content(try partition())
            #expect(numbers(content) == Array(0...220) && content.offsets == Array(0...220))
            expectNoGap(try await daybook.read(try partition(), from: 0).batches, within: 2000)
        }
    }

    @Test func `who waits for a record of a batch that is split learns its own offset`() async throws {
        let disk = GatedFileSystem()
        try await withDaybook(Configuration().with(fileSystem: disk)) { daybook in
            let producer = try daybook.makeProducer()
            let orders = try daybook.partition(partition())
            // Known to the log, and not yet to the producer.
            orders.state.withLock { $0.log.configuration.maximumBatchBytes = .bytes(1000) }
            // While the first one waits for the disk, the others come together in one batch.
            disk.gate.close()
            let sends = (0..<20).map { number in
                Task { (number, try await producer.send(self.record(number), to: "orders").offset) }
            }
            #expect(await eventually { disk.gate.waiting > 0 })
            disk.gate.open()
            var offsets: [Int: Offset] = [:]
            for send in sends {
                let (number, offset) = try await send.value
                offsets[number] = offset
            }
            let content = try await daybook.content(try partition())
            for (number, offset) in zip(numbers(content), content.records.map(\.offset)) {
                #expect(offsets[number] == offset)
            }
            #expect(content.records.count == 20)
            expectNoGap(try await daybook.read(try partition(), from: 0).batches, within: 1000)
        }
    }

    @Test func `a record that is too large alone is refused, and the next ones are taken`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(64), linger: .seconds(3600)))
            try await producer.enqueue(record(0), to: "orders")
            try await producer.enqueue(record(1, size: 5000), to: "orders")
            try await lowerLimit(daybook, to: 2000)
            _ = try? await producer.flush()
            for number in 2..<30 { try await producer.enqueue(record(number), to: "orders") }
            try await producer.flush()
            #expect(numbers(try await daybook.content(try partition())) == Array(2..<30))
        }
    }

    @Test func `a disk that refuses the second piece leaves numbers that the log can go on with`() async throws {
        let disk = FaultyFileSystem()
        try await withDaybook(Configuration().with(fileSystem: disk)) { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(64), linger: .seconds(3600)))
            for number in 0..<20 { try await producer.enqueue(record(number), to: "orders") }
            try await lowerLimit(daybook, to: 1024)
            disk.inject(Fault(.fail(.ioError), [.write], calls: 1..<2) { $0.string.hasSuffix(".log") })
            _ = try? await producer.flush()
            disk.heal()
            for number in 20..<40 { try await producer.enqueue(record(number), to: "orders") }
            try await producer.flush()
            let found = numbers(try await daybook.content(try partition()))
            #expect(found.suffix(20) == ArraySlice(20..<40) && found.count < 40 && found.count > 20)
            #expect(found == Array(0..<(found.count - 20)) + Array(20..<40))
            expectNoGap(try await daybook.read(try partition(), from: 0).batches, within: 1024)
        }
    }
}
