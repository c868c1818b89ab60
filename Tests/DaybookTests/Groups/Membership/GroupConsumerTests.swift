// Consumers as members of a group: who gets what, what they are told, and what they can commit. Virtual time on one thread.

import Daybook
import DaybookModel
import DaybookTesting
import Testing

@Suite struct GroupConsumerTests {
    private static func offset(_ partition: Int32, _ offset: Int64) -> [TopicPartition: OffsetCommit] {
        [TopicPartition(named: "orders-\(partition)"): OffsetCommit(Offset(offset))]
    }

    private static func send(_ count: Int, _ daybook: Daybook) async throws {
        let producer = try daybook.makeProducer()
        for number in 0..<count { try await producer.enqueue(Record(key: nil, value: "\(number)"), to: "orders") }
        _ = try await producer.flush()
        try await producer.close()
    }

    // MARK: sharing

    @Test func `A member that comes gets what others have given up, and nobody gives up more than that`() throws {
        try onLoop(seed: 3, partitions: 4) { daybook, loop in
            let log = RebalanceLog()
            let a = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("A"))
            try await loop.rest(a)
            #expect(log.take() == ["A+0,1,2,3"] && a.numbers == [0, 1, 2, 3])
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("B"))
            try await loop.rest(a, b)
            #expect(log.take() == ["A-2,3", "B+2,3"])
            #expect(a.numbers == [0, 1] && b.numbers == [2, 3])
            await b.close()
            try await loop.rest(a)
            #expect(log.take() == ["B-2,3", "A+2,3"])
            await a.close()
            #expect(log.take() == ["A-0,1,2,3"])
        }
    }

    @Test func `Where one assignor is not cooperative everybody gives up everything first`() throws {
        try onLoop(seed: 4, partitions: 4) { daybook, loop in
            let log = RebalanceLog()
            let assignors: [any GroupAssignor] = [.range, .cooperativeSticky]
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("A", assignors: assignors))
            try await loop.rest(a)
            let b = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("B", assignors: assignors))
            try await loop.rest(a, b)
            let lines = log.take()
            #expect(lines.prefix(2) == ["A+0,1,2,3", "A-0,1,2,3"])
            #expect(Set(lines.dropFirst(2)) == ["A+0,1", "B+2,3"])
        }
    }

    @Test func `Members that share no assignor with the group are told so, and the others go on`() throws {
        try onLoop(seed: 5, partitions: 2) { daybook, loop in
            let log = RebalanceLog()
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("A", assignors: [.range]))
            try await loop.rest(a)
            let b = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("B", assignors: [.roundRobin]))
            await #expect { try await loop.rest(b) } throws: { ($0 as? DaybookError)?.code == .inconsistentProtocol }
            try await loop.rest(a)
            #expect(log.take() == ["A+0,1"])
        }
    }

    @Test func `An assignor that gives a partition to two members is told to its leader, and nobody gets anything`()
        throws
    {
        struct Twice: GroupAssignor {
            var name: String { "twice" }
            func assign(_ topics: [TopicName: Int], to members: [GroupAssignorMember]) -> [String: [TopicPartition]] {
                let first = [TopicPartition(named: "orders-0"), TopicPartition(named: "orders-0")]
                return [members[0].memberID: first]
            }
        }
        try onLoop(seed: 6, partitions: 2) { daybook, loop in
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: GroupMemberConfiguration(assignors: [Twice()]))
            await #expect { try await loop.rest(a) } throws: { ($0 as? DaybookError)?.code == .invalidAssignment }
            #expect(a.numbers.isEmpty)
        }
    }

    // MARK: topics

    @Test
    func `A topic that matches is shared when it is made, let go when it is deleted, and shared when it is made again`()
        throws
    {
        try onLoop(seed: 7, partitions: 2) { daybook, loop in
            let log = RebalanceLog()
            let pattern = try TopicPattern("order.*")
            let a = try await daybook.makeConsumer(group: "g", matching: pattern, member: log.member("A"))
            let b = try await daybook.makeConsumer(group: "g", matching: pattern, member: log.member("B"))
            try await loop.rest(a, b)
            #expect((a.numbers + b.numbers).sorted() == [0, 1])
            try await daybook.createTopic("invoices", partitions: 2)
            try await loop.rest(a, b)
            #expect(a.assignment.count + b.assignment.count == 2)
            for _ in 0..<2 {
                try await daybook.createTopic("orders-eu", partitions: 4)
                try await loop.rest(a, b)
                #expect(a.assignment.count == 3 && b.assignment.count == 3)
                #expect(Set(a.assignment + b.assignment).count == 6)
                try await daybook.deleteTopic("orders-eu")
                try await loop.rest(a, b)
                #expect((a.assignment + b.assignment).allSatisfy { $0.topic.description == "orders" })
            }
            // Made again before anybody has looked.
            try await daybook.createTopic("orders-eu", partitions: 4)
            try await loop.rest(a, b)
            try await daybook.deleteTopic("orders-eu")
            try await daybook.createTopic("orders-eu", partitions: 4)
            try await loop.rest(a, b)
            #expect(Set(a.assignment + b.assignment).count == 6)
        }
    }

    @Test func `A topic that is named before it is there is read as soon as it is`() throws {
        try onLoop(seed: 8) { daybook, loop in
            let a = try await daybook.makeConsumer(group: "g", topics: ["later"])
            try await loop.rest(a)
            #expect(a.assignment.isEmpty)
            try await daybook.createTopic("later", partitions: 2)
            try await loop.rest(a)
            #expect(a.numbers == [0, 1])
            await #expect { _ = try await daybook.makeConsumer(group: "g", topics: ["no/topic"]) } throws: {
                ($0 as? DaybookError)?.code == .invalidTopic
            }
        }
    }

    // MARK: members that stop

    @Test func `A member whose user does not come back leaves, cannot commit, and learns what it has lost`() throws {
        try onLoop(seed: 9, partitions: 2) { daybook, loop in
            try await Self.send(10, daybook)
            let log = RebalanceLog()
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("A", pollInterval: .seconds(10)))
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("B"))
            try await loop.rest(a, b)
            let zombie = try #require(a.groupMember)
            #expect(a.numbers.count == 1 && b.numbers.count == 1)
            _ = log.take()
            let lost = a.numbers[0]
            await loop.pass(.seconds(11))
            try await loop.rest(b)
            #expect(log.take() == ["B+\(lost)"] && b.numbers == [0, 1])
            await #expect { try await a.commit(Self.offset(lost, 1)) } throws: {
                ($0 as? DaybookError)?.code == .unknownMember
            }
            await #expect { try await daybook.commit(Self.offset(lost, 1), as: zombie) } throws: {
                ($0 as? DaybookError)?.code == .unknownMember
            }
            try await loop.rest(a, b)
            let lines = log.take()
            #expect(lines.first == "A!\(lost)" && lines.last?.first == "A")
            #expect(a.numbers.count == 1 && b.numbers.count == 1)
        }
    }

    @Test func `A rebalance waits for a slow member no longer than its poll interval`() throws {
        try onLoop(seed: 10, partitions: 2) { daybook, loop in
            let log = RebalanceLog()
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("A", pollInterval: .seconds(20)))
            try await loop.rest(a)
            let b = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("B", pollInterval: .seconds(20)))
            try await loop.rest(b)
            #expect(b.numbers.isEmpty)
            #expect(try await daybook.describeGroup("g").state == .preparingRebalance)
            await loop.pass(.seconds(19))
            try await loop.rest(b)
            #expect(b.numbers.isEmpty)
            await loop.pass(.seconds(2))
            try await loop.rest(b)
            #expect(b.numbers == [0, 1])
            try await loop.rest(a, b)
            #expect(log.take().contains("A!0,1") && a.numbers.count == 1)
        }
    }

    @Test func `A consumer that nobody holds any more has left`() throws {
        try onLoop(seed: 11, partitions: 2) { daybook, loop in
            let a = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            var b: Consumer? = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            if let b { try await loop.rest(a, b) }
            #expect(a.numbers.count == 1)
            b = nil
            try await loop.rest(a)
            #expect(a.numbers == [0, 1])
        }
    }

    @Test func `A static member that starts anew gets what it had, and nobody notices`() throws {
        try onLoop(seed: 12, partitions: 4) { daybook, loop in
            let log = RebalanceLog()
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("A", instance: "one"))
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("B"))
            try await loop.rest(a, b)
            let owned = a.numbers
            await a.close()
            await loop.pass(.seconds(30))
            try await loop.rest(b)
            _ = log.take()
            let again = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("A", instance: "one"))
            try await loop.rest(again, b)
            #expect(again.numbers == owned && owned.count == 2)
            #expect(log.take() == ["A+" + owned.map { "\($0)" }.joined(separator: ",")])
            // One that does not come back is missed when its time is over.
            await again.close()
            await loop.pass(.seconds(44))
            try await loop.rest(b)
            #expect(b.numbers.count == 2)
            await loop.pass(.seconds(2))
            try await loop.rest(b)
            #expect(b.numbers == [0, 1, 2, 3])
        }
    }

    @Test func `Of two static members of one name the first is fenced, for good`() throws {
        try onLoop(seed: 13, partitions: 2) { daybook, loop in
            let log = RebalanceLog()
            let first = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("A", instance: "one"))
            try await loop.rest(first)
            let second = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("B", instance: "one"))
            try await loop.rest(second)
            #expect(log.take() == ["A+0,1", "B+0,1"])
            await #expect { try await first.commit(Self.offset(0, 0)) } throws: {
                ($0 as? DaybookError)?.code == .unknownMember
            }
            for _ in 0..<2 {
                await #expect { try await loop.rest(first) } throws: { ($0 as? DaybookError)?.code == .fencedInstance }
            }
            #expect(log.take() == ["A!0,1"])
            await first.close()
            try await second.commit(Self.offset(0, 0))
        }
    }

    // MARK: commits

    @Test func `What is committed while partitions are given up is where their next owner begins`() throws {
        try onLoop(seed: 14, partitions: 2) { daybook, loop in
            try await Self.send(40, daybook)
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"],
                member: GroupMemberConfiguration(onRevoked: { consumer, _ in
                    do { try await consumer.commit() } catch { Issue.record(error) }
                }))
            try await loop.rest(a)
            let positions = a.positions
            #expect(positions.values.map(\.rawValue).reduce(0, +) == 40)
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            try await loop.rest(a, b)
            let moved = try #require(b.assignment.first)
            #expect(b.assignment.count == 1 && b.positions[moved] == positions[moved])
            let committed = try await daybook.committedOffsets(group: "g")
            #expect(committed[moved]?.offset == positions[moved])
            // The same when it is closed.
            let rest = a.positions
            await a.close()
            try await loop.rest(b)
            #expect(b.positions.merging(rest) { $1 } == b.positions)
        }
    }

    @Test func `Commits are a member's for its own partitions, and of nobody else while it is at work`() throws {
        try onLoop(seed: 15, partitions: 2) { daybook, loop in
            try await Self.send(10, daybook)
            let a = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            func code(_ body: () async throws -> Void) async -> DaybookError.Code? {
                do { try await body() } catch { return (error as? DaybookError)?.code }
                return nil
            }
            #expect(await code { try await a.commit(Self.offset(0, 1)) } == .unknownMember)
            try await loop.rest(a)
            let before = try #require(a.groupMember)
            try await loop.rest(a, b)
            let (own, other) = (a.numbers[0], b.numbers[0])
            try await a.commit(Self.offset(own, 1))
            #expect(await code { try await a.commit(Self.offset(other, 1)) } == .notAssigned)
            #expect(await code { try await daybook.commit(Self.offset(own, 2), as: before) } == .illegalGeneration)
            #expect(await code { try await daybook.commit(group: "g", offsets: Self.offset(own, 2)) } == .groupNotEmpty)
            let nobody = GroupMemberIdentity(group: "g", memberID: "", generation: -1)
            #expect(await code { try await daybook.commit(Self.offset(own, 2), as: nobody) } == .unknownMember)
            let now = try #require(a.groupMember)
            try await daybook.commit(Self.offset(own, 3), as: now)
            #expect(try await daybook.committedOffsets(group: "g").values.map(\.offset) == [Offset(3)])
            await a.close()
            await b.close()
            #expect(await code { try await daybook.commit(Self.offset(own, 4), as: now) } == .unknownMember)
            #expect(await code { try await daybook.commit(Self.offset(own, 4), as: nobody) } == .unknownMember)
            try await daybook.commit(group: "g", offsets: Self.offset(own, 4))
            let alone = try await daybook.makeConsumer(assigned: [TopicPartition(named: "orders-0")])
            #expect(await code { try await alone.commit() } == .invalidGroup)
        }
    }

    @Test func `A group goes on after a restart: its generation, its places, and nobody of those who were there`()
        throws
    {
        let disk = SimulatedDisk(seed: 16, clock: ManualClock())
        let loop = SimulationLoop(clock: disk.clock, seed: 16)
        var settings = Configuration().with(disk: disk)
        settings.executor = loop
        settings.housekeeping.isAutomatic = false
        let configuration = settings
        let zombie = try loop.run {
            let daybook = try await Daybook.open("/data", configuration: configuration)
            try await daybook.createTopic("orders", partitions: 2)
            try await Self.send(10, daybook)
            let a = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            try await loop.rest(a)
            try await a.commit()
            let member = try #require(a.groupMember)
            try await daybook.close()
            await #expect { try await loop.rest(a) } throws: { ($0 as? DaybookError)?.code == .closed }
            return member
        }
        try loop.run {
            let daybook = try await Daybook.open("/data", configuration: configuration)
            await #expect { try await daybook.commit(Self.offset(0, 0), as: zombie) } throws: {
                ($0 as? DaybookError)?.code == .unknownMember
            }
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            try await loop.rest(b)
            #expect(b.positions.values.map(\.rawValue).reduce(0, +) == 10)
            let member = try #require(b.groupMember)
            #expect(member.generation > zombie.generation && member.memberID != zombie.memberID)
            await b.close()
            try await daybook.close()
        }
    }

    @Test func `Without a committed place a member that wants none begins nowhere until somebody decides`() throws {
        try onLoop(seed: 17) { daybook, loop in
            try await Self.send(3, daybook)
            let a = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], configuration: ConsumerConfiguration(offsetReset: .fail))
            for _ in 0..<2 {
                await #expect { try await loop.rest(a) } throws: { ($0 as? DaybookError)?.code == .noCommittedOffset }
            }
            let member = try #require(a.groupMember)
            try await daybook.commit(Self.offset(0, 2), as: member)
            try await loop.rest(a)
            #expect(a.positions.values.map(\.rawValue) == [3])
        }
    }

    @Test func `A consumer that waits notices a rebalance, and a member that waits costs nothing`() throws {
        try onLoop(seed: 18, partitions: 2) { daybook, loop in
            let log = RebalanceLog()
            let a = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("A"))
            async let waiting = a.poll(timeout: .seconds(600))
            await loop.pass(.seconds(1))
            #expect(log.take() == ["A+0,1"])
            let jobs = loop.jobsCount
            await loop.pass(.seconds(500))
            #expect(loop.jobsCount - jobs < 10)
            let b = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("B"))
            async let other = b.poll(timeout: .seconds(90))
            await loop.pass(.seconds(1))
            #expect(log.take().count == 2)
            let nothing = try await waiting.count + (try await other.count)
            #expect(nothing == 0)
        }
    }
}
