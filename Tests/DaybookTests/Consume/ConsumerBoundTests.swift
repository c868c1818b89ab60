// What a consumer holds and what it costs while nothing happens: bounded memory, no work for those who wait, nothing kept alive.

@testable import Daybook
import DaybookTesting
import Synchronization
import Testing

@Suite struct ConsumerBoundTests {
    /// Bytes read ahead and bytes that reads under way may bring.
    private static func held(_ consumer: Consumer) -> (buffered: Int, reserved: Int) {
        consumer.fetcher.state.withLock { ($0.buffered, $0.reserved) }
    }

    @Test(arguments: [Compression.none, .zstd()])
    func `Nothing is read beyond the bounds until records have been handed out`(compression: Compression) throws {
        try onLoop(partitions: 8) { daybook, loop in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(4), compression: compression, durability: .osCache))
            for number in 0..<8000 {
                let value = String(repeating: "value \(number) ", count: 20)
                try await producer.enqueue(Record(key: nil, value: value), to: "orders", partition: Int32(number % 8))
            }
            try await producer.flush()
            try await daybook.flush()
            let consumer = try await daybook.consumer(
                Array(0..<8), from: .beginning,
                ConsumerConfiguration(readAhead: .kibibytes(200), partitionReadAhead: .kibibytes(40)))
            // A batch more than the bound may be unpacked in each partition.
            let limit = 200 << 10 + 8 * (8 << 10)
            var (seen, highest) = (0, 0)
            while seen < 8000 {
                for batch in try await consumer.poll(max: 100, timeout: .seconds(1)) {
                    try batch.forEach { _ in seen += 1 }
                }
                await loop.settle()
                let (buffered, reserved) = Self.held(consumer)
                highest = max(highest, buffered + reserved)
                consumer.fetcher.state.withLock { state in
                    for slot in state.slots.values { #expect(slot.bytes <= 60 << 10) }
                }
            }
            #expect(highest <= limit && highest > 100 << 10, "\(highest) bytes")
            #expect(Self.held(consumer) == (0, 0))
        }
    }

    @Test func `A slow consumer is not read for, however much is appended`() throws {
        try onLoop { daybook, loop in
            let consumer = try await daybook.consumer(
                from: .beginning, ConsumerConfiguration(readAhead: .kibibytes(64), partitionReadAhead: .kibibytes(64)))
            #expect(try await consumer.poll(timeout: .zero).isEmpty)
            // Batches of one record: what a read takes beside them counts too.
            for number in 0..<600 {
                try await daybook.fill(number..<number + 1)
                if number % 50 == 0 { await loop.pass(.milliseconds(1)) }
                #expect(Self.held(consumer).buffered <= 80 << 10)
            }
            #expect(try await consumer.values(600) == numbers(0..<600))
        }
    }

    @Test func `A batch larger than the bounds is read all the same`() throws {
        try onLoop { daybook, _ in
            let producer = try daybook.makeProducer()
            let value = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
            for _ in 0..<5 { _ = try await producer.send(Record(key: nil, value: value), to: "orders") }
            let consumer = try await daybook.consumer(
                from: .beginning, ConsumerConfiguration(readAhead: .kibibytes(4), partitionReadAhead: .kibibytes(4)))
            var iterator = consumer.records.makeAsyncIterator()
            for _ in 0..<5 { #expect(try await iterator.next()?.value == value) }
        }
    }

    @Test func `A thousand consumers that wait cost nothing for as long as nothing happens`() throws {
        try onLoop(partitions: 4) { daybook, loop in
            var consumers: [Consumer] = []
            for number in Int32(0)..<1000 { consumers.append(try await daybook.consumer([number % 4])) }
            try await withThrowingTaskGroup(of: Int.self) { group in
                for consumer in consumers {
                    group.addTask {
                        var iterator = consumer.batches.makeAsyncIterator()
                        return try await iterator.next()?.recordsCount ?? 0
                    }
                }
                await loop.pass(.seconds(1))
                let before = loop.jobsCount
                await loop.pass(.seconds(24 * 3600))
                #expect(loop.jobsCount - before <= 2)
                for number in Int32(0)..<4 { try await daybook.fill(0..<1, of: number) }
                #expect(try await group.reduce(0, +) == 1000)
            }
        }
    }

    @Test func `Cancellation at any moment takes nothing away`() throws {
        try onLoop(seed: 5) { daybook, loop in
            let consumer = try await daybook.consumer()
            var random = SeededGenerator(seed: 9)
            var (values, cancelled, sent) = ([String](), 0, 0)
            for _ in 0..<400 {
                let task = Task(executorPreference: loop) { try await consumer.poll(max: 2, timeout: .seconds(1)) }
                for _ in 0..<Int.random(in: 0..<5, using: &random) { await loop.settle() }
                if Bool.random(using: &random) {
                    try await daybook.fill(sent..<sent + 3)
                    sent += 3
                }
                task.cancel()
                switch await task.result {
                case .success(let batches): values += try batches.flatMap { try $0.values }
                case .failure(let error):
                    #expect(error is CancellationError)
                    cancelled += 1
                }
            }
            values += try await consumer.values(sent - values.count)
            #expect(values == numbers(0..<sent))
            #expect((50..<350).contains(cancelled), "\(cancelled)")
        }
    }

    @Test func `A task that fails or is cancelled disturbs no other consumer`() throws {
        struct Crash: Error {}
        try onLoop(seed: 3) { daybook, loop in
            let sums = try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let consumer = try await daybook.consumer()
                        var sum = 0
                        do {
                            for try await batch in consumer.batches {
                                try batch.forEach { _ in sum += 1 }
                                if number % 3 == 0, sum > 40 { throw Crash() }
                                if sum == 200 { return sum }
                            }
                        } catch is Crash {
                            return nil
                        }
                        return sum
                    }
                }
                for start in stride(from: 0, to: 200, by: 20) {
                    try await daybook.fill(start..<start + 20)
                    await loop.pass(.milliseconds(1))
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(sums.count { $0 == nil } == 7 && sums.compactMap { $0 } == Array(repeating: 200, count: 13))
        }
    }

    @Test func `A consumer that nobody holds is gone, with what it has read, and lets the daybook go`() throws {
        try onLoop { daybook, loop in
            try await daybook.fill(0..<100)
            weak var fetcher: Fetcher?
            weak var consumer: Consumer?
            do {
                let made = try await daybook.consumer()
                (consumer, fetcher) = (made, made.fetcher)
                _ = try await made.poll(max: 1, timeout: .seconds(1))
                #expect(fetcher != nil)
            }
            await loop.settle()
            #expect(consumer == nil && fetcher == nil)
            let orders = try daybook.partition(partition())
            #expect(orders.state.withLock { $0.watchers.isEmpty })
        }
    }
}
