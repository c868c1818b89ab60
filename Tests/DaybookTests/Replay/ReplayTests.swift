// Records between two places, once: which ones, in which order, and that it ends by itself.

import Daybook
import DaybookTesting
import Testing

extension Replay {
    /// All values, in the order of their coming.
    fileprivate var values: [String] {
        get async throws {
            var values: [String] = []
            for try await record in self { values.append(String(decoding: record.value ?? [], as: UTF8.self)) }
            return values
        }
    }
}

@Suite struct ReplayTests {
    @Test func `A replay goes from its place to its end as it is at the beginning, and waits for nothing`() throws {
        try onLoop { daybook, loop in
            let begin = loop.clock.now()
            try await daybook.fill(0..<20)
            loop.clock.advance(by: .seconds(100))
            try await daybook.fill(20..<40)
            let middle = begin.advanced(byMilliseconds: 50_000)
            let late = begin.advanced(byMilliseconds: 500_000)
            let cases: [(LogPlace, LogPlace, Range<Int>)] = [
                (.beginning, .end, 0..<40), (.offset(7), .offset(13), 7..<13), (.time(middle), .now, 20..<40),
                (.appendTime(middle), .end, 20..<40), (.beginning, .time(middle), 0..<20),
                (.offset(3), .appendTime(middle), 3..<20), (.end, .end, 40..<40), (.time(late), .now, 40..<40),
                (.beginning, .time(late), 0..<40), (.beginning, .offset(1000), 0..<40), (.offset(9), .offset(9), 0..<0),
                (.offset(30), .offset(20), 0..<0), (.beginning, .beginning, 0..<0),
            ]
            for (start, end, range) in cases {
                #expect(try await daybook.replay("orders", from: start, until: end).values == numbers(range))
            }
            // What is appended while it goes on does not count.
            var seen = 0
            for try await record in daybook.replay("orders") {
                #expect(record.offset == Offset(Int64(seen)))
                if seen % 10 == 0 { try await daybook.fill(100..<101) }
                seen += 1
            }
            #expect(seen == 40)
            #expect(loop.clock.elapsed() < .seconds(101))
        }
    }

    @Test func `Filters by key, headers and condition let through what matches all of them`() throws {
        try onLoop(partitions: 3) { daybook, _ in
            let producer = try daybook.makeProducer()
            for number in 0..<60 {
                try await producer.enqueue(
                    Record(
                        key: number % 5 == 4 ? nil : "k\(number % 5)", value: "\(number)",
                        headers: [RecordHeader("kind", number % 2 == 0 ? "even" : "odd"), RecordHeader("none", nil)]),
                    to: "orders")
            }
            try await producer.flush()
            func sorted(_ replay: Replay) async throws -> [Int] {
                try await replay.values.compactMap { Int($0) }.sorted()
            }
            #expect(try await sorted(daybook.replay("orders")) == Array(0..<60))
            #expect(try await sorted(daybook.replay("orders", key: "k3")) == (0..<60).filter { $0 % 5 == 3 })
            #expect(try await sorted(daybook.replay("orders", key: "k")) == [])
            let even = RecordHeader("kind", "even")
            #expect(
                try await sorted(daybook.replay("orders", key: "k3", headers: [even, RecordHeader("none", nil)]))
                    == (0..<60).filter { $0 % 10 == 8 })
            #expect(try await sorted(daybook.replay("orders", headers: [even, RecordHeader("none", "")])) == [])
            #expect(try await sorted(daybook.replay("orders", headers: [RecordHeader("kin", "even")])) == [])
            let few = daybook.replay("orders", headers: [even]) { $0.offset < 3 && $0.key != nil }
            #expect(try await sorted(few).allSatisfy { $0 % 2 == 0 && $0 % 5 != 4 })
            // In the order of each partition, whatever was left out.
            var last: [TopicPartition: Offset] = [:]
            for try await record in daybook.replay("orders", headers: [even]) {
                #expect(record.offset > last[record.topicPartition] ?? Offset(-1))
                last[record.topicPartition] = record.offset
            }
            #expect(last.count == 3)
        }
    }

    @Test func `With the producers' partitioner one partition is read for a key, without it all are`() throws {
        try onLoop(partitions: 8) { daybook, _ in
            let producer = try daybook.makeProducer()
            for number in 0..<80 {
                try await producer.enqueue(Record(key: "k\(number % 10)", value: "\(number)"), to: "orders")
            }
            // One that was sent elsewhere on purpose.
            let home = DefaultPartitioner.partition(forKey: Array("k3".utf8), partitionsCount: 8)
            _ = try await producer.send(Record(key: "k3", value: "astray"), to: "orders", partition: (home + 1) % 8)
            try await producer.flush()
            let expected = (0..<80).filter { $0 % 10 == 3 }.map(String.init)
            let all = try await daybook.replay("orders", key: "k3").values
            #expect(Set(all) == Set(expected + ["astray"]) && all.count == 9)
            let before = daybook.topics.count
            let chosen = daybook.replay("orders", key: "k3", partitioner: DefaultPartitioner())
            #expect(try await chosen.values == expected)
            for try await record in chosen { #expect(record.topicPartition.partition == home) }
            #expect(daybook.topics.count == before)
        }
    }

    @Test func `Partitions of several topics are replayed together, and what is missing is told`() throws {
        try onLoop(partitions: 2) { daybook, _ in
            try await daybook.createTopic("invoices")
            try await daybook.fill(0..<20, of: 1)
            try await daybook.deleteRecords(partition(1), before: 7)
            _ = try await daybook.makeProducer().send(Record(key: nil, value: "invoice"), to: "invoices")
            let replay = daybook.replay(
                [try partition(0, of: "invoices"), try partition(1), try partition(1)], from: .offset(0))
            var gaps: [Gap] = []
            var count = 0
            for try await record in replay {
                if !record.gaps.isEmpty { #expect(record.offset == 7) }
                gaps += record.gaps
                count += 1
            }
            #expect(count == 14 && gaps == [Gap(baseOffset: 0, nextOffset: 7, cause: .retained)])
        }
    }

    @Test func `A replay begins anew each time, can be left anywhere, and says what it cannot do when it is asked`()
        throws
    {
        try onLoop { daybook, loop in
            try await daybook.fill(0..<30)
            let replay = daybook.replay("orders", from: .offset(2))
            for count in [1, 5, 28] {
                var seen: [Int64] = []
                for try await record in replay {
                    seen.append(record.offset.rawValue)
                    if seen.count == count { break }
                }
                #expect(seen == Array(2..<Int64(count + 2)))
            }
            for (wrong, code) in [
                (daybook.replay("nothing"), DaybookError.Code.unknownTopic),
                (daybook.replay([try partition(9)]), .unknownPartition),
                (daybook.replay("orders", from: .offset(31)), .offsetOutOfRange),
            ] {
                let error = await #expect(throws: DaybookError.self) { for try await _ in wrong {} }
                #expect(error?.code == code)
            }
        }
    }
}
