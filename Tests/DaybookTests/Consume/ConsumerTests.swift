// What a consumer hands out, in which order, and where it stands afterwards. On a loop in virtual time.

import Daybook
import DaybookTesting
import Testing

extension Daybook {
    /// Sends records `first`, `first + 1` … to a partition of `orders`, `perBatch` in a batch, durably.
    func fill(
        _ range: Range<Int>, of number: Int32 = 0, perBatch: Int = 5, compression: Compression = .none
    ) async throws {
        let producer = try makeProducer(ProducerConfiguration(linger: .seconds(60), compression: compression))
        for start in stride(from: range.lowerBound, to: range.upperBound, by: perBatch) {
            for value in start..<min(start + perBatch, range.upperBound) {
                try await producer.enqueue(
                    Record(key: "k\(value)", value: "\(value)", headers: [RecordHeader("n", "\(value)")]), to: "orders",
                    partition: number)
            }
            try await producer.flush()
        }
    }

    func consumer(
        _ partitions: [Int32] = [0], from start: LogPlace? = .beginning,
        _ configuration: ConsumerConfiguration = ConsumerConfiguration()
    ) async throws -> Consumer {
        try await makeConsumer(
            assigned: partitions.map { try partition($0) }, from: start, configuration: configuration)
    }
}

extension ConsumedBatch {
    var values: [String] {
        get throws { try records().map { String(decoding: $0.value ?? [], as: UTF8.self) } }
    }
}

extension Consumer {
    /// The values of the next `count` records.
    func values(_ count: Int) async throws -> [String] {
        var values: [String] = []
        while values.count < count {
            for batch in try await poll(max: count - values.count, timeout: .seconds(10)) { values += try batch.values }
        }
        return values
    }
}

func numbers(_ range: Range<Int>) -> [String] { range.map { "\($0)" } }

@Suite struct ConsumerTests {
    @Test(arguments: [Compression.none, .lz4(), .zstd()])
    func `A poll hands out no more records than it is asked for, and the next one goes on behind them`(
        compression: Compression
    ) throws {
        let (polls, positions): ([[String]], [Offset]) = try onLoop { daybook, _ in
            try await daybook.fill(0..<40, perBatch: 7, compression: compression)
            let consumer = try await daybook.consumer()
            var polls: [[String]] = []
            var positions: [Offset] = []
            for count in [1, 2, 3, 4, 5, 6, 19] {
                var values: [String] = []
                // A poll takes what is there; with less than asked for it is not refused.
                while values.count < count {
                    let batches = try await consumer.poll(max: count - values.count, timeout: .seconds(1))
                    #expect(batches.reduce(0) { $0 + $1.recordsCount } <= count - values.count)
                    values += try batches.flatMap { try $0.values }
                }
                polls.append(values)
                positions.append(try consumer.position(partition()))
            }
            return (polls, positions)
        }
        #expect(polls.flatMap { $0 } == numbers(0..<40))
        #expect(polls.map(\.count) == [1, 2, 3, 4, 5, 6, 19])
        #expect(positions == [1, 3, 6, 10, 15, 21, 40])
    }

    @Test func `Batches, records and polls of one consumer go on where the one before has stopped`() throws {
        let values = try onLoop { daybook, _ in
            try await daybook.fill(0..<60, perBatch: 10)
            let consumer = try await daybook.consumer()
            var values: [String] = []
            // In the midst of a batch.
            for try await record in consumer.records {
                values.append(String(decoding: record.value ?? [], as: UTF8.self))
                #expect(record.headers == [RecordHeader("n", values.last!)])
                if values.count == 13 { break }
            }
            #expect(try consumer.position(partition()) == 13)
            for batch in try await consumer.poll(max: 4, timeout: .zero) { values += try batch.values }
            for try await batch in consumer.batches {
                values += try batch.values
                if values.count >= 40 { break }
            }
            for try await record in consumer.records {
                values.append(String(decoding: record.value ?? [], as: UTF8.self))
                if values.count == 60 { break }
            }
            return values
        }
        #expect(values == numbers(0..<60))
    }

    @Test func `A record carries its place, its incarnation and the time of its append`() throws {
        try onLoop { daybook, _ in
            try await daybook.fill(0..<10)
            let consumer = try await daybook.consumer()
            var iterator = consumer.records.makeAsyncIterator()
            let reader = try await daybook.read(partition(), from: 0).batches
            for offset in 0..<10 {
                let record = try #require(try await iterator.next())
                #expect(record.offset == Offset(Int64(offset)) && record.nextOffset == Offset(Int64(offset + 1)))
                #expect(record.topicPartition == (try partition()) && record.key == Array("k\(offset)".utf8))
                #expect(record.appendTime == reader[offset / 5].appendTime)
                #expect(record.leaderEpoch == .zero && record.gaps.isEmpty && record.timestamp > .none)
            }
        }
    }

    @Test func `A consumer begins where it is told to, also at what is appended only then`() throws {
        let clock = try onLoop { daybook, loop in
            try await daybook.fill(0..<10)
            let start = loop.clock.now()
            loop.clock.advance(by: .seconds(100))
            try await daybook.fill(10..<20)
            let places: [(LogPlace, Int)] = [
                (.beginning, 0), (.offset(3), 3), (.time(start.advanced(byMilliseconds: 50_000)), 10),
                (.appendTime(start.advanced(byMilliseconds: 50_000)), 10), (.end, 20), (.now, 20),
                (.time(start.advanced(byMilliseconds: 500_000)), 20),
            ]
            var consumers: [(Consumer, Int)] = []
            for (place, first) in places { consumers.append((try await daybook.consumer(from: place), first)) }
            try await daybook.fill(20..<25)
            for (consumer, first) in consumers {
                #expect(try await consumer.values(25 - first) == numbers(first..<25))
                try await consumer.seek(to: .beginning)
                #expect(try await consumer.values(1) == ["0"])
            }
            let latest = try await daybook.consumer(from: nil, ConsumerConfiguration(offsetReset: .latest))
            #expect(try await latest.poll(timeout: .zero).isEmpty)
            #expect(try latest.position(partition()) == 25)
            let error = await #expect(throws: DaybookError.self) {
                try await daybook.consumer(from: nil, ConsumerConfiguration(offsetReset: .fail))
            }
            #expect(error?.code == .noCommittedOffset)
            let beyond = await #expect(throws: DaybookError.self) { try await daybook.consumer(from: .offset(26)) }
            #expect(beyond?.code == .offsetOutOfRange)
            return loop.clock.elapsed()
        }
        #expect(clock < .seconds(200), "nobody waited")
    }

    @Test func `A poll waits as long as it is told to and not longer, and a record ends the wait at once`() throws {
        try onLoop { daybook, loop in
            let consumer = try await daybook.consumer()
            let start = loop.clock.elapsed()
            #expect(try await consumer.poll(timeout: .seconds(3)).isEmpty)
            #expect(loop.clock.elapsed() - start == .seconds(3))
            #expect(try await consumer.poll(timeout: .milliseconds(1)).isEmpty)
            #expect(loop.clock.elapsed() - start == .milliseconds(3001))
            async let batches = consumer.poll(timeout: .seconds(1000))
            await loop.pass(.seconds(5))
            try await daybook.fill(0..<1)
            #expect(try await batches.count == 1)
            #expect(loop.clock.elapsed() - start < .milliseconds(8101))
            // The timer of the long wait is still there and ends no shorter one.
            #expect(try await consumer.poll(timeout: .seconds(2)).isEmpty)
            #expect(loop.clock.elapsed() - start < .milliseconds(10_200))
            #expect(loop.clock.elapsed() - start >= .milliseconds(10_001))
        }
    }

    @Test func `Partitions take turns, batch by batch, however much more one of them has`() throws {
        let order = try onLoop(partitions: 3) { daybook, loop in
            try await daybook.fill(0..<100, of: 0, perBatch: 1)
            for number in Int32(1)..<3 { try await daybook.fill(0..<10, of: number, perBatch: 1) }
            let consumer = try await daybook.consumer([0, 1, 2])
            _ = try await consumer.poll(timeout: .zero)
            await loop.settle()
            var order: [Int32] = []
            for try await batch in consumer.batches {
                order.append(batch.topicPartition.partition)
                if order.count == 30 { break }
            }
            return order
        }
        for start in stride(from: 0, to: 30, by: 3) { #expect(Set(order[start..<start + 3]) == [0, 1, 2]) }
    }

    @Test func `Paused partitions rest, and go on where they were`() throws {
        try onLoop(partitions: 2) { daybook, loop in
            try await daybook.fill(0..<20, of: 0)
            try await daybook.fill(100..<120, of: 1)
            let consumer = try await daybook.consumer([0, 1])
            var seen: [Int32: [String]] = [:]
            func take(_ polls: Int) async throws {
                for _ in 0..<polls {
                    for batch in try await consumer.poll(max: 3, timeout: .milliseconds(1)) {
                        seen[batch.topicPartition.partition, default: []] += try batch.values
                    }
                }
            }
            try await take(2)
            try consumer.pause([partition(0)])
            #expect(consumer.paused == [try partition(0)])
            let before = seen[0] ?? []
            try await take(20)
            #expect((seen[0] ?? []) == before)
            #expect(seen[1] == numbers(100..<120))
            try await daybook.fill(20..<25, of: 0)
            try await take(5)
            #expect((seen[0] ?? []) == before)
            try consumer.resume([partition(0)])
            try await take(20)
            #expect(seen[0] == numbers(0..<25))
            let error = #expect(throws: DaybookError.self) { try consumer.pause([partition(7)]) }
            #expect(error?.code == .notAssigned)
        }
    }

    @Test func `A second task that asks meanwhile is refused, and the first one goes on`() throws {
        try onLoop { daybook, loop in
            let consumer = try await daybook.consumer()
            async let first = consumer.poll(timeout: .seconds(100))
            await loop.settle()
            for _ in 0..<2 {
                let error = await #expect(throws: DaybookError.self) { _ = try await consumer.poll(timeout: .zero) }
                #expect(error?.code == .concurrentUse)
            }
            let other = await #expect(throws: DaybookError.self) {
                for try await _ in consumer.batches {}
            }
            #expect(other?.code == .concurrentUse)
            try await daybook.fill(0..<1)
            #expect(try await first.count == 1)
            #expect(try await consumer.poll(timeout: .zero).isEmpty)
        }
    }

    @Test func `A close ends the sequences, and a poll is told`() throws {
        try onLoop { daybook, loop in
            try await daybook.fill(0..<5)
            let consumer = try await daybook.consumer()
            async let count = {
                var count = 0
                for try await batch in consumer.batches { count += batch.recordsCount }
                return count
            }()
            await loop.pass(.seconds(1))
            await consumer.close()
            #expect(try await count == 5)
            let error = await #expect(throws: DaybookError.self) { _ = try await consumer.poll(timeout: .seconds(1)) }
            #expect(error?.code == .closed)
            var records = consumer.records.makeAsyncIterator()
            #expect(try await records.next() == nil)
            await consumer.close()
        }
    }

    @Test func `Amounts that make no sense are refused with the setting's name`() {
        for (configuration, name) in [
            (ConsumerConfiguration(readAhead: .bytes(1)), "fetch.max.bytes"),
            (ConsumerConfiguration(partitionReadAhead: .gibibytes(2)), "max.partition.fetch.bytes"),
        ] {
            let error = #expect(throws: DaybookError.self) { try configuration.validated() }
            #expect(error?.code == .invalidConfiguration && error?.message.contains(name) == true)
        }
    }
}
