// The producer: receipts, order, batches, partitioning, memory, cancellation, failures.

import Daybook
import Testing

@Suite struct ProducerTests {
    @Test(arguments: [Durability.durable, .osCache])
    func `A sent record has a receipt with its place and the promise kept`(durability: Durability) async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: durability))
            var last = Timestamp.none
            for number in 0..<20 {
                let receipt = try await producer.send(Record(key: "k", value: "\(number)"), to: "orders")
                #expect(receipt.offset == Offset(Int64(number)))
                #expect(receipt.durability == durability)
                #expect(receipt.topicPartition == (try partition()))
                #expect(receipt.appendTime >= last)
                last = receipt.appendTime
                let offsets = try await daybook.offsets(try partition())
                #expect(offsets.logEndOffset.rawValue > Int64(number))
                if durability == .durable { #expect(offsets.highWatermark.rawValue > Int64(number)) }
            }
        }
    }

    @Test func `The append time of a receipt is the append time that readers see, also after a restart`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            let producer = try daybook.makeProducer()
            var times: [Timestamp] = []
            for number in 0..<50 {
                times.append(try await producer.send(Record(key: nil, value: "\(number)"), to: "orders").appendTime)
            }
            for _ in 0..<2 {
                let batches = try await daybook.read(try partition(), from: 0).batches
                #expect(batches.map(\.appendTime) == times)
                try await daybook.close()
                daybook = try await Daybook.open(directory)
            }
            try await daybook.close()
        }
    }

    @Test func `A buffered record has no place yet and reaches the log with a flush`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(linger: .seconds(3600), durability: .buffered))
            let receipt = try await producer.send(Record(key: nil, value: "x"), to: "orders")
            #expect(receipt.offset == nil)
            #expect(receipt.durability == .buffered)
            let summary = try await producer.flush()
            #expect(summary.recordsCount == 1)
            #expect(try await daybook.content(try partition()).values == ["x"])
        }
    }

    @Test func `Enqueued records keep their order per partition and make full batches`() async throws {
        try await withDaybook(partitions: 3) { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(4), linger: .seconds(3600), durability: .osCache))
            for number in 0..<3000 {
                try await producer.enqueue(Record(key: "key-\(number % 50)", value: "\(number)"), to: "orders")
            }
            let summary = try await producer.flush()
            #expect(summary.recordsCount == 3000)
            #expect(summary.partitions.values.reduce(0) { $0 + $1.recordsCount } == 3000)
            #expect(summary.batchesCount < 100)
            var perKey: [String: [Int]] = [:]
            for number in Int32(0)..<3 {
                let content = try await daybook.content(try partition(number), isolation: .pageCache)
                #expect(content.offsets == Array(0..<Int64(content.records.count)))
                for (_, record) in content.records {
                    let key = String(decoding: record.key ?? [], as: UTF8.self)
                    perKey[key, default: []].append(Int(String(decoding: record.value ?? [], as: UTF8.self)) ?? -1)
                }
            }
            #expect(perKey.count == 50)
            for (key, numbers) in perKey { #expect(numbers == numbers.sorted() && numbers.count == 60, "\(key)") }
        }
    }

    @Test func `A key goes where Kafka's clients would send it`() throws {
        for vector in Murmur2Vectors.vectors {
            let expected = Int32(vector.hash & 0x7fff_ffff)
            for count in [Int32(1), 3, 8, 1000] {
                #expect(DefaultPartitioner.partition(forKey: vector.key, partitionsCount: count) == expected % count)
            }
        }
    }

    @Test func `Records without a key go together, and to every partition in turn`() async throws {
        try await withDaybook(partitions: 4) { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(1), linger: .seconds(3600), durability: .osCache))
            for number in 0..<2000 {
                try await producer.enqueue(Record(key: nil, value: "value \(number)"), to: "orders")
            }
            let summary = try await producer.flush()
            #expect(summary.partitions.count == 4)
            #expect(summary.batchesCount < 60)
            for share in summary.partitions.values { #expect((300...700).contains(share.recordsCount)) }
        }
    }

    @Test func `A partitioner of one's own decides, and so does a named partition`() async throws {
        struct ByLength: Partitioner {
            func partition(for record: Record, topic: TopicName, partitionsCount: Int32) -> Int32? {
                Int32(record.value?.count ?? 0) % partitionsCount
            }
        }
        try await withDaybook(partitions: 3) { daybook in
            let producer = try daybook.makeProducer(ProducerConfiguration(partitioner: ByLength()))
            #expect(try await producer.send(Record(key: "k", value: "1"), to: "orders").topicPartition.partition == 1)
            #expect(try await producer.send(Record(key: "k", value: "22"), to: "orders").topicPartition.partition == 2)
            let named = try await producer.send(Record(key: "k", value: "22"), to: "orders", partition: 0)
            #expect(named.topicPartition.partition == 0)
            let error = await #expect(throws: DaybookError.self) {
                try await producer.send(Record(key: "k", value: ""), to: "orders", partition: 3)
            }
            #expect(error?.code == .unknownPartition)
        }
    }

    @Test func `C75 little memory slows senders down and loses nothing`() async throws {
        try await withDaybook(partitions: 2) { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(
                    batchSize: .kibibytes(1), linger: .seconds(3600), bufferMemory: .kibibytes(4), durability: .osCache)
            )
            let value = String(repeating: "v", count: 300)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        for number in 0..<200 {
                            try await producer.enqueue(Record(key: "\(task)-\(number)", value: value), to: "orders")
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await producer.flush().recordsCount == 1600)
            // One record may be larger than all the memory.
            let large = String(repeating: "L", count: 100_000)
            _ = try await producer.send(Record(key: nil, value: large), to: "orders")
        }
    }

    @Test func `A cancelled sender either throws and has sent nothing, or has its receipt`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(1), bufferMemory: .kibibytes(4), durability: .durable))
            let outcomes = await withTaskGroup(of: (value: String, isSent: Bool).self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let value = "\(number)-" + String(repeating: "x", count: 500)
                        do {
                            _ = try await producer.send(Record(key: nil, value: value), to: "orders")
                            return (value, true)
                        } catch {
                            return (value, false)
                        }
                    }
                    if number == 150 { group.cancelAll() }
                }
                return await group.reduce(into: [String: Bool]()) { $0[$1.value] = $1.isSent }
            }
            #expect(outcomes.count == 200)
            let stored = Set(try await daybook.content(try partition()).values)
            #expect(stored == Set(outcomes.filter(\.value).keys))
        }
    }

    @Test func `What is too large for the topic is refused alone`() async throws {
        var topic = TopicConfiguration()
        topic.maxMessageBytes = .kibibytes(2)
        try await withDaybook(topic: topic) { daybook in
            let producer = try daybook.makeProducer()
            let large = String(repeating: "L", count: 5000)
            let error = await #expect(throws: DaybookError.self) {
                try await producer.send(Record(key: nil, value: large), to: "orders")
            }
            #expect(error?.code == .recordTooLarge)
            try await producer.enqueue(Record(key: nil, value: "before"), to: "orders")
            try await producer.enqueue(Record(key: nil, value: large), to: "orders")
            try await producer.enqueue(Record(key: nil, value: "behind"), to: "orders")
            let failure = await #expect(throws: FlushFailure.self) { try await producer.flush() }
            #expect(failure?.lostRecordsCount == 1)
            #expect(failure?.summary.recordsCount == 2)
            #expect(try await daybook.content(try partition()).values == ["before", "behind"])
        }
    }

    @Test func `A closed producer takes nothing, an unknown topic is named`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer()
            let unknown = await #expect(throws: DaybookError.self) {
                try await producer.enqueue(Record(key: nil, value: "x"), to: "ordres")
            }
            #expect(unknown?.code == .unknownTopic)
            #expect(unknown?.message.contains("ordres") == true)
            try await producer.enqueue(Record(key: nil, value: "x"), to: "orders")
            #expect(try await producer.close().recordsCount == 1)
            let closed = await #expect(throws: DaybookError.self) {
                try await producer.enqueue(Record(key: nil, value: "y"), to: "orders")
            }
            #expect(closed?.code == .closed)
        }
    }

    @Test func `A lingering record goes by itself`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer(ProducerConfiguration(linger: .milliseconds(1)))
            try await producer.enqueue(Record(key: nil, value: "x"), to: "orders")
            let orders = try partition()
            #expect(try await eventually { try await daybook.offsets(orders).highWatermark == 1 })
        }
    }

    @Test func `The topic's codec goes before the producer's`() async throws {
        let value = String(repeating: "compressible ", count: 100)
        for (topic, producerCodec, expected) in [
            (TopicConfiguration(), Compression.lz4(), "lz4"),
            (TopicConfiguration(compression: .zstd()), .lz4(), "zstd"),
            (TopicConfiguration(compression: Compression.none), .zstd(), "none"),
        ] {
            try await withDaybook(topic: topic) { daybook in
                let producer = try daybook.makeProducer(ProducerConfiguration(compression: producerCodec))
                _ = try await producer.send(Record(key: nil, value: value), to: "orders")
                #expect(try await daybook.read(try partition(), from: 0).batches.first?.compression == expected)
                #expect(try await daybook.content(try partition()).values == [value])
            }
        }
    }
}
