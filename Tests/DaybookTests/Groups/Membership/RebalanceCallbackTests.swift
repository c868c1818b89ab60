// Callbacks that fail, take their time, close their own consumer or move it; and what a power cut leaves of commits. Virtual time on
// one thread.

import Daybook
import DaybookTesting
import Synchronization
import Testing

@Suite struct RebalanceCallbackTests {
    private struct Deliberate: Error {}

    private static func fill(_ daybook: Daybook) async throws {
        for number in Int32(0)..<2 { try await daybook.fill(0..<10, of: number) }
    }

    @Test func `What a callback throws is told to who asks for records, and holds nobody up`() throws {
        try onLoop(seed: 21, partitions: 2) { daybook, loop in
            try await Self.fill(daybook)
            let log = RebalanceLog()
            var member = log.member("A")
            member.onAssigned = { _, partitions in
                log.add("A", "+", partitions)
                throw Deliberate()
            }
            member.onRevoked = { _, partitions in
                log.add("A", "-", partitions)
                throw Deliberate()
            }
            let a = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: member)
            await #expect(throws: Deliberate.self) { try await loop.rest(a) }
            #expect(a.numbers == [0, 1])
            #expect(try await a.poll(timeout: .seconds(1)).isEmpty == false)
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("B"))
            try await loop.rest(b)
            await #expect(throws: Deliberate.self) { try await loop.rest(a) }
            try await loop.rest(a, b)
            #expect(a.numbers == [0] && b.numbers == [1])
            await a.close()
            try await loop.rest(b)
            #expect(b.numbers == [0, 1])
            #expect(log.take() == ["A+0,1", "A-1", "B+1", "A-0", "B+0"])
        }
    }

    @Test func `A callback that takes longer than the poll interval puts its member out, and the others get on`() throws
    {
        try onLoop(seed: 22, partitions: 2) { daybook, loop in
            try await Self.fill(daybook)
            let log = RebalanceLog()
            var member = log.member("A", pollInterval: .seconds(10))
            let refused = Mutex<DaybookError.Code?>(nil)
            member.onRevoked = { consumer, partitions in
                await loop.pass(.seconds(30))
                do { try await consumer.commit() } catch { refused.withLock { $0 = (error as? DaybookError)?.code } }
                log.add("A", "-", partitions)
            }
            let a = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: member)
            try await loop.rest(a)
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("B"))
            try await loop.rest(b)
            async let slow: Void = loop.rest(a)
            await loop.pass(.seconds(15))
            try await loop.rest(b)
            #expect(b.numbers == [0, 1])
            try await slow
            #expect(refused.withLock { $0 } == .unknownMember)
            let lines = log.take()
            #expect(lines.contains("B+0,1") || lines.contains("B+1"))
            #expect(lines.contains { $0.hasPrefix("A!") })
            try await loop.rest(a, b)
            #expect(a.numbers.count == 1 && b.numbers.count == 1)
        }
    }

    @Test func `A callback may close its own consumer, and closing waits for callbacks at work`() throws {
        try onLoop(seed: 23, partitions: 2) { daybook, loop in
            let log = RebalanceLog()
            var member = log.member("A")
            member.onAssigned = { consumer, partitions in
                log.add("A", "+", partitions)
                await consumer.close()
                log.add("A", "=", partitions)
            }
            let a = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: member)
            await #expect(throws: DaybookError.self) { try await loop.rest(a) }
            #expect(log.take() == ["A+0,1", "A=0,1", "A-0,1"])
            #expect(try await daybook.groups().allSatisfy { $0.membersCount == 0 })

            member = log.member("B")
            member.onAssigned = { _, partitions in
                log.add("B", "+", partitions)
                await loop.pass(.seconds(1))
                log.add("B", "=", partitions)
            }
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: member)
            async let polling = b.poll(timeout: .seconds(5))
            await loop.pass(.milliseconds(500))
            await b.close()
            #expect(log.take() == ["B+0,1", "B=0,1", "B-0,1"])
            await b.close()
            do { _ = try await polling } catch { #expect((error as? DaybookError)?.code == .closed) }
            #expect(log.take().isEmpty)
        }
    }

    @Test func `Whoever is told of its partitions may seek in them before anything is handed out`() throws {
        try onLoop(seed: 24) { daybook, loop in
            try await daybook.fill(0..<10)
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"],
                member: GroupMemberConfiguration(onAssigned: { consumer, partitions in
                    for partition in partitions { try await consumer.seek(partition, to: .offset(7)) }
                }))
            #expect(try await a.values(3) == ["7", "8", "9"])
            await a.close()
        }
    }

    @Test func `A batch in the middle of being gone through is no reason to keep others waiting`() throws {
        try onLoop(seed: 25, partitions: 2) { daybook, loop in
            for number in Int32(0)..<2 { try await daybook.fill(0..<50, of: number, perBatch: 50) }
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"],
                member: GroupMemberConfiguration(onRevoked: { consumer, _ in try await consumer.commit() }))
            var records = a.records.makeAsyncIterator()
            var seen: [String] = []
            func take(_ count: Int) async throws {
                for _ in 0..<count {
                    let record = try #require(try await records.next())
                    seen.append("\(record.topicPartition)@\(record.offset)")
                }
            }
            try await take(5)
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            for _ in 0..<6 {
                _ = try await b.poll(max: 1, timeout: .zero).map {
                    seen.append("\($0.topicPartition)@\($0.firstOffset)")
                }
                await loop.pass(.milliseconds(1))
                try await take(1)
                await loop.pass(.milliseconds(1))
            }
            #expect(a.numbers.count == 1 && b.numbers.count == 1)
            #expect(Set(seen).count == seen.count)
        }
    }

    @Test(arguments: [PowerCut.nothing, .drawn, .everything])
    func `Through power cuts between a commit and what follows, nothing committed comes again and nothing is left out`(
        _ cut: PowerCut
    ) throws {
        for seed in UInt64(1)...6 {
            let stage = LoopStage(seed: seed)
            var daybook = try stage.loop.run {
                let daybook = try await stage.open()
                try await daybook.createTopic("orders", partitions: 2)
                try await Self.fill(daybook)
                return daybook
            }
            var generator = SeededGenerator(seed: seed)
            let seen = Mutex<[TopicPartition: [Int64]]>([:])
            for _ in 0..<5 {
                let count = Int.random(in: 1...5, using: &generator)
                let commits = Bool.random(using: &generator)
                let current = daybook
                let committed = try stage.loop.run { () async throws -> [TopicPartition: Offset] in
                    let a = try await current.makeConsumer(group: "g", topics: ["orders"])
                    var left = 3
                    while left > 0 {
                        let batches = try await a.poll(max: count, timeout: .milliseconds(100))
                        if batches.isEmpty { left -= 1 }
                        for batch in batches {
                            let offsets = try batch.records().map(\.offset.rawValue)
                            seen.withLock { $0[batch.topicPartition, default: []] += offsets }
                            left = 0
                        }
                    }
                    if commits { try await a.commit() }
                    return try await current.committedOffsets(group: "g").mapValues(\.offset)
                }
                stage.disk.crash()
                stage.disk.restart(cut)
                daybook = try stage.loop.run {
                    let daybook = try await stage.open()
                    let found = try await daybook.committedOffsets(group: "g").mapValues(\.offset)
                    #expect(found == committed, "seed \(seed)")
                    return daybook
                }
                // What comes again is what was not committed.
                seen.withLock { seen in
                    for place in seen.keys {
                        seen[place]?.removeAll { $0 >= committed[place]?.rawValue ?? 0 }
                    }
                }
            }
            seen.withLock { seen in
                for (place, offsets) in seen {
                    #expect(offsets == Array(0..<Int64(offsets.count)), "\(place), seed \(seed)")
                }
            }
            let last = daybook
            try stage.loop.run { try await last.close() }
        }
    }
}
