// Consumers that commit for a group: where they begin, what is durable when, and what becomes of a place in another history.

import Daybook
import DaybookTesting
import Synchronization
import Testing

extension Daybook {
    /// A consumer that was assigned its partitions by hand and commits for a group.
    fileprivate func committer(
        _ partitions: [Int32] = [0], group: String = "warehouse", from start: LogPlace? = nil,
        configuration: ConsumerConfiguration = ConsumerConfiguration()
    ) async throws -> Consumer {
        try await makeConsumer(
            assigned: partitions.map { try partition($0) }, group: group, from: start, configuration: configuration)
    }
}

@Suite struct ConsumerCommitTests {
    /// How many records the internal topic has.
    private static func commitsCount(_ daybook: Daybook) async throws -> Int64 {
        var count: Int64 = 0
        for topic in daybook.topics(includingInternal: true) where topic.isInternal {
            for partition in topic.partitions { count += try await daybook.offsets(partition).logEndOffset.rawValue }
        }
        return count
    }

    @Test func `A consumer begins behind what its group has committed, through power cuts, and each group for itself`()
        throws
    {
        let stage = LoopStage()
        try stage.loop.run {
            var daybook = try await stage.open()
            try await daybook.createTopic("orders", partitions: 2)
            for number in Int32(0)..<2 { try await daybook.fill(0..<30, of: number) }
            let (first, second) = (try partition(0), try partition(1))
            var expected = [first: Offset.zero, second: Offset.zero]
            for round in 0..<3 {
                let consumer = try await daybook.committer([0, 1])
                #expect(consumer.positions == expected)
                #expect(consumer.committed.count == (round == 0 ? 0 : 2))
                _ = try await consumer.values(9)
                try await consumer.commit()
                expected = consumer.positions
                #expect(expected.values.reduce(0) { $0 + $1.rawValue } == Int64(round + 1) * 9)
                #expect(consumer.committed.mapValues(\.offset) == expected)
                // What is handed out and not committed is handed out again.
                _ = try await consumer.values(3)
                stage.cutPower()
                daybook = try await stage.open()
            }
            let other = try await daybook.committer([0, 1], group: "accounting")
            #expect(Set(other.positions.values) == [0])
            // A place that is given goes before what has been committed.
            let again = try await daybook.committer([0], from: .beginning)
            #expect(again.positions == [first: 0] && again.group == "warehouse")
            try await daybook.close()
        }
    }

    @Test func `A batch or a record is committed with everything before it, and with its incarnation`() throws {
        try onLoop { daybook, _ in
            try await daybook.fill(0..<20, perBatch: 5)
            let consumer = try await daybook.committer()
            var batches = consumer.batches.makeAsyncIterator()
            let batch = try #require(try await batches.next())
            _ = try await batches.next()
            try await consumer.commit(through: batch)
            #expect(consumer.committed[try partition()]?.offset == batch.nextOffset)
            #expect(consumer.committed[try partition()]?.leaderEpoch == LeaderEpoch.zero)
            var records = consumer.records.makeAsyncIterator()
            let record = try #require(try await records.next())
            try await consumer.commit(through: record)
            #expect(consumer.committed[try partition()]?.offset == 11)
            try await consumer.commit([try partition(): OffsetCommit(3, metadata: "by hand")])
            #expect(consumer.committed[try partition()]?.metadata == "by hand")
            let next = try await daybook.committer()
            #expect(try await next.values(1) == ["3"])
        }
    }

    @Test func `What is committed already is not written again, and what has changed is`() throws {
        try onLoop { daybook, _ in
            try await daybook.fill(0..<20)
            let consumer = try await daybook.committer()
            _ = try await consumer.values(5)
            try await consumer.commit()
            let count = try await Self.commitsCount(daybook)
            for _ in 0..<10 { try await consumer.commit() }
            #expect(try await Self.commitsCount(daybook) == count)
            let next = try await daybook.committer()
            try await next.commit()
            #expect(try await Self.commitsCount(daybook) == count)
            _ = try await next.values(5)
            try await next.commit()
            // Back again, which is a change too.
            try await next.seek(try partition(), to: .offset(5))
            try await next.commit()
            #expect(try await Self.commitsCount(daybook) == count + 2)
            #expect(next.committed[try partition()]?.offset == 5)
        }
    }

    @Test
    func `Commits that nobody waits for take effect in order, share flushes, and are there before a later one is`()
        throws
    {
        let outcomes = Outcomes()
        try onLoop(seed: 11) { daybook, _ in
            try await daybook.fill(0..<200, perBatch: 2)
            let consumer = try await daybook.committer()
            _ = try await consumer.values(150)
            let before = try await Self.commitsCount(daybook)
            for number in 0..<100 {
                try consumer.enqueueCommit([try partition(): OffsetCommit(Offset(Int64(number + 1)))]) {
                    outcomes.note(number, $0)
                }
            }
            try await consumer.commit()
            #expect(consumer.committed[try partition()]?.offset == 150)
            #expect(outcomes.numbers == Array(0..<100))
            #expect(try await Self.commitsCount(daybook) - before <= 3)
        }
        #expect(outcomes.errors.isEmpty)
    }

    @Test func `C54 a committed place that the log has lost is an error that names where the histories part`() throws {
        let stage = LoopStage()
        try stage.loop.run {
            var daybook = try await stage.open()
            var topic = TopicConfiguration()
            topic.flushInterval = .seconds(1000)
            try await daybook.createTopic("orders", configuration: topic)
            try await daybook.fill(0..<10)
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            for value in 10..<20 { _ = try await producer.send(Record(key: nil, value: "\(value)"), to: "orders") }
            // It deals with records that are not durable, and its commit is.
            let hasty = try await daybook.committer(configuration: ConsumerConfiguration(isolation: .pageCache))
            #expect(try await hasty.values(20) == numbers(0..<20))
            try await hasty.commit()
            stage.cutPower()

            daybook = try await stage.open()
            let consumer = try await daybook.committer()
            for appended in [0, 40] {
                if appended > 0 { try await daybook.fill(100..<100 + appended) }
                let error = await #expect(throws: DaybookError.self) { try await consumer.poll(timeout: .seconds(1)) }
                #expect(error?.code == .divergedHistory && error?.divergence == 10)
                #expect(error?.topicPartition == (try partition()))
            }
            // Somebody decides, and the group is in this history from then on.
            try await consumer.seek(try partition(), to: .offset(10))
            #expect(try await consumer.values(1) == ["100"])
            try await consumer.commit()
            let next = try await daybook.committer()
            #expect(try await next.values(1) == ["101"])
            // Another consumer of the old history cannot commit what it has seen there.
            let stale = OffsetCommit(20, leaderEpoch: .zero)
            let refused = await #expect(throws: DaybookError.self) { try await next.commit([try partition(): stale]) }
            #expect(refused?.code == .divergedHistory && refused?.divergence == 10)
            try await daybook.close()
        }
    }

    @Test func `Where nothing has been committed the policy decides, and without a group nothing can be`() throws {
        try onLoop { daybook, _ in
            try await daybook.fill(0..<10)
            let error = await #expect(throws: DaybookError.self) {
                try await daybook.committer(configuration: ConsumerConfiguration(offsetReset: .fail))
            }
            #expect(try error?.code == .noCommittedOffset && error?.topicPartition == partition())
            let latest = try await daybook.committer(configuration: ConsumerConfiguration(offsetReset: .latest))
            #expect(try latest.position(partition()) == 10)
            let loner = try await daybook.consumer()
            let refused = await #expect(throws: DaybookError.self) { try await loner.commit() }
            #expect(refused?.code == .invalidGroup && loner.committed.isEmpty && loner.group == nil)
            await latest.close()
            let closed = await #expect(throws: DaybookError.self) { try await latest.commit() }
            #expect(closed?.code == .closed)
        }
    }

    @Test func `A commit that the disk refuses says so, and the next one is written`() throws {
        let stage = LoopStage()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await daybook.createTopic("orders")
            try await daybook.fill(0..<10)
            let consumer = try await daybook.committer()
            _ = try await consumer.values(3)
            let metadata = String(repeating: "x", count: 4097)
            let error = await #expect(throws: DaybookError.self) {
                try await consumer.commit([try partition(): OffsetCommit(3, metadata: metadata)])
            }
            #expect(error?.code == .metadataTooLarge && consumer.committed.isEmpty)
            try await consumer.commit()
            #expect(consumer.committed[try partition()]?.offset == 3)
            try await daybook.close()
        }
    }
}

/// What became of commits, in the order in which they were told.
private final class Outcomes: Sendable {
    private let state = Mutex<(numbers: [Int], errors: [DaybookError])>(([], []))
    func note(_ number: Int, _ error: DaybookError?) {
        state.withLock { state in
            state.numbers.append(number)
            if let error { state.errors.append(error) }
        }
    }
    var numbers: [Int] { state.withLock { $0.numbers } }
    var errors: [DaybookError] { state.withLock { $0.errors } }
}
