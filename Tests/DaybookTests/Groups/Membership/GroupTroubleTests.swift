// Groups in trouble: they cannot be written down, members go in the midst of joining, topics come at the wrong moment.
// Virtual time on one thread.

import DaybookModel
import DaybookTesting
import Synchronization
import SystemPackage
import Testing

@testable import Daybook

@Suite("Groups in trouble")
struct GroupTroubleTests {
    // MARK: groups that cannot be written down

    @Test func `A group that cannot be written down says so after a while, and goes on when it can be`() throws {
        let stage = LoopStage(seed: 41)
        try stage.loop.run {
            let daybook = try await stage.open()
            try await daybook.createTopic("orders", partitions: 2)
            let consumer = try await daybook.makeConsumer(group: "g", topics: ["orders"])
            stage.disk.inject(
                Fault(.fail(.noSpace), [.write], calls: 0..<Int.max) { $0.string.contains("__consumer_offsets") })
            let began = daybook.services.clock.elapsed()
            let error = await #expect(throws: DaybookError.self) {
                for _ in 0..<1000 { _ = try await consumer.poll(timeout: .milliseconds(50)) }
            }
            let patience = daybook.services.clock.elapsed() - began
            #expect(
                error?.code == .groupUnavailable && error?.message.contains("Group g cannot be written down") == true)
            #expect((error?.cause as? DaybookError)?.code == .diskFull)
            #expect(patience > .seconds(4) && patience < .seconds(8))
            // As long as it lasts everybody who asks is told.
            await #expect(throws: DaybookError.self) { _ = try await consumer.poll(timeout: .seconds(1)) }
            stage.disk.heal()
            await stage.loop.pass(.seconds(10))
            // What has been found out before.
            do { _ = try await consumer.poll(timeout: .zero) } catch {}
            try await stage.loop.rest(consumer)
            await stage.loop.pass(.seconds(1))
            try await stage.loop.rest(consumer)
            #expect(consumer.numbers == [0, 1])
            try await daybook.close()
        }
    }

    // MARK: members that go in the midst

    @Test(arguments: [true, false])
    func `A static consumer that goes while it joins for the first time is missed after its grace`(
        _ closes: Bool
    ) throws {
        let stage = LoopStage(seed: 42)
        var configuration = stage.configuration()
        configuration.groups.initialRebalanceDelay = .seconds(3)
        let settings = configuration
        try stage.loop.run {
            let daybook = try await Daybook.open("/data", configuration: settings)
            try await daybook.createTopic("orders", partitions: 2)
            let log = RebalanceLog()
            var first: Consumer? = try await daybook.makeConsumer(
                group: "g", topics: ["orders"], member: log.member("A", instance: "one", pollInterval: .seconds(3600)))
            _ = try await first?.poll(timeout: .zero)
            if closes { await first?.close() }
            first = nil
            await stage.loop.pass(.seconds(4))
            let group = try await daybook.coordinatedGroup("g")
            #expect(group.standing.metadata.members.map(\.instanceID) == ["one"])
            await stage.loop.pass(.seconds(50))
            #expect(group.standing.metadata.members.isEmpty)
            try await daybook.close()
        }
    }

    @Test func `A member that is put out while it looks for its places begins with none of them`() throws {
        try onLoop(partitions: 2) { daybook, loop in
            let log = RebalanceLog()
            let consumer = try await daybook.makeConsumer(group: "g", topics: ["orders"], member: log.member("A"))
            _ = try await consumer.poll(timeout: .zero)
            await loop.pass(.milliseconds(1))
            let (group, member) = (try await daybook.coordinatedGroup("g"), try #require(consumer.groupMember))
            #expect(log.take() == [] && group.standing.state == .stable)
            // In front of what the member waits for before it looks.
            let committer = try await daybook.offsetCommitter(group: "g")
            let isOut = Mutex(false)
            committer.submit(
                [:],
                isAllowed: { _ in
                    group.leave([LeavingMember(memberID: member.memberID)])
                    isOut.withLock { $0 = true }
                    return nil
                }
            ) { _ in }
            #expect(!isOut.withLock { $0 })
            try await loop.rest(consumer)
            #expect(log.take() == ["A+0,1"] && isOut.withLock { $0 } && consumer.numbers == [0, 1])
            await consumer.close()
        }
    }
}
