// What housekeeping does with committed offsets: nothing by itself; what groups hold back by them; and their end, where
// somebody has asked for that.

import DaybookModel
import DaybookTesting
import Testing

@testable import Daybook

@Suite("Upkeep of committed offsets")
struct OffsetUpkeepTests {
    private static let day = Duration.seconds(24 * 3600)

    private func configuration(_ clock: ManualClock, retention: Duration? = nil) -> Configuration {
        var configuration = Configuration().with(clock: clock)
        configuration.housekeeping.isAutomatic = false
        configuration.housekeeping.scrubInterval = nil
        configuration.housekeeping.offsetsRetention = retention
        return configuration
    }

    @Test func `C51 what a group has committed stays, however long it is idle`() async throws {
        try await withDirectory { directory in
            let clock = ManualClock()
            var daybook = try await Daybook.open(directory, configuration: configuration(clock))
            try await daybook.createTopic("orders")
            try await daybook.commit(group: "g", offsets: [partition(): OffsetCommit(0)])
            for _ in 0..<4 {
                clock.advance(by: Self.day * 1000)
                #expect(try await daybook.housekeep().findings.isEmpty)
                #expect(try await daybook.committedOffsets(group: "g").count == 1)
                try await daybook.close()
                daybook = try await Daybook.open(directory, configuration: configuration(clock))
            }
            try await daybook.close()
        }
    }

    @Test func `However often it is asked whether a group is at work, asking costs the same`() async throws {
        try await withDaybook { daybook in
            // What is asked must not grow by being asked: the stack would not hold what these many times make of it.
            for _ in 0..<200_000 where daybook.committedOffsets.presence(of: "g") != .empty(since: nil) {
                Issue.record("nobody has joined it")
            }
        }
    }

    @Test func `Where it is asked for, unused groups are forgotten, and no others`() async throws {
        let clock = ManualClock()
        try await withDaybook(partitions: 2, configuration(clock, retention: Self.day * 7)) { daybook in
            daybook.committedOffsets.coordinate { group in
                switch group {
                case "at work": .live(membersCount: 1)
                case "just left": .empty(since: clock.now())
                default: .empty(since: nil)
                }
            }
            let both = [try partition(0): OffsetCommit(0), try partition(1): OffsetCommit(0)]
            for group in ["at work", "just left", "unused", "half used"] {
                try await daybook.offsetCommitter(group: group).commit(both)
            }
            clock.advance(by: Self.day * 6)
            try await daybook.commit(group: "half used", offsets: [partition(1): OffsetCommit(0)])
            #expect(try await daybook.housekeep().findings.isEmpty)
            clock.advance(by: Self.day * 2)
            let findings = try await daybook.housekeep().findings
            #expect(findings.map(\.kind) == [.offsetsExpired] && findings.first?.description.contains("unused") == true)
            #expect(try await eventually { try await daybook.committedOffsets(group: "unused").isEmpty })
            #expect(try await daybook.committedOffsets(group: "half used").count == 2)
            #expect(try await daybook.groups().map(\.group) == ["at work", "half used", "just left"])
        }
    }

    @Test func `Groups that have only had members are forgotten as well`() throws {
        let stage = LoopStage(seed: 61)
        var settings = stage.configuration()
        settings.housekeeping.offsetsRetention = Self.day * 7
        settings.housekeeping.settlingTime = .zero
        let configuration = settings
        try stage.loop.run {
            let daybook = try await Daybook.open("/data", configuration: configuration)
            try await daybook.createTopic("orders")
            let consumer = try await daybook.makeConsumer(
                group: "idle", topics: ["orders"],
                member: GroupMemberConfiguration(maximumPollInterval: Self.day * 100))
            try await stage.loop.rest(consumer)
            await stage.loop.pass(Self.day * 8)
            // At work it stays.
            try await daybook.housekeep()
            await stage.loop.pass(.seconds(1))
            #expect(try await daybook.groups().map(\.group) == ["idle"])
            await consumer.close()
            await stage.loop.pass(Self.day * 6)
            try await daybook.housekeep()
            await stage.loop.pass(.seconds(1))
            #expect(try await daybook.groups().map(\.group) == ["idle"])
            await stage.loop.pass(Self.day * 2)
            try await daybook.housekeep()
            await stage.loop.pass(.seconds(1))
            #expect(try await daybook.groups().isEmpty)
            try await daybook.close()
        }
    }

    @Test func `C49 a clock that jumps forward makes no group forgotten`() async throws {
        let clock = ManualClock()
        try await withDaybook(configuration(clock, retention: Self.day)) { daybook in
            try await daybook.commit(group: "g", offsets: [partition(): OffsetCommit(0)])
            clock.advance(by: .seconds(3600))
            clock.set(to: clock.now().advanced(byMilliseconds: 10 * 366 * 86_400_000))
            #expect(try await daybook.housekeep().findings.isEmpty)
            #expect(try await daybook.committedOffsets(group: "g").count == 1)
        }
    }

    @Test func `A retention that is none is refused`() {
        var configuration = Configuration()
        configuration.housekeeping.offsetsRetention = .zero
        let error = #expect(throws: DaybookError.self) { try configuration.validated() }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("offsetsRetention") == true)
    }

    @Test func `What a group has committed holds records back, also after a restart and for a new partition`()
        async throws
    {
        try await withDirectory { directory in
            let clock = ManualClock()
            var settings = configuration(clock)
            settings.housekeeping.settlingTime = .zero
            var topic = TopicConfiguration()
            topic.segmentBytes = .kibibytes(2)
            topic.retention.age = .seconds(10)
            topic.retention.guardGroups = ["warehouse"]
            var daybook = try await Daybook.open(directory, configuration: settings)
            try await daybook.createTopic("orders", partitions: 2, configuration: topic)
            let producer = try daybook.makeProducer()
            for number in 0..<100 {
                for partition in Int32(0)..<2 {
                    let record = Record(key: "\(number)", value: String(repeating: "v", count: 100))
                    _ = try await producer.send(record, to: "orders", partition: partition)
                }
            }
            clock.advance(by: .seconds(3600))
            #expect(
                try await daybook.housekeep().findings.isEmpty, "it needs everything as long as it has said nothing")
            try await daybook.commit(group: "warehouse", offsets: [partition(0): OffsetCommit(50)])
            try await daybook.close()
            daybook = try await Daybook.open(directory, configuration: settings)
            #expect(try await daybook.housekeep().findings.map(\.topicPartition) == [partition(0)])
            let start = try await daybook.offsets(partition(0)).logStartOffset
            #expect(start > 30 && start <= 50)
            #expect(try await daybook.offsets(partition(1)).logStartOffset == 0)
            try await daybook.close()
        }
    }
}
