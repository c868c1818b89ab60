// Reading by offset and by time, at every size of read, over segments and restarts.

import Daybook
import DaybookTesting
import Foundation
import Testing

@Suite struct ReadingTests {
    @Test(arguments: [Compression.none, .lz4(), .zstd()])
    func `Every record comes back whatever a read asks for`(compression: Compression) async throws {
        var topic = TopicConfiguration(compression: compression)
        topic.segmentBytes = .kibibytes(16)
        topic.indexIntervalBytes = .kibibytes(1)
        try await withDaybook(topic: topic) { daybook in
            let orders = try partition()
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .kibibytes(1), durability: .osCache))
            let values = (0..<2000).map { "value \($0) " + String(repeating: "abc", count: $0 % 50) }
            for value in values { try await producer.enqueue(Record(key: "k", value: value), to: "orders") }
            try await producer.flush()
            try await daybook.flush()
            for size in [1, 500, 5000, 100_000, 10_000_000] {
                #expect(
                    try await daybook.content(orders, maxBytes: .bytes(size)).values == values, "reads of \(size) bytes"
                )
            }
            for start in [1, 777, 1999, 2000] {
                let content = try await daybook.content(orders, from: Offset(Int64(start)), maxBytes: .kibibytes(4))
                #expect(content.values == Array(values[start...]))
                #expect(content.offsets.first == (start < 2000 ? Int64(start) : nil))
            }
            for wrong in [Offset(2001), Offset(-1)] {
                let error = await #expect(throws: DaybookError.self) { try await daybook.read(orders, from: wrong) }
                #expect(error?.code == .offsetOutOfRange)
                #expect(error?.message.contains("0..<2000") == true)
            }
        }
    }

    @Test func `C50 a time leads to the first record that is as young, as a linear search finds it`() async throws {
        var generator = SeededGenerator(seed: 7)
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(4)
        topic.indexIntervalBytes = .bytes(200)
        try await withDaybook(topic: topic) { daybook in
            let orders = try partition()
            let producer = try daybook.makeProducer(
                ProducerConfiguration(batchSize: .bytes(300), durability: .osCache))
            var times: [Int64] = []
            for number in 0..<800 {
                // Now and then a producer's clock is far off.
                let time = Int64(number) * 10 + Int64.random(in: -200...200, using: &generator)
                times.append(number % 97 == 0 ? time * 3 : time)
                try await producer.enqueue(
                    Record(key: nil, value: "\(number)", timestamp: Timestamp(milliseconds: times[number])),
                    to: "orders")
            }
            try await producer.flush()
            try await daybook.flush()
            for time in stride(from: Int64(-300), through: 30_000, by: 111) {
                let expected = times.firstIndex { $0 >= time }.map { Offset(Int64($0)) }
                let found = try await daybook.offset(orders, forTimestamp: Timestamp(milliseconds: time))
                #expect(found == expected, "time \(time)")
            }
        }
    }

    @Test func `C49 append times never fall, whatever the clock does, and lead to the place of arrival`() async throws {
        let clock = ManualClock(Timestamp(milliseconds: 1_000_000))
        var configuration = Configuration()
        configuration.clock = clock
        try await withDaybook(configuration) { daybook in
            let orders = try partition()
            let producer = try daybook.makeProducer()
            var times: [Timestamp] = []
            for jump in [0, 50, -500_000, 10, 400_000_000_000, -400_000_000_000, 5] {
                clock.advance(by: .milliseconds(jump))
                times.append(try await producer.send(Record(key: nil, value: "\(jump)"), to: "orders").appendTime)
            }
            #expect(times == times.sorted())
            #expect(try await daybook.read(orders, from: 0).batches.map(\.appendTime) == times)
            #expect(try await daybook.offset(orders, appendedAtOrAfter: times[1]) == 1)
            #expect(try await daybook.offset(orders, appendedAtOrAfter: times[4]) == 4)
            #expect(try await daybook.offset(orders, appendedAtOrAfter: times[6].advanced(byMilliseconds: 1)) == nil)
        }
    }

    @Test func `On append-time topics records have the time of their append`() async throws {
        let clock = ManualClock(Timestamp(milliseconds: 5_000))
        var configuration = Configuration()
        configuration.clock = clock
        var topic = TopicConfiguration()
        topic.timestampType = .append
        try await withDaybook(topic: topic, configuration) { daybook in
            let producer = try daybook.makeProducer()
            _ = try await producer.send(
                Record(key: nil, value: "x", timestamp: Timestamp(milliseconds: 99)), to: "orders")
            let batch = try #require(try await daybook.read(try partition(), from: 0).batches.first)
            #expect(batch.timestampType == .append)
            #expect(try batch.records().map(\.record.timestamp) == [Timestamp(milliseconds: 5_000)])
        }
    }

    @Test func `Headers, nulls and empty values come back as they were sent`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer()
            let records = [
                Record(key: [UInt8]?.none, value: nil), Record(key: [], value: []),
                Record(
                    key: [0, 255], value: [1, 2, 3],
                    headers: [
                        RecordHeader("a", "1"), RecordHeader("a", nil), RecordHeader("", []), RecordHeader("ü", [200]),
                    ]),
            ]
            for record in records { _ = try await producer.send(record, to: "orders") }
            let content = try await daybook.content(try partition())
            #expect(content.records.map(\.record.key) == records.map(\.key))
            #expect(content.records.map(\.record.value) == records.map(\.value))
            #expect(content.records.map(\.record.headers) == records.map(\.headers))
        }
    }

    @Test func `C7 a damaged batch is a gap, what follows is read, and a restart agrees`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders")
            let producer = try daybook.makeProducer()
            for number in 0..<10 {
                _ = try await producer.send(Record(key: nil, value: "value \(number)"), to: "orders")
            }
            try await daybook.close()
            let url = URL(fileURLWithPath: directory + "/orders-0/00000000000000000000.log")
            var bytes = try Data(contentsOf: url)
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: url)
            for _ in 0..<2 {
                daybook = try await Daybook.open(directory)
                let content = try await daybook.content(try partition())
                #expect(content.records.count == 9)
                #expect(content.gaps.map(\.count) == [1])
                #expect(content.gaps.first?.cause == .quarantined)
                #expect(try Data(contentsOf: url) == bytes)
                try await daybook.close()
            }
        }
    }
}
