// What groups commit is there again, whole, after a restart and in other processes; what must not be committed is refused.

@testable import Daybook
import DaybookModel
import DaybookTesting
import Foundation
import Synchronization
import Testing

@Suite("Committed offsets")
struct CommittedOffsetTests {
    private func committed(_ offset: Offset, _ epoch: Int32?, _ metadata: String = "", at time: Timestamp)
        -> CommittedOffset
    {
        CommittedOffset(
            offset: offset, leaderEpoch: epoch.map { LeaderEpoch(rawValue: $0) }, metadata: metadata, commitTime: time)
    }

    @Test func `A group finds what it has committed, with everything it said, also after a restart`() async throws {
        try await withDirectory { directory in
            let clock = ManualClock()
            let configuration = Configuration().with(clock: clock)
            var daybook = try await Daybook.open(directory, configuration: configuration)
            try await daybook.createTopic("orders", partitions: 3)
            try await daybook.createTopic("invoices")
            try await fill(daybook, 10, "orders", 0)
            try await fill(daybook, 4, "invoices", 0)
            #expect(try await daybook.committedOffsets(group: "warehouse").isEmpty)
            #expect(daybook.existingInternalTopic(.consumerOffsets) == nil, "asking makes no topic")
            try await daybook.commit(
                group: "warehouse",
                offsets: [
                    partition(0): OffsetCommit(7, metadata: "Lager Süd 🚚"), partition(1): OffsetCommit(0),
                    partition(0, of: "invoices"): OffsetCommit(4, leaderEpoch: .zero),
                ])
            let first = clock.now()
            clock.advance(by: .seconds(5))
            try await daybook.commit(group: "warehouse", offsets: [partition(0): OffsetCommit(3)])
            try await daybook.commit(group: "accounting", offsets: [partition(0): OffsetCommit(10)])
            let expected = [
                try partition(0): committed(3, 0, at: clock.now()), try partition(1): committed(0, nil, at: first),
                try partition(0, of: "invoices"): committed(4, 0, at: first),
            ]
            for _ in 0..<2 {
                #expect(try await daybook.committedOffsets(group: "warehouse") == expected)
                #expect(
                    try await daybook.committedOffsets(group: "accounting").mapValues(\.offset) == [partition(0): 10])
                #expect(try await daybook.committedOffsets(group: "nobody").isEmpty)
                try await daybook.close()
                daybook = try await Daybook.open(directory, configuration: configuration)
            }
            try await daybook.close()
        }
    }

    @Test
    func `C54 a commit behind the log's end is refused, names the end, and takes the others of the commit with it`()
        async throws
    {
        try await withDaybook(partitions: 2) { daybook in
            try await fill(daybook, 5, "orders", 0)
            let error = await #expect(throws: DaybookError.self) {
                try await daybook.commit(
                    group: "g", offsets: [partition(0): OffsetCommit(5), partition(1): OffsetCommit(1)])
            }
            #expect(error?.code == .divergedHistory && error?.topicPartition?.partition == 1 && error?.offset == 1)
            #expect(error?.message.contains("part at offset 0") == true)
            #expect(try await daybook.committedOffsets(group: "g").isEmpty)
            let later = await #expect(throws: DaybookError.self) {
                try await daybook.commit(
                    group: "g", offsets: [partition(0): OffsetCommit(2, leaderEpoch: LeaderEpoch(rawValue: 1))])
            }
            #expect(later?.code == .divergedHistory, "an epoch that has not begun")
            let negative = await #expect(throws: DaybookError.self) {
                try await daybook.commit(group: "g", offsets: [partition(0): OffsetCommit(Offset(-1))])
            }
            #expect(negative?.code == .offsetOutOfRange)
        }
    }

    @Test func `C54 a position in records that a power cut has taken is told apart, also when others stand there now`()
        async throws
    {
        let disk = SimulatedDisk()
        var daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        var topic = TopicConfiguration()
        topic.flushInterval = .seconds(3600)
        try await daybook.createTopic("orders", configuration: topic)
        try await fill(daybook, 3, "orders", 0)
        try await fill(daybook, 4, "orders", 0, .osCache)
        // A consumer that reads from the page cache may have dealt with all seven, and says so durably.
        try await daybook.commit(group: "hasty", offsets: [partition(): OffsetCommit(7)])
        try await daybook.commit(group: "steady", offsets: [partition(): OffsetCommit(3)])
        disk.crash()
        await #expect(throws: DaybookError.self) { try await daybook.close() }
        disk.restart(.nothing)
        daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        for _ in 0..<2 {
            let hasty = try #require(try await daybook.committedOffsets(group: "hasty")[partition()])
            #expect(hasty.offset == 7)
            let error = #expect(throws: DaybookError.self) { try daybook.validate(partition(), hasty) }
            #expect(error?.code == .divergedHistory && error?.message.contains("part at offset 3") == true)
            let steady = try #require(try await daybook.committedOffsets(group: "steady")[partition()])
            try daybook.validate(partition(), steady)
            // From here on other records have the offsets that were lost.
            try await fill(daybook, 10, "orders", 0)
        }
        let again = await #expect(throws: DaybookError.self) {
            try await daybook.commit(group: "hasty", offsets: [partition(): OffsetCommit(7, leaderEpoch: .zero)])
        }
        #expect(again?.code == .divergedHistory)
        try await daybook.commit(group: "hasty", offsets: [partition(): OffsetCommit(7)])
        #expect(
            try await daybook.committedOffsets(group: "hasty")[partition()]?.leaderEpoch == LeaderEpoch(rawValue: 1))
        try await daybook.close()
    }

    @Test func `Metadata, names and topics have bounds`() async throws {
        try await withDaybook { daybook in
            let attempts: [(DaybookError.Code, String, [TopicPartition: OffsetCommit])] = [
                (
                    .metadataTooLarge, "g",
                    [try partition(): OffsetCommit(0, metadata: String(repeating: "ä", count: 2049))]
                ),
                (.invalidGroup, "", [try partition(): OffsetCommit(0)]),
                (.invalidGroup, String(repeating: "g", count: 32768), [try partition(): OffsetCommit(0)]),
                (.unknownTopic, "g", [try partition(of: "nothing"): OffsetCommit(0)]),
                (.unknownPartition, "g", [try partition(1): OffsetCommit(0)]),
            ]
            for (code, group, commits) in attempts {
                let error = await #expect(throws: DaybookError.self) {
                    try await daybook.commit(group: group, offsets: commits)
                }
                #expect(error?.code == code && error?.message.isEmpty == false)
            }
            let longest = String(repeating: "ä", count: 2048)
            let name = String(repeating: "g", count: 32767)
            try await daybook.commit(group: name, offsets: [partition(): OffsetCommit(0, metadata: longest)])
            #expect(try await daybook.committedOffsets(group: name)[partition()]?.metadata == longest)
            try await daybook.commit(group: "g", offsets: [:])
            #expect(try await daybook.committedOffsets(group: "g").isEmpty)
        }
    }

    @Test func `Commits that wait for the disk share a batch, and the last one of a group counts`() async throws {
        let disk = GatedFileSystem()
        var configuration = Configuration().with(fileSystem: disk)
        configuration.internalTopicPartitions = 1
        try await withDaybook(partitions: 4, configuration) { daybook in
            for number in 0..<4 { try await fill(daybook, 50, "orders", Int32(number)) }
            let committer = try await daybook.offsetCommitter(group: "g")
            let other = try await daybook.offsetCommitter(group: "h")
            disk.gate.close()
            let answers = Mutex<[Int]>([])
            committer.submit([try partition(0): OffsetCommit(1)]) { _ in answers.withLock { $0.append(0) } }
            #expect(await eventually { disk.gate.waiting == 1 })
            for number in 1..<50 {
                committer.submit([try partition(Int32(number % 4)): OffsetCommit(Offset(Int64(number)))]) { error in
                    #expect(error == nil)
                    answers.withLock { $0.append(number) }
                }
                other.submit([try partition(0): OffsetCommit(Offset(Int64(number)))]) { #expect($0 == nil) }
            }
            #expect(
                committer.committed.isEmpty && answers.withLock { $0.isEmpty }, "nothing counts before it is durable")
            disk.gate.open()
            #expect(await eventually { answers.withLock { $0.count } == 50 })
            #expect(answers.withLock { $0 } == Array(0..<50))
            #expect(
                committer.committed.mapValues(\.offset.rawValue) == [
                    try partition(0): 48, try partition(1): 49, try partition(2): 46, try partition(3): 47,
                ])
            let log = try await daybook.read(partition(0, of: "__consumer_offsets"), from: 0)
            #expect(log.batches.map(\.recordsCount) == [1, 5], "four partitions of one group, one of the other")
        }
    }

    @Test func `Closing a daybook waits for the commits that were handed over`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders", partitions: 8)
            for number in Int32(0)..<8 { try await fill(daybook, 5, "orders", number) }
            let answered = Atomic(0)
            for group in 0..<20 {
                let committer = try await daybook.offsetCommitter(group: "group \(group)")
                for number in Int32(0)..<8 {
                    committer.submit([try partition(number): OffsetCommit(5)]) { error in
                        #expect(error == nil)
                        answered.add(1, ordering: .relaxed)
                    }
                }
            }
            try await daybook.close()
            #expect(answered.load(ordering: .relaxed) == 160)
            daybook = try await Daybook.open(directory)
            for group in 0..<20 {
                #expect(try await daybook.committedOffsets(group: "group \(group)").count == 8)
            }
            try await daybook.close()
            let error = await #expect(throws: DaybookError.self) {
                try await daybook.commit(group: "late", offsets: [partition(): OffsetCommit(0)])
            }
            #expect(error?.code == .closed)
        }
    }

    @Test func `Members at work keep others from committing and deleting`() async throws {
        try await withDaybook { daybook in
            try await fill(daybook, 5, "orders", 0)
            try await daybook.commit(group: "g", offsets: [partition(): OffsetCommit(1)])
            daybook.committedOffsets.coordinate { $0 == "g" ? .live(membersCount: 2) : .empty(since: nil) }
            for attempt in [
                { try await daybook.commit(group: "g", offsets: [partition(): OffsetCommit(2)]) },
                { try await daybook.deleteGroup("g") },
                { try await daybook.deleteOffsets(group: "g", of: [partition()]) },
            ] as [() async throws -> Void] {
                let error = await #expect(throws: DaybookError.self) { try await attempt() }
                #expect(error?.code == .groupNotEmpty && error?.message.contains("2 members") == true)
            }
            try await daybook.commit(group: "h", offsets: [partition(): OffsetCommit(2)])
            // The group itself goes on.
            try await daybook.offsetCommitter(group: "g").commit([partition(): OffsetCommit(3)])
            #expect(try await daybook.committedOffsets(group: "g").mapValues(\.offset) == [partition(): 3])
        }
    }

    @Test func `A group, or some of its partitions, can be forgotten, and stays so`() async throws {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            try await daybook.createTopic("orders", partitions: 3)
            let all = Dictionary(uniqueKeysWithValues: try (0..<3).map { (try partition($0), OffsetCommit(0)) })
            for group in ["a", "b", "c"] { try await daybook.commit(group: group, offsets: all) }
            try await daybook.deleteGroup("a")
            try await daybook.deleteOffsets(group: "b", of: [partition(1), partition(of: "never-committed")])
            let error = await #expect(throws: DaybookError.self) { try await daybook.deleteGroup("a") }
            #expect(error?.code == .unknownGroup && error?.message.contains("\"a\"") == true)
            for _ in 0..<2 {
                #expect(try await daybook.committedOffsets(group: "a").isEmpty)
                #expect(try await daybook.committedOffsets(group: "b").keys.map(\.partition).sorted() == [0, 2])
                #expect(try await daybook.committedOffsets(group: "c").count == 3)
                try await daybook.close()
                daybook = try await Daybook.open(directory)
            }
            try await daybook.close()
        }
    }

    @Test func `C19 a topic that is deleted takes its commits along, and a new one of its name begins without`()
        async throws
    {
        try await withDirectory { directory in
            var daybook = try await Daybook.open(directory)
            for name in ["orders", "invoices"] {
                try await daybook.createTopic(name, partitions: 2)
                try await fill(daybook, 5, name, 0)
            }
            for group in 0..<20 {
                try await daybook.commit(
                    group: "\(group)",
                    offsets: [
                        partition(0): OffsetCommit(5), partition(1): OffsetCommit(0),
                        partition(of: "invoices"): OffsetCommit(5),
                    ])
            }
            try await daybook.deleteTopic("orders")
            try await daybook.createTopic("orders", partitions: 2)
            for _ in 0..<2 {
                for group in 0..<20 {
                    #expect(
                        try await daybook.committedOffsets(group: "\(group)").mapValues(\.offset)
                            == [partition(of: "invoices"): 5])
                }
                try await daybook.close()
                daybook = try await Daybook.open(directory)
            }
            try await daybook.close()
        }
    }

    @Test func `Many groups commit at once from many tasks, and each finds its own last word`() async throws {
        try await withDirectory { directory in
            let topics = ["orders", "invoices"]
            var daybook = try await Daybook.open(directory)
            for name in topics {
                try await daybook.createTopic(name, partitions: 4)
                for number in Int32(0)..<4 { try await fill(daybook, 30, name, number) }
            }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for group in 0..<40 {
                    tasks.addTask { [daybook] in
                        let committer = try await daybook.offsetCommitter(group: "group-\(group)")
                        for round in Int64(1)...20 {
                            let commits = Dictionary(
                                uniqueKeysWithValues: try topics.flatMap { name in
                                    try (0..<4).map { (try partition($0, of: name), OffsetCommit(Offset(round))) }
                                })
                            if round % 5 == 0 {
                                try await committer.commit(commits)
                                #expect(committer.committed.values.allSatisfy { $0.offset.rawValue == round })
                            } else {
                                committer.submit(commits) { #expect($0 == nil) }
                            }
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            try await daybook.close()
            daybook = try await Daybook.open(directory)
            for group in 0..<40 {
                let found = try await daybook.committedOffsets(group: "group-\(group)")
                #expect(found.count == 8 && found.values.allSatisfy { $0.offset == 20 })
            }
            try await daybook.close()
        }
    }

    @Test func `A full disk does not keep groups from committing, up to half of the reserve`() async throws {
        let disk = GatedFileSystem()
        var configuration = Configuration().with(fileSystem: disk)
        configuration.reservedSpace = .mebibytes(1)
        try await withDaybook(configuration) { daybook in
            try await fill(daybook, 5, "orders", 0)
            let commit = [try partition(): OffsetCommit(5)]
            try await daybook.commit(group: "g", offsets: commit)
            disk.gate.setAvailable(700 << 10)
            #expect(await eventually { (try? await fill(daybook, 1, "orders", 0)) == nil })
            try await daybook.commit(group: "g", offsets: commit)
            disk.gate.setAvailable(400 << 10)
            #expect(await eventually { (try? await daybook.commit(group: "g", offsets: commit)) == nil })
            disk.gate.setAvailable(nil)
        }
    }
}

/// Sends `count` records to a partition, in one batch or a few.
func fill(
    _ daybook: Daybook, _ count: Int, _ topic: String, _ partition: Int32, _ durability: Durability = .durable
) async throws {
    let producer = try daybook.makeProducer(ProducerConfiguration(durability: durability))
    for number in 0..<count {
        try await producer.enqueue(Record(key: "\(number)", value: "value \(number)"), to: topic, partition: partition)
    }
    try await producer.flush()
}
