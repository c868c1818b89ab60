// A consumer in seeded histories against a model: whatever is done to it, and whatever is given up half-way, each record of each
// partition is handed out once, in order, from the position on.

@testable import Daybook
import DaybookTesting
import Synchronization
import Testing

@Suite struct ConsumerModelTests {
    @Test(arguments: 0..<60)
    func `Whatever is done to a consumer, it hands out what stands at its position and nothing else`(seed: Int) throws {
        try onLoop(seed: UInt64(seed) + 1, partitions: 3, topic: Self.topic) { daybook, loop in
            let history = History(daybook, loop, SeededGenerator(seed: UInt64(seed) + 1000))
            try await history.begin()
            for _ in 0..<120 { try await history.step() }
            try await history.finish()
        }
    }

    private static var topic: TopicConfiguration {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(4)
        topic.indexIntervalBytes = .bytes(300)
        topic.flushInterval = .milliseconds(20)
        return topic
    }
}

/// One history. Used by one task.
private final class History {
    private let daybook: Daybook
    private let loop: SimulationLoop
    private var random: SeededGenerator
    private var consumer: Consumer
    private var producers: [Producer] = []
    /// The values of each partition, by offset.
    private var values: [[String]] = [[], [], []]
    private var deleted = [0, 0, 0]
    /// Where the consumer should be.
    private var positions = [0, 0, 0]
    private var paused: Set<Int> = []

    init(_ daybook: Daybook, _ loop: SimulationLoop, _ random: SeededGenerator) {
        (self.daybook, self.loop, self.random) = (daybook, loop, random)
        consumer = Consumer(daybook, ConsumerConfiguration())
    }

    func begin() async throws {
        let sizes: [ByteCount] = [.kibibytes(4), .kibibytes(8), .mebibytes(1)]
        let size = sizes.randomElement(using: &random)!
        let isolation: Isolation = Bool.random(using: &random) ? .durable : .pageCache
        consumer = try await daybook.consumer(
            [0, 1, 2], from: .beginning,
            ConsumerConfiguration(
                readAhead: max(size, .kibibytes(6)), partitionReadAhead: size, isolation: isolation))
        for compression in [Compression.none, .zstd(), .lz4()] {
            producers.append(
                try daybook.makeProducer(
                    ProducerConfiguration(batchSize: .bytes(600), compression: compression, durability: .osCache)))
        }
    }

    func step() async throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<5: try await send()
        case 5..<9: try await poll(mayCancel: false)
        case 9..<12: try await poll(mayCancel: true)
        case 12: try await iterateBatches()
        case 13: try await iterateRecords()
        case 14: try await seek()
        case 15, 16: try pauseOrResume()
        case 17: try await delete()
        default: await loop.pass(.milliseconds(Int.random(in: 0...30, using: &random)))
        }
        try check()
    }

    /// Everything is handed out in the end.
    func finish() async throws {
        try consumer.resume(consumer.paused)
        paused = []
        try await daybook.flush()
        while !(0..<3).allSatisfy({ positions[$0] == values[$0].count }) {
            let batches = try await consumer.poll(timeout: .seconds(5))
            if batches.isEmpty { Issue.record("records that were never handed out: \(positions)") }
            if batches.isEmpty { return }
            try take(batches)
        }
        #expect(try await consumer.poll(timeout: .seconds(1)).isEmpty)
        try check()
        await consumer.close()
    }

    // MARK: steps

    private func send() async throws {
        let (number, count) = (Int.random(in: 0..<3, using: &random), Int.random(in: 1...12, using: &random))
        let producer = producers.randomElement(using: &random)!
        for _ in 0..<count {
            let value =
                "\(values[number].count) " + String(repeating: "x", count: Int.random(in: 0..<90, using: &random))
            values[number].append(value)
            try await producer.enqueue(Record(key: "k", value: value), to: "orders", partition: Int32(number))
        }
        try await producer.flush()
        if Bool.random(using: &random) { try await daybook.flush() }
    }

    private func poll(mayCancel: Bool) async throws {
        let maximum = [1, 3, 10, 500].randomElement(using: &random)!
        let timeout = Duration.milliseconds([0, 1, 40, 400].randomElement(using: &random)!)
        guard mayCancel else { return try take(try await consumer.poll(max: maximum, timeout: timeout), maximum) }
        let consumer = consumer
        let task = Task(executorPreference: loop) { try await consumer.poll(max: maximum, timeout: timeout) }
        for _ in 0..<Int.random(in: 0..<4, using: &random) { await loop.settle() }
        if Bool.random(using: &random) { try await send() }
        task.cancel()
        switch await task.result {
        case .success(let batches): try take(batches, maximum)
        case .failure(let error): #expect(error is CancellationError)
        }
    }

    private func iterateBatches() async throws {
        guard hasSomething else { return }
        for try await batch in consumer.batches {
            try take([batch])
            if Bool.random(using: &random) || !hasSomething { return }
        }
    }

    private func iterateRecords() async throws {
        // Gaps are told with the record behind them: without one they would be waited for.
        guard hasSomething, (0..<3).allSatisfy({ positions[$0] >= deleted[$0] }) else { return }
        for try await record in consumer.records {
            let number = Int(record.topicPartition.partition)
            #expect(record.offset.rawValue == Int64(positions[number]) && record.gaps.isEmpty)
            #expect(record.value == Array(values[number][positions[number]].utf8))
            positions[number] += 1
            if Int.random(in: 0..<8, using: &random) == 0 || !hasSomething { return }
        }
    }

    private func seek() async throws {
        let number = Int.random(in: 0..<3, using: &random)
        let topicPartition = try partition(Int32(number))
        let offsets = try await daybook.offsets(topicPartition)
        switch Int.random(in: 0..<3, using: &random) {
        case 0:
            try await consumer.seek(topicPartition, to: .beginning)
            positions[number] = Int(offsets.logStartOffset.rawValue)
        case 1:
            try await consumer.seek(topicPartition, to: .end)
            let end = consumer.configuration.isolation == .durable ? offsets.highWatermark : offsets.logEndOffset
            positions[number] = Int(end.rawValue)
        default:
            positions[number] = Int.random(in: 0...Int(offsets.logEndOffset.rawValue), using: &random)
            try await consumer.seek(topicPartition, to: .offset(Offset(Int64(positions[number]))))
        }
    }

    private func pauseOrResume() throws {
        let number = Int.random(in: 0..<3, using: &random)
        if paused.remove(number) != nil {
            try consumer.resume([partition(Int32(number))])
        } else {
            paused.insert(number)
            try consumer.pause([partition(Int32(number))])
        }
    }

    private func delete() async throws {
        let number = Int.random(in: 0..<3, using: &random)
        let offsets = try await daybook.offsets(try partition(Int32(number)))
        let target = Int64.random(in: offsets.logStartOffset.rawValue...offsets.highWatermark.rawValue, using: &random)
        try await daybook.deleteRecords(try partition(Int32(number)), before: Offset(target))
        deleted[number] = max(deleted[number], Int(target))
    }

    // MARK: the model

    /// Whether there is a record to be handed out, once it is durable.
    private var hasSomething: Bool {
        (0..<3).contains { !paused.contains($0) && positions[$0] < values[$0].count }
    }

    private func take(_ batches: [ConsumedBatch], _ maximum: Int = .max) throws {
        var count = 0
        for batch in batches {
            let number = Int(batch.topicPartition.partition)
            #expect(!paused.contains(number))
            #expect(batch.firstOffset.rawValue == Int64(positions[number]))
            if let gap = batch.gap {
                #expect(gap.cause == .retained && gap.nextOffset.rawValue <= Int64(deleted[number]))
            }
            let records = try batch.records()
            #expect(records.count == batch.recordsCount)
            for record in records {
                #expect(record.offset.rawValue == Int64(positions[number]))
                #expect(record.value == Array(values[number][positions[number]].utf8))
                positions[number] += 1
            }
            positions[number] = Int(batch.nextOffset.rawValue)
            count += records.count
        }
        #expect(count <= maximum)
    }

    /// What the consumer says of itself, and what it holds.
    private func check() throws {
        let told = consumer.positions
        for number in 0..<3 { #expect(told[try partition(Int32(number))] == Offset(Int64(positions[number]))) }
        consumer.fetcher.state.withLock { state in
            let bytes = state.slots.values.map(\.bytes)
            #expect(bytes.allSatisfy { $0 >= 0 } && bytes.reduce(0, +) == state.buffered && state.reserved >= 0)
        }
    }
}
