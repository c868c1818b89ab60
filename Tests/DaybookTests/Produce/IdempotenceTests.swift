// The idempotent producer: numbered batches, refusals that keep the order, and going on afterwards.

import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@testable import Daybook

@Suite struct IdempotenceTests {
    private func record(_ number: Int, size: Int = 1000) -> Record {
        Record(key: "k", value: "\(number)/" + String(repeating: "x", count: size))
    }

    private func numbers(_ content: Content) -> [Int] { content.values.compactMap { Int($0.prefix { $0 != "/" }) } }

    /// Each batch's first sequence number is one behind the last of the batch before, of one producer in one epoch.
    private func expectNoGap(_ batches: [RecordBatch]) {
        var next: Int32 = 0
        for batch in batches {
            #expect(batch.producer.epoch == 0)
            #expect(batch.producer.baseSequence == next)
            next += Int32(batch.recordsCount)
        }
    }

    @Test func `Batches of each partition are numbered by themselves, without a gap`() async throws {
        try await withDaybook(partitions: 3) { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(2), linger: .seconds(3600), durability: .osCache))
            for number in 0..<600 {
                try await producer.enqueue(record(number, size: 50), to: "orders", partition: Int32(number % 3))
            }
            try await producer.flush()
            try await daybook.flush()
            for number in Int32(0)..<3 {
                let batches = try await daybook.read(try partition(number), from: 0).batches
                #expect(batches.count > 3)
                expectNoGap(batches)
            }
        }
    }

    /// Runs `body` with a daybook on one thread, where nothing of the engine happens before the body waits for something.
    private func onOneThread(
        _ disk: SimulatedDisk, _ body: @escaping @Sendable (Daybook) async throws -> Void
    ) throws {
        let loop = SimulationLoop(clock: disk.clock)
        var configuration = Configuration().with(disk: disk)
        configuration.executor = loop
        configuration.housekeeping.isAutomatic = false
        let settings = configuration
        try loop.run {
            let daybook = try await Daybook.open("/data", configuration: settings)
            try await daybook.createTopic("orders")
            try await body(daybook)
            try await daybook.close()
        }
    }

    /// The next `count` writes to a log are refused for want of room.
    private func refuse(_ count: Int = 1, on disk: SimulatedDisk) {
        disk.inject(Fault(.fail(.noSpace), [.write], calls: 0..<count) { $0.extension == "log" })
    }

    @Test func `Behind a refused batch nothing of the same partition is written, and the producer goes on by itself`()
        throws
    {
        let disk = SimulatedDisk()
        try onOneThread(disk) { [self] daybook in
            let orders = try partition()
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(1), linger: .seconds(3600), durability: .osCache))
            _ = try await producer.send(record(0), to: "orders")
            try await producer.flush()
            for round in 0..<3 {
                refuse(on: disk)
                // Each is a batch, and all are handed over before the partition looks at the first one.
                for number in 1...6 { try await producer.enqueue(record(number), to: "orders") }
                let failure = await #expect(throws: FlushFailure.self) { try await producer.flush() }
                #expect(failure?.lostRecordsCount == 6)
                #expect(failure?.cause.code == .diskFull)
                #expect(failure?.summary.recordsCount == 0)
                #expect(try await producer.send(record(7 + round), to: "orders").offset == Offset(Int64(round + 1)))
                try await producer.flush()
            }
            try await daybook.flush()
            #expect(numbers(try await daybook.content(orders)) == [0, 7, 8, 9])
            expectNoGap(try await daybook.read(orders, from: 0).batches)
        }
    }

    @Test func `Without idempotence a refused batch is refused alone, as its configuration says`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { [self] daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(
                    batchSize: .kibibytes(1), linger: .seconds(3600), durability: .osCache, isIdempotent: false))
            refuse(on: disk)
            for number in 1...6 { try await producer.enqueue(record(number), to: "orders") }
            let failure = await #expect(throws: FlushFailure.self) { try await producer.flush() }
            #expect(failure?.lostRecordsCount == 1)
            try await daybook.flush()
            #expect(numbers(try await daybook.content(try partition())) == [2, 3, 4, 5, 6])
        }
    }

    @Test func `Senders whose records stood behind a refused one are told so, with the cause`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { [self] daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(1), durability: .osCache))
            refuse(on: disk)
            let errors = await withTaskGroup(of: (Int, DaybookError?).self) { group in
                for number in 0..<6 {
                    group.addTask {
                        do {
                            _ = try await producer.send(self.record(number), to: "orders")
                            return (number, nil)
                        } catch {
                            return (number, error as? DaybookError)
                        }
                    }
                }
                return await group.reduce(into: [DaybookError?](repeating: nil, count: 6)) { $0[$1.0] = $1.1 }
            }
            // The first one goes at once and is refused; the next ones each fill a batch behind it; the last one is still
            // waiting for company when the producer hears of the refusal, and is written.
            #expect(errors.map { $0?.code } == [.diskFull] + Array(repeating: .earlierBatchRefused, count: 4) + [nil])
            for error in errors.compactMap({ $0 }).dropFirst() {
                #expect((error.cause as? DaybookError)?.code == .diskFull)
                #expect(error.description.contains("earlier batch"))
            }
            try await daybook.flush()
            #expect(numbers(try await daybook.content(try partition())) == [5])
        }
    }

    @Test func `A record too large for the topic takes none of those behind it along`() throws {
        let disk = SimulatedDisk()
        try onOneThread(disk) { [self] daybook in
            try await daybook.alterTopic("orders", settings: [("max.message.bytes", "3000")])
            let producer = try daybook.makeProducer(
                ProducerConfiguration(linger: .seconds(3600), durability: .osCache))
            for number in 0..<4 {
                try await producer.enqueue(record(number, size: number == 1 ? 5000 : 900), to: "orders")
            }
            let failure = await #expect(throws: FlushFailure.self) { try await producer.flush() }
            #expect(failure?.lostRecordsCount == 1)
            #expect(failure?.cause.code == .recordTooLarge)
            try await daybook.flush()
            #expect(numbers(try await daybook.content(try partition())) == [0, 2, 3])
            expectNoGap(try await daybook.read(try partition(), from: 0).batches)
        }
    }

    @Test(arguments: UInt64(0)..<10)
    func `Under continuous load with refusals now and then every record is acknowledged or not there, in order`(
        seed: UInt64
    ) async throws {
        let disk = SimulatedDisk(seed: seed)
        var generator = SeededGenerator(seed: seed)
        let daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await daybook.createTopic("orders", partitions: 2)
        let producer = try daybook.makeProducer(ProducerConfiguration(batchSize: .kibibytes(1), durability: .osCache))
        var acknowledged: [Int32: Set<Int>] = [:]
        for round in 0..<20 {
            refuse(Int.random(in: 0...3, using: &generator), on: disk)
            let outcomes = await withTaskGroup(of: (partition: Int32, number: Int, isSent: Bool).self) { group in
                for number in round * 50..<round * 50 + 50 {
                    group.addTask {
                        let place = Int32(number % 2)
                        do {
                            _ = try await producer.send(self.record(number, size: 300), to: "orders", partition: place)
                            return (place, number, true)
                        } catch {
                            return (place, number, false)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for outcome in outcomes where outcome.isSent {
                acknowledged[outcome.partition, default: []].insert(outcome.number)
            }
        }
        disk.heal()
        try await daybook.flush()
        for number in Int32(0)..<2 {
            let content = try await daybook.content(try partition(number))
            #expect(Set(numbers(content)) == acknowledged[number], "seed \(seed)")
            #expect(content.records.count == acknowledged[number]?.count, "seed \(seed)")
            expectNoGap(try await daybook.read(try partition(number), from: 0, maxBytes: .mebibytes(64)).batches)
        }
        try await daybook.close()
    }
}
