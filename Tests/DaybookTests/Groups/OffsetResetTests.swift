// Putting a group to another place: what each target comes to, dry runs, and that a plan is carried out as a whole or not at
// all.

import DaybookModel
import DaybookTesting
import Testing

@testable import Daybook

@Suite("Resetting offsets")
struct OffsetResetTests {
    private let orders0: TopicPartition
    private let orders1: TopicPartition

    init() throws { (orders0, orders1) = (try partition(0), try partition(1)) }

    /// Two partitions of a hundred records, one a second, of which the first ten are deleted; a group at 40 in one of them.
    private func withOrders(
        _ body: (Daybook, ManualClock, Timestamp) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let begin = clock.now()
        try await withDaybook(partitions: 2, Configuration().with(clock: clock)) { daybook in
            let producer = try daybook.makeProducer()
            for number in Int64(0)..<100 {
                for partition in Int32(0)..<2 {
                    // Events are told an hour after they happened, the last ones first.
                    let time = begin.advanced(byMilliseconds: -3_600_000 - number * 1000)
                    _ = try await producer.send(
                        Record(key: "\(number)", value: "v", timestamp: time), to: "orders", partition: partition)
                }
                clock.advance(by: .seconds(1))
            }
            try await daybook.deleteRecords(orders0, before: 10)
            try await daybook.commit(group: "g", offsets: [orders0: OffsetCommit(40, metadata: "note")])
            try await body(daybook, clock, begin)
        }
    }

    @Test func `Each target has its place`() async throws {
        try await withOrders { daybook, _, begin in
            let cases: [(OffsetResetTarget, Int64, Int64?)] = [
                (.offset(50), 50, nil), (.offset(3), 10, 3), (.offset(1000), 100, 1000), (.offset(-5), 10, -5),
                (.beginning, 10, nil), (.end, 100, nil), (.current, 40, nil), (.shift(5), 45, nil),
                (.shift(-7), 33, nil),
                (.shift(-100), 10, -60), (.shift(.max), 100, .max), (.shift(.min), 10, .min + 40),
                (.appendTime(begin.advanced(byMilliseconds: 60_000)), 60, nil),
                (.appendTime(begin.advanced(byMilliseconds: 3_600_000)), 100, nil),
                (.appendTime(begin), 10, nil),
                // Timestamps fall here: the first one at or after a moment is the first of all that are left.
                (.timestamp(begin.advanced(byMilliseconds: -3_630_000)), 10, nil),
                (.timestamp(begin.advanced(byMilliseconds: -3_600_000)), 100, nil),
            ]
            for (target, place, outOfRange) in cases {
                let plan = try await daybook.resetOffsets(group: "g", to: target, dryRun: true)
                #expect(plan.moves.map(\.topicPartition) == [orders0] && !plan.isApplied)
                #expect(plan.moves.first?.new.rawValue == place, "\(target)")
                #expect(plan.moves.first?.outOfRange?.rawValue == outOfRange, "\(target)")
                #expect(plan.moves.first?.old?.offset == 40 && plan.moves.first?.distance == place - 40)
            }
            #expect(
                try await daybook.committedOffsets(group: "g")[orders0]?.metadata == "note", "dry runs change nothing")
        }
    }

    @Test func `A plan is carried out, also for partitions and groups without a commit`() async throws {
        try await withOrders { daybook, clock, _ in
            let plan = try await daybook.resetOffsets(group: "g", to: .shift(-15), of: [orders1, orders0, orders0])
            #expect(
                plan.isApplied && plan.moves.map(\.new) == [25, 85] && plan.moves.map { $0.old?.offset } == [40, nil])
            let found = try await daybook.committedOffsets(group: "g")
            #expect(found.mapValues(\.offset) == [orders0: 25, orders1: 85])
            #expect(
                found[orders0] == CommittedOffset(offset: 25, leaderEpoch: .zero, metadata: "", commitTime: clock.now())
            )
            // Again, for all that has been committed.
            #expect(try await daybook.resetOffsets(group: "g", to: .beginning).moves.map(\.new) == [10, 0])
            #expect(try await daybook.resetOffsets(group: "new", to: .end, of: [orders1]).moves.map(\.new) == [100])
            #expect(try await daybook.committedOffsets(group: "new").mapValues(\.offset) == [orders1: 100])
        }
    }

    @Test func `A reset is refused for groups that are unknown or at work, and for what is not there`() async throws {
        try await withOrders { daybook, _, _ in
            daybook.committedOffsets.coordinate { $0 == "busy" ? .live(membersCount: 1) : .empty(since: nil) }
            let attempts: [(DaybookError.Code, String, [TopicPartition]?)] = [
                (.unknownGroup, "nobody", nil), (.groupNotEmpty, "busy", [orders0]),
                (.unknownTopic, "g", [orders0, try partition(of: "nothing")]),
                (.unknownPartition, "g", [orders0, try partition(2)]), (.invalidGroup, "", [orders0]),
            ]
            for (code, group, partitions) in attempts {
                for dryRun in [true, false] {
                    let error = await #expect(throws: DaybookError.self) {
                        try await daybook.resetOffsets(group: group, to: .beginning, of: partitions, dryRun: dryRun)
                    }
                    #expect(error?.code == code)
                }
            }
            #expect(try await daybook.committedOffsets(group: "g").mapValues(\.offset) == [orders0: 40])
        }
    }

    @Test func `C54 a group that a crash has cut off is put back where the log ends`() async throws {
        let disk = SimulatedDisk()
        var daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        var topic = TopicConfiguration()
        topic.flushInterval = .seconds(3600)
        try await daybook.createTopic("orders", configuration: topic)
        try await fill(daybook, 3, "orders", 0)
        try await fill(daybook, 4, "orders", 0, .osCache)
        try await daybook.commit(group: "g", offsets: [orders0: OffsetCommit(7)])
        disk.crash()
        await #expect(throws: DaybookError.self) { try await daybook.close() }
        disk.restart(.nothing)
        daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        let plan = try await daybook.resetOffsets(group: "g", to: .current)
        #expect(plan.moves.map(\.new) == [3] && plan.moves.map(\.outOfRange) == [7])
        try daybook.validate(orders0, try #require(try await daybook.committedOffsets(group: "g")[orders0]))
        try await daybook.close()
    }

    @Test func `A commit that comes in between is not overwritten`() async throws {
        // On a loop everything is in order: the reset has made its plan when the other commit takes effect.
        for seed in UInt64(0)..<30 {
            try onLoop(seed: seed, partitions: 1) { daybook, loop in
                try await fill(daybook, 50, "orders", 0)
                let orders = try partition()
                try await daybook.commit(group: "g", offsets: [orders: OffsetCommit(10)])
                let committer = try await daybook.offsetCommitter(group: "g")
                async let reset = daybook.resetOffsets(group: "g", to: .beginning)
                try await committer.commit([orders: OffsetCommit(20)])
                let committed: Offset
                do {
                    let plan = try await reset
                    // Before or after the other one, but knowing what it replaced.
                    let old = plan.moves.first?.old?.offset
                    committed = old == 20 ? 0 : 20
                } catch let error as DaybookError {
                    #expect(error.code == .planOutdated)
                    committed = 20
                }
                #expect(committer.committed(orders)?.offset == committed, "seed \(seed)")
            }
        }
    }
}
