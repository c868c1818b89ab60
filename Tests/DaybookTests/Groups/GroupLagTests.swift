// Lag is what a reader of committed records would still get, counted: over compaction, deletion, markers and aborted
// transactions, from every offset; and most of it is counted without reading.

import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

@testable import Daybook

@Suite("Lag of groups")
struct GroupLagTests {
    private func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.housekeeping.isAutomatic = false
        return configuration
    }

    /// What the engine counts, and what a reader finds, from each offset up to the high watermark.
    private func compare(_ daybook: Daybook, _ place: Comment) async throws {
        let partition = try daybook.partition(partition())
        let offsets = partition.offsets
        for offset in stride(from: Int64(0), through: offsets.highWatermark.rawValue, by: 3) {
            // A batch that is cut by the log's start comes whole; what lies before it is gone all the same.
            let found = try await daybook.content(
                partition.topicPartition, from: max(Offset(offset), offsets.logStartOffset))
            let backlog = try await daybook.services.io.run { () throws(DaybookError) in
                try partition.backlogBlocking(from: Offset(offset))
            }
            #expect(backlog.recordsCount == Int64(found.records.count), "from \(offset), \(place)")
            #expect((backlog.oldest == nil) == found.records.isEmpty, place)
            #expect(backlog.limit == offsets.lastStableOffset)
        }
    }

    @Test func `C52 lag is the count of what a reader would get, whatever has become of the others`() async throws {
        for seed in UInt64(0)..<8 {
            var generator = SeededGenerator(seed: seed)
            var topic = TopicConfiguration()
            topic.segmentBytes = .kibibytes(2)
            topic.retention.policy = seed.isMultiple(of: 2) ? .compact : .delete
            try await withDaybook(topic: topic, configuration()) { daybook in
                let producer = try daybook.makeProducer()
                let partition = try daybook.partition(partition())
                var senders = (0..<3).map { TransactionSender(Int64($0), partition) }
                var areOpen = [false, false, false]
                for _ in 0..<120 {
                    switch Int.random(in: 0..<10, using: &generator) {
                    case 0...5:
                        let key = "k\(Int.random(in: 0..<5, using: &generator))"
                        for _ in 0..<Int.random(in: 1...4, using: &generator) {
                            try await producer.enqueue(
                                Record(key: key, value: String(repeating: "v", count: 80)), to: "orders")
                        }
                        try await producer.flush()
                    case 6...7:
                        let number = Int.random(in: 0..<3, using: &generator)
                        try senders[number].send("a", "b")
                        areOpen[number] = true
                    default:
                        let number = Int.random(in: 0..<3, using: &generator)
                        if areOpen[number] {
                            try senders[number].end(Bool.random(using: &generator) ? .abort : .commit)
                        }
                        areOpen[number] = false
                    }
                }
                try await daybook.flush()
                try await compare(daybook, "seed \(seed), with \(areOpen) open")
                for (number, isOpen) in areOpen.enumerated() where isOpen { try senders[number].end(.abort) }
                try await daybook.flush()
                try await compare(daybook, "seed \(seed)")
                if topic.retention.policy == .compact {
                    #expect(try await daybook.compact("orders").isEmpty == false)
                    try await compare(daybook, "seed \(seed), compacted")
                }
                try await daybook.deleteRecords(partition.topicPartition, before: Offset(57))
                try await compare(daybook, "seed \(seed), the beginning deleted")
            }
        }
    }

    @Test func `A long log is counted by its sums, and not read`() async throws {
        try await withDirectory { directory in
            var topic = TopicConfiguration()
            topic.segmentBytes = .kibibytes(64)
            var daybook = try await Daybook.open(directory, configuration: configuration())
            try await daybook.createTopic("orders", configuration: topic)
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            let value = String(repeating: "v", count: 1000)
            for _ in 0..<2000 { try await producer.enqueue(Record(key: "k", value: value), to: "orders") }
            try await producer.flush()
            try await daybook.commit(group: "g", offsets: [partition(): OffsetCommit(5)])
            try await daybook.close()
            for access in [Configuration.Access.readWrite, .readOnly] {
                var configuration = configuration()
                configuration.access = access
                daybook = try await Daybook.open(directory, configuration: configuration)
                _ = try await daybook.committedOffsets(group: "g")
                let before = daybook.statistics.bytesRead
                #expect(try await daybook.describeGroup("g").positions.map(\.lag) == [1995])
                let (size, read) = (
                    try await daybook.offsets(partition()).size.rawValue, daybook.statistics.bytesRead - before
                )
                #expect(size > 2_000_000 && read < size / 5, "\(read) of \(size) bytes were read")
                try await daybook.close()
            }
        }
    }

    @Test func `Whoever has read everything has no lag, also when the last that was read ended a transaction`()
        async throws
    {
        try await withDaybook { daybook in
            let partition = try daybook.partition(partition())
            var sender = TransactionSender(1, partition)
            for kind in [ControlRecord.Kind.commit, .abort] {
                try sender.send("a", "b")
                try sender.end(kind)
                try await daybook.flush()
                // A reader commits behind what it was given last, and a mark is given to nobody.
                let last = try await daybook.content(partition.topicPartition).offsets.last ?? -1
                try await daybook.commit(
                    group: "g", offsets: [partition.topicPartition: OffsetCommit(Offset(last + 1))])
                let position = try #require(try await daybook.describeGroup("g").positions.first)
                #expect(
                    position.lag == 0 && position.oldestAge == nil && position.committed.offset < position.endOffset)
            }
            try sender.send("open")
            try await daybook.flush()
            #expect(try await daybook.describeGroup("g").positions.map(\.lag) == [0], "nobody gets it before it ends")
            let plan = try await daybook.resetOffsets(group: "g", to: .end)
            #expect(plan.moves.map(\.new) == [6], "whoever begins at the end gets it")
            try sender.end(.commit)
            try await daybook.flush()
            #expect(try await daybook.describeGroup("g").positions.map(\.lag) == [1])
        }
    }
}
