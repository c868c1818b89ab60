// How groups stand: lag counted in records, the age of the oldest one, progress, members, and what is wrong with a place.

import DaybookModel
import DaybookRecords
import DaybookStorage
import DaybookTesting
import Testing

@testable import Daybook

@Suite("Groups described")
struct GroupDescriptionTests {
    private func configuration(_ clock: ManualClock) -> Configuration {
        var configuration = Configuration().with(clock: clock)
        configuration.housekeeping.isAutomatic = false
        return configuration
    }

    @Test func `Lag and age are those of the records that are left`() async throws {
        let clock = ManualClock()
        try await withDaybook(partitions: 3, configuration(clock)) { daybook in
            for number in Int32(0)..<2 {
                try await fill(daybook, 10, "orders", number)
                clock.advance(by: .seconds(30))
                try await fill(daybook, 5, "orders", number)
            }
            try await daybook.commit(
                group: "g",
                offsets: [
                    partition(0): OffsetCommit(12), partition(1): OffsetCommit(15), partition(2): OffsetCommit(0),
                ])
            clock.advance(by: .seconds(10))
            let described = try await daybook.describeGroup("g")
            #expect(
                described.positions.map(\.topicPartition) == [try partition(0), try partition(1), try partition(2)])
            #expect(described.positions.map(\.lag) == [3, 0, 0])
            #expect(described.positions.map(\.oldestAge) == [.seconds(40), nil, nil])
            #expect(described.positions.map(\.endOffset) == [15, 15, 0])
            #expect(described.positions.allSatisfy { $0.problem == nil && $0.progress == .moving && $0.member == nil })
            #expect(described.summary.lag == 3 && described.summary.partitionsCount == 3)
            clock.advance(by: .seconds(3600))
            let later = try await daybook.describeGroup("g")
            #expect(later.positions.map(\.progress) == [.stopped, .moving, .moving])
            #expect(
                later.summary.progress == .stopped
                    && later.summary.lastCommit == later.positions[0].committed.commitTime)
            let error = await #expect(throws: DaybookError.self) { try await daybook.describeGroup("h") }
            #expect(error?.code == .unknownGroup)
        }
    }

    @Test
    func `A group that has members and nothing written down is seen from outside, and one that was deleted is not`()
        async throws
    {
        try await withDirectory { directory in
            var configuration = Configuration()
            configuration.groups.initialRebalanceDelay = .seconds(3600)
            let daybook = try await Daybook.open(directory, configuration: configuration)
            try await daybook.createTopic("orders")
            let consumer = try await daybook.makeConsumer(group: "joining", topics: ["orders"])
            _ = try await consumer.poll(timeout: .zero)
            let group = try await daybook.coordinatedGroup("deleted")
            #expect(group.presence == .empty(since: nil))
            try await daybook.commit(group: "deleted", offsets: [try partition(): OffsetCommit(0)])
            #expect(try await DescribeMembers().run(on: daybook) { _ in }.map(\.group) == ["deleted", "joining"])
            try await daybook.deleteGroup("deleted")
            #expect(try await DescribeMembers().run(on: daybook) { _ in }.map(\.group) == ["joining"])
            #expect(try await DescribeMembers("deleted").run(on: daybook) { _ in }.isEmpty)
            for described in [
                try await Daybook.describeGroups(of: directory),
                try await Daybook.describeGroups(of: directory, "joining"),
            ] {
                #expect(described.map(\.group) == ["joining"] && described.first?.members.count == 1)
            }
            let error = await #expect(throws: DaybookError.self) {
                try await Daybook.describeGroups(of: directory, "deleted")
            }
            #expect(error?.code == .unknownGroup)
            await consumer.close()
            try await daybook.close()
        }
    }

    @Test func `C52 offsets without a record count nothing, at the end as well as before it`() async throws {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(1)
        topic.retention.policy = .compact
        var configuration = Configuration()
        configuration.housekeeping.isAutomatic = false
        try await withDaybook(topic: topic, configuration) { daybook in
            let producer = try daybook.makeProducer()
            let value = String(repeating: "v", count: 100)
            for number in 0..<60 {
                _ = try await producer.send(Record(key: "k\(number % 3)", value: value), to: "orders")
            }
            #expect(try await daybook.compact("orders").isEmpty == false)
            for offset in Int64(0)...60 {
                try await daybook.commit(group: "g", offsets: [partition(): OffsetCommit(Offset(offset))])
                let expected = try await daybook.content(partition(), from: Offset(offset)).records.count
                let position = try await daybook.describeGroup("g").positions.first
                #expect(position?.lag == Int64(expected), "from \(offset)")
                #expect((position?.oldestUnprocessed == nil) == (expected == 0))
            }
        }
    }

    @Test func `C52 a marker that ends a transaction is no record, and nobody lags behind it`() async throws {
        try await withDaybook { daybook in
            try await fill(daybook, 5, "orders", 0)
            let log = try daybook.partition(partition())
            let end = try log.withLog { log throws(StorageError) in
                try log.endTransaction(
                    producer: ProducerID(rawValue: 3), epoch: 0, kind: .abort, coordinatorEpoch: 0,
                    now: log.lastAppendTime)
            }
            #expect(end != nil)
            try await log.flush()
            try await daybook.commit(group: "g", offsets: [partition(): OffsetCommit(5)])
            let position = try await daybook.describeGroup("g").positions.first
            #expect(position?.endOffset == 6 && position?.lag == 0 && position?.oldestAge == nil)
        }
    }

    @Test func `A place that is not in the log is named, and hides no other`() async throws {
        let disk = SimulatedDisk()
        var daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        var topic = TopicConfiguration()
        topic.flushInterval = .seconds(3600)
        try await daybook.createTopic("orders", partitions: 2, configuration: topic)
        try await fill(daybook, 3, "orders", 0)
        try await fill(daybook, 3, "orders", 1)
        try await fill(daybook, 4, "orders", 0, .osCache)
        try await daybook.commit(group: "g", offsets: [partition(0): OffsetCommit(7), partition(1): OffsetCommit(1)])
        disk.crash()
        await #expect(throws: DaybookError.self) { try await daybook.close() }
        disk.restart(.nothing)
        daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        let described = try await daybook.describeGroup("g")
        #expect(described.positions.map { $0.problem?.code } == [.divergedHistory, nil])
        #expect(described.positions.map(\.lag) == [nil, 2])
        #expect(described.summary.problemsCount == 1 && described.summary.lag == 2)
        try await daybook.close()
    }

    @Test func `A stalled and a rewinding group are seen as such, here and by a reader in another process`()
        async throws
    {
        let clock = ManualClock()
        let disk = SimulatedDisk(seed: 1, clock: clock)
        let daybook = try await Daybook.open("/data", configuration: configuration(clock).with(disk: disk))
        try await daybook.createTopic("orders")
        try await fill(daybook, 100, "orders", 0)
        let stuck = try await daybook.offsetCommitter(group: "stuck")
        let back = try await daybook.offsetCommitter(group: "back")
        let well = try await daybook.offsetCommitter(group: "well")
        for round in Int64(0)..<20 {
            try await stuck.commit([partition(): OffsetCommit(40)])
            try await back.commit([partition(): OffsetCommit(round < 15 ? 60 : Offset(round))])
            try await well.commit([partition(): OffsetCommit(Offset(round))])
            clock.advance(by: .seconds(5))
        }
        let reader = try await Daybook.open(
            "/data", configuration: Configuration(access: .readOnly).with(disk: disk))
        for daybook in [daybook, reader] {
            let groups = try await daybook.groups()
            #expect(groups.map(\.group) == ["back", "stuck", "well"])
            #expect(groups.map(\.progress) == [.rewinding, .stalled, .moving])
            #expect(groups.map(\.lag) == [81, 60, 81])
        }
        try await reader.close()
        try await daybook.close()
    }

    @Test func `Members are those that the group has named, each with its partitions`() async throws {
        try await withDaybook(partitions: 2) { daybook in
            try await daybook.commit(
                group: "g", offsets: [partition(0): OffsetCommit(0), partition(1): OffsetCommit(0)])
            let member = GroupMetadataValue.Member(
                memberID: "worker-1", instanceID: "rack-7", clientID: "worker", clientHost: "/127.0.0.1",
                rebalanceTimeout: 1,
                sessionTimeout: 1, subscription: [],
                assignment: ConsumerProtocolAssignment(partitions: [try partition(1)]).encoded())
            let metadata = GroupMetadataValue(
                protocolType: "consumer", generation: 3, protocolName: "range", leader: "worker-1", stateTime: nil,
                members: [member])
            let committer = try await daybook.offsetCommitter(group: "g")
            try await committer.shard.run(.describe(metadata), of: "g", daybook)
            let described = try await daybook.describeGroup("g")
            let worker = MemberDescription(
                memberID: "worker-1", instanceID: "rack-7", clientID: "worker", assignment: [try partition(1)])
            #expect(described.members == [worker] && described.state == .stable && described.assignor == "range")
            #expect(described.positions.map(\.member?.memberID) == [nil, "worker-1"])
            // A group may have members and no commits; deleting it takes both.
            try await daybook.deleteOffsets(group: "g", of: [partition(0), partition(1)])
            #expect(try await daybook.groups().map(\.membersCount) == [1])
            try await daybook.deleteGroup("g")
            #expect(try await daybook.groups().isEmpty)
        }
    }
}
