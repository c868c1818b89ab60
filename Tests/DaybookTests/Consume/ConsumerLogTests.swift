// What a consumer makes of a log that is not whole, that is deleted under it, or that is not the one it knew.

@testable import Daybook
import DaybookFiles
import DaybookTesting
import Synchronization
import SystemPackage
import Testing

@Suite struct ConsumerLogTests {
    @Test func `C53 what is missing at the start, in the middle and at the end is told, and never stops a consumer`()
        throws
    {
        let stage = LoopStage()
        try stage.loop.run {
            var topic = TopicConfiguration()
            topic.segmentBytes = .bytes(1024)
            var daybook = try await stage.open()
            try await daybook.createTopic("orders", configuration: topic)
            try await daybook.fill(0..<100)
            try await daybook.deleteRecords(partition(), before: 12)
            try await daybook.close()
            // One batch of five in the middle, and the last one.
            let folder = FilePath("/data/orders-0")
            let logs = try stage.disk.entries(of: folder).filter { $0.hasSuffix(".log") }.sorted()
                .map { name in (name: name, size: try stage.disk.status(of: folder.appending(name)).size) }
                .filter { $0.size > 0 }
            #expect(logs.count >= 3)
            let middle = logs[logs.count / 2]
            try stage.disk.corrupt(folder.appending(middle.name), at: 100..<101, .flip(1))
            let last = try #require(logs.last)
            try stage.disk.corrupt(folder.appending(last.name), at: last.size - 10..<last.size - 9, .flip(1))

            daybook = try await stage.open()
            let consumer = try await daybook.consumer(from: .offset(3))
            var (offsets, gaps) = ([Int64](), [Gap]())
            while offsets.last != 99 {
                for batch in try await consumer.poll(timeout: .seconds(1)) {
                    if let gap = batch.gap { gaps.append(gap) }
                    offsets += try batch.records().map(\.offset.rawValue)
                }
                if try consumer.position(partition()) == 100 { break }
            }
            #expect(gaps.map(\.cause) == [.retained, .quarantined, .quarantined])
            #expect(gaps[0].baseOffset == 3 && gaps[0].nextOffset == 12)
            #expect(gaps[1].count == 5 && gaps[2].nextOffset == 100)
            let missing = Set(gaps.flatMap { $0.baseOffset.rawValue..<$0.nextOffset.rawValue })
            #expect(offsets == (3..<100).filter { !missing.contains($0) })
            // Behind the gap at the end the next record is waited for, and comes.
            try await daybook.fill(100..<101)
            #expect(try await consumer.values(1) == ["100"])
            // Record by record they come with the record behind them.
            try await consumer.seek(partition(), to: .offset(3))
            var told: [Gap] = []
            for try await record in consumer.records {
                told += record.gaps
                if record.offset == 100 { break }
            }
            #expect(told == gaps)
            try await daybook.close()
        }
    }

    @Test func `C53 records that compaction has taken leave nothing to wait for`() throws {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(2)
        topic.retention.policy = .compact
        try onLoop(topic: topic) { daybook, _ in
            let producer = try daybook.makeProducer(ProducerConfiguration(linger: .seconds(60)))
            for number in 0..<300 {
                try await producer.enqueue(Record(key: "k\(number % 7)", value: "\(number)"), to: "orders")
                if number % 9 == 0 { try await producer.flush() }
            }
            try await producer.flush()
            _ = try await daybook.compact("orders")
            let expected = try await daybook.content(partition())
            #expect(expected.records.count < 100)
            for maximum in [1, 4, 500] {
                let consumer = try await daybook.consumer()
                var offsets: [Int64] = []
                while try consumer.position(partition()) < 300 {
                    let batches = try await consumer.poll(max: maximum, timeout: .seconds(1))
                    #expect(batches.reduce(0) { $0 + $1.recordsCount } <= maximum)
                    offsets += try batches.flatMap { try $0.records() }.map(\.offset.rawValue)
                }
                #expect(offsets == expected.offsets)
            }
        }
    }

    @Test func `C44 a topic that is deleted under consumers ends their waits with an error that says so`() throws {
        try onLoop(partitions: 2) { daybook, loop in
            try await daybook.createTopic("invoices")
            var consumers: [Consumer] = []
            for _ in 0..<50 {
                consumers.append(
                    try await daybook.makeConsumer(assigned: [partition(0, of: "invoices"), partition(0), partition(1)])
                )
            }
            try await withThrowingTaskGroup(of: DaybookError?.self) { group in
                for consumer in consumers {
                    group.addTask {
                        do {
                            for try await _ in consumer.batches {}
                            return nil
                        } catch {
                            return error as? DaybookError
                        }
                    }
                }
                await loop.pass(.seconds(1))
                try await daybook.deleteTopic("invoices")
                for try await error in group {
                    #expect(error?.code == .unknownTopic && error?.topicPartition?.topic.description == "invoices")
                }
            }
            // The other partitions go on; the one that is gone is told of again and again until somebody takes it away.
            try await daybook.fill(0..<10)
            for consumer in consumers {
                var values: [String] = []
                while values.count < 10 {
                    do { values += try await consumer.values(10 - values.count) } catch let error as DaybookError {
                        #expect(error.code == .unknownTopic)
                    }
                }
                #expect(values == numbers(0..<10))
            }
            try await daybook.close()
            let error = await #expect(throws: DaybookError.self) {
                while true { _ = try await consumers[0].poll(timeout: .seconds(1)) }
            }
            #expect(error?.code == .closed || error?.code == .unknownTopic)
        }
    }

    @Test func `C44 records deleted under a hundred consumers are a gap, or an error for those who want one`() throws {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(1)
        try onLoop(seed: 4, topic: topic) { daybook, loop in
            try await daybook.fill(0..<200, perBatch: 2)
            let strict = try await daybook.consumer(
                from: .beginning, ConsumerConfiguration(partitionReadAhead: .kibibytes(4), offsetReset: .fail))
            #expect(try await strict.values(1) == ["0"])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let consumer = try await daybook.consumer(
                            from: .offset(0), ConsumerConfiguration(partitionReadAhead: .kibibytes(4)))
                        var next = Offset.zero
                        while next < 200 {
                            for batch in try await consumer.poll(max: number % 7 + 1, timeout: .seconds(1)) {
                                #expect(batch.firstOffset == next)
                                if let gap = batch.gap { #expect(gap.cause == .retained) }
                                for record in try batch.records() {
                                    #expect(record.value == Array("\(record.offset)".utf8))
                                }
                                next = batch.nextOffset
                            }
                        }
                    }
                }
                for offset in stride(from: Int64(20), through: 180, by: 20) {
                    await loop.settle()
                    try await daybook.deleteRecords(partition(), before: Offset(offset))
                }
                try await group.waitForAll()
            }
            let error = await #expect(throws: DaybookError.self) {
                while true { _ = try await strict.poll(timeout: .seconds(1)) }
            }
            #expect(error?.code == .offsetOutOfRange && error?.message.contains("180..<200") == true)
            // It stays where it is, until somebody decides.
            try await strict.seek(to: .beginning)
            #expect(try await strict.values(1) == ["180"])
        }
    }

    @Test func `C54 a consumer ahead of the log goes on where the histories part, or is told where they do`() throws {
        let stage = LoopStage()
        try stage.loop.run {
            var daybook = try await stage.open()
            var topic = TopicConfiguration()
            topic.flushInterval = .seconds(1000)
            try await daybook.createTopic("orders", configuration: topic)
            try await daybook.fill(0..<10)
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            for value in 10..<20 { _ = try await producer.send(Record(key: nil, value: "\(value)"), to: "orders") }
            let hasty = try await daybook.consumer(from: .beginning, ConsumerConfiguration(isolation: .pageCache))
            #expect(try await hasty.values(20) == numbers(0..<20))
            let position = try hasty.fetcher.position(of: partition())
            #expect(position == FetchPosition(offset: 20, epoch: .zero))
            stage.cutPower()

            daybook = try await stage.open()
            try await daybook.fill(100..<104)
            let orders = try daybook.partition(partition())
            func consumer(_ reset: OffsetReset, _ epoch: LeaderEpoch?, _ resets: Resets) -> Consumer {
                let consumer = Consumer(
                    daybook,
                    ConsumerConfiguration(
                        offsetReset: reset, divergence: reset == .fail ? .fail : .readOn, onReset: { resets.note($0) }))
                consumer.fetcher.assign([Fetcher.Assignment(partition: orders, offset: position.offset, epoch: epoch)])
                return consumer
            }
            // With the epoch: to the point of divergence, whatever the policy is; without: as the policy says.
            let resets = Resets()
            for (reset, epoch, first) in [
                (OffsetReset.earliest, position.epoch, 10), (.latest, position.epoch, 10), (.earliest, nil, 0),
                (.latest, nil, 14), (.time(.none), nil, 0),
            ] {
                let consumer = consumer(reset, epoch, resets)
                _ = try await consumer.poll(max: 1, timeout: .milliseconds(1))
                let moved = try #require(resets.take())
                #expect(moved.from == 20 && moved.to == Offset(Int64(first)))
                #expect(moved.reason.code == (epoch == nil ? .offsetOutOfRange : .divergedHistory))
                #expect(try consumer.position(partition()) == Offset(Int64(first == 14 ? 14 : first + 1)))
            }
            for (epoch, code) in [(position.epoch, DaybookError.Code.divergedHistory), (nil, .offsetOutOfRange)] {
                let consumer = consumer(.fail, epoch, resets)
                for _ in 0..<2 {
                    let error = await #expect(throws: DaybookError.self) {
                        try await consumer.poll(timeout: .seconds(1))
                    }
                    #expect(error?.code == code)
                    #expect(error?.divergence == (epoch == nil ? nil : 10))
                    if epoch != nil { #expect(error?.message.contains("part at offset 10 (epoch 1)") == true) }
                }
                #expect(try consumer.position(partition()) == 20)
            }
            // A place of the old history that both share is a place of this one.
            let shared = try await daybook.consumer(from: .end, ConsumerConfiguration(offsetReset: .fail))
            try await shared.seek(partition(), to: .offset(10), epoch: position.epoch)
            #expect(try await shared.values(4) == numbers(100..<104))
            try await shared.seek(partition(), to: .offset(12), epoch: position.epoch)
            let error = await #expect(throws: DaybookError.self) { try await shared.poll(timeout: .seconds(1)) }
            #expect(error?.code == .divergedHistory)
            try await daybook.close()
        }
    }

    @Test func `A consumer beside the process that writes is served, and learns of another history`() throws {
        let stage = LoopStage()
        try stage.loop.run {
            var writer = try await stage.open()
            var topic = TopicConfiguration()
            topic.flushInterval = .seconds(1000)
            try await writer.createTopic("orders", configuration: topic)
            let reader = try await stage.open(.readOnly)
            let (durable, hasty) = (
                try await reader.consumer(),
                try await reader.consumer(
                    from: .beginning, ConsumerConfiguration(offsetReset: .fail, isolation: .pageCache))
            )
            async let first = durable.values(10)
            try await writer.fill(0..<10)
            #expect(try await first == numbers(0..<10))
            let producer = try writer.makeProducer(ProducerConfiguration(durability: .osCache))
            _ = try await producer.send(Record(key: nil, value: "lost"), to: "orders")
            #expect(try await hasty.values(11) == numbers(0..<10) + ["lost"])
            #expect(try await durable.poll(timeout: .seconds(1)).isEmpty)
            stage.disk.restartProcess()
            // The next writer keeps what the first one has written; what it appends is of another incarnation.
            let next = try await Daybook.open("/data", configuration: stage.configuration())
            try await next.fill(100..<103)
            #expect(next.leaderEpoch == LeaderEpoch(rawValue: 1))
            let again = try await stage.open(.readOnly)
            let after = try await again.consumer(from: .offset(11))
            #expect(try await after.values(3) == numbers(100..<103))
            writer = next
            try await again.close()
            try await writer.close()
        }
    }
}

/// What a consumer was told of its resets.
private final class Resets: Sendable {
    private let all = Mutex<[PositionReset]>([])
    func note(_ reset: PositionReset) { all.withLock { $0.append(reset) } }
    func take() -> PositionReset? { all.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
}
