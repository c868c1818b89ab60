// Following a log as it grows: with threads of the engine's own, and over very many segments.

import Daybook
import DaybookTesting
import Testing

@Suite struct ConsumerTailTests {
    @Test func `C46 a consumer follows a log that rolls at every batch, across 10,000 segments, pauses and a restart`()
        throws
    {
        let stage = LoopStage(seed: 46)
        try stage.loop.run {
            var topic = TopicConfiguration()
            topic.segmentBytes = .bytes(1024)
            let filler = String(repeating: " ", count: 980)
            var daybook = try await stage.open()
            try await daybook.createTopic("orders", configuration: topic)
            var random = SeededGenerator(seed: 46)
            var (sent, seen) = (0, 0)
            for part in 0..<2 {
                let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
                let consumer = try await daybook.consumer(
                    from: .offset(Offset(Int64(seen))), ConsumerConfiguration(isolation: .pageCache))
                while sent < 5000 * (part + 1) {
                    let count = min(Int.random(in: 1...80, using: &random), 5000 * (part + 1) - sent)
                    async let batches = consumer.poll(max: count, timeout: .seconds(1))
                    for number in sent..<sent + count {
                        _ = try await producer.send(Record(key: nil, value: "\(number)" + filler), to: "orders")
                    }
                    sent += count
                    for batch in try await batches {
                        #expect(batch.firstOffset == Offset(Int64(seen)) && batch.gap == nil)
                        try batch.forEach { record in
                            if record.record().value != Array("\(seen)\(filler)".utf8) { Issue.record("not \(seen)") }
                            seen += 1
                        }
                    }
                    if Int.random(in: 0..<20, using: &random) == 0 { await stage.loop.pass(.milliseconds(200)) }
                }
                #expect(try await consumer.values(sent - seen) == numbers(seen..<sent).map { $0 + filler })
                seen = sent
                #expect(try await consumer.poll(timeout: .milliseconds(1)).isEmpty)
                try await daybook.close()
                daybook = try await stage.open()
            }
            #expect(try await daybook.offsets(partition()).segmentsCount >= 10_000)
            try await daybook.close()
        }
    }

    @Test
    func `Many producers and consumers on threads: each consumer gets every record of its partitions once, in order`()
        async throws
    {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(64)
        try await withDaybook(partitions: 4, topic: topic) { daybook in
            let perPartition = 2000
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in Int32(0)..<8 {
                    let share = number < 4 ? [number] : [0, 1, 2, 3]
                    group.addTask {
                        let consumer = try await daybook.consumer(
                            share, from: .beginning,
                            ConsumerConfiguration(readAhead: .kibibytes(64), partitionReadAhead: .kibibytes(16)))
                        var next = [0, 0, 0, 0]
                        var left = share.count * perPartition
                        while left > 0 {
                            for batch in try await consumer.poll(max: 100, timeout: .seconds(20)) {
                                let partition = Int(batch.topicPartition.partition)
                                for record in try batch.records() {
                                    #expect(record.value == Array("\(next[partition])".utf8))
                                    next[partition] += 1
                                    left -= 1
                                }
                            }
                        }
                    }
                }
                for number in Int32(0)..<4 {
                    group.addTask {
                        let producer = try daybook.makeProducer(
                            ProducerConfiguration(
                                batchSize: .kibibytes(2), compression: number % 2 == 0 ? .none : .zstd()))
                        for value in 0..<perPartition {
                            let record = Record(key: nil, value: "\(value)")
                            if value % 40 == 0 {
                                _ = try await producer.send(record, to: "orders", partition: number)
                            } else {
                                try await producer.enqueue(record, to: "orders", partition: number)
                            }
                        }
                        try await producer.flush()
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
