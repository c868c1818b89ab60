// Members that leave, fall silent, never ask for their assignment, and static ones that come back under another id.

import DaybookModel
import Testing

@testable import Daybook

@Suite struct GroupLeavingTests {
    private func subscription(_ topics: String...) throws -> [GroupProtocol] {
        let topics = try topics.map { try TopicName($0) }
        return [GroupProtocol(name: "range", metadata: ConsumerProtocolSubscription(topics: topics).encoded())]
    }

    // MARK: going

    @Test func `Who leaves is out at once, and the others rebalance; the last one leaves an empty group`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, nil])
        #expect(stage.leave(groups[0].memberID) == nil)
        #expect(stage.machine.state == .preparingRebalance && stage.rejoining.last == [groups[1].memberID])
        let left = try stage.joined { $0.join(groups[1].memberID) }
        #expect(left.isLeader && left.members.count == 1)
        #expect(stage.leave(groups[0].memberID) == .unknownMemberID)
        #expect(stage.leave(groups[1].memberID) == nil)
        #expect(stage.machine.state == .empty && stage.machine.deadline == nil)
        // The generation goes on, and is written down.
        #expect(stage.written?.members == [] && stage.written?.generation == left.generation + 1)
        #expect(stage.written?.protocolName == nil && stage.written?.leader == nil)
        #expect(try stage.joined { $0.join() }.generation == left.generation + 2)
    }

    @Test func `Whoever leaves while it waits for an answer gets one`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, nil])
        let join = stage.join(groups[1].memberID, supporting: [GroupProtocol(name: "range", metadata: [2])])
        #expect(stage.leave(groups[1].memberID) == nil)
        #expect(stage.joins[join] == .refused(.unknownMemberID))
        let alone = try stage.joined { $0.join(groups[0].memberID) }
        #expect(alone.members.count == 1)
        let second = stage.join()
        let leader = try stage.joined { $0.join(groups[0].memberID) }
        let follower = try stage.joined(second)
        let sync = stage.sync(follower)
        #expect(stage.leave(follower.memberID) == nil)
        #expect(stage.syncs[sync] == .failure(.unknownMemberID))
        #expect(leader.members.count == 2 && stage.machine.state == .preparingRebalance)
    }

    @Test func `Several leave with one request, each with its own result and one rebalance for all`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, "a", "b", nil])
        let ids = stage.machine.members.ids
        let leaving = [
            LeavingMember(memberID: groups[0].memberID), LeavingMember(memberID: "", instanceID: "a"),
            LeavingMember(memberID: "other", instanceID: "b"), LeavingMember(memberID: "nobody"),
            LeavingMember(memberID: "", instanceID: "c"), LeavingMember(memberID: ""),
        ]
        let before = stage.rejoining.count
        let (results, actions) = stage.machine.leave(leaving, at: stage.now)
        stage.perform(actions)
        #expect(
            results == [nil, nil, .fencedInstanceID, .unknownMemberID, .unknownMemberID, .unknownMemberID])
        #expect(stage.rejoining.count == before + 1)
        #expect(stage.machine.members.ids == ids.filter { $0 != groups[0].memberID && !$0.hasPrefix("a-") })
    }

    @Test func `A member that is silent for its session timeout is out; one that is heard of is not`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, nil])
        for _ in 0..<5 {
            stage.pass(.seconds(9))
            for group in groups { try stage.heartbeat(group) }
        }
        stage.pass(.seconds(9))
        try stage.heartbeat(groups[1])
        // A commit shows as well that a member lives.
        try stage.machine.validateCommit(
            memberID: groups[1].memberID, generation: groups[1].generation, isTransactional: false, at: stage.now)
        stage.pass(.milliseconds(999))
        #expect(stage.machine.state == .stable)
        stage.pass(.milliseconds(1))
        #expect(stage.removed == [groups[0].memberID: .unknownMemberID])
        #expect(stage.machine.state == .preparingRebalance)
        #expect(throws: GroupError.unknownMemberID) { try stage.heartbeat(groups[0]) }
    }

    @Test func `While a member waits for an answer its session does not end, and it begins again with the answer`()
        throws
    {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, nil])
        let waiting = stage.join(groups[1].memberID, supporting: [GroupProtocol(name: "range", metadata: [2])])
        for _ in 0..<5 {
            stage.pass(.seconds(8))
            #expect(throws: GroupError.rebalanceInProgress) { try stage.heartbeat(groups[0]) }
        }
        #expect(stage.isWaiting(waiting))
        stage.join(groups[0].memberID)
        let follower = try stage.joined(waiting)
        #expect(stage.machine.members[follower.memberID]?.deadline == stage.now + .seconds(10))
        let sync = stage.sync(follower)
        #expect(stage.machine.members[follower.memberID]?.deadline == nil)
        stage.sync(try #require(stage.currentGroups.first))
        #expect(stage.syncs[sync] == .success([1]))
        #expect(stage.machine.members[follower.memberID]?.deadline == stage.now + .seconds(10))
    }

    @Test func `A new member is not waited for longer than five minutes, because it may have given up`() throws {
        var stage = GroupStage()
        let first = try stage.stableGroup([nil])[0]
        let new = stage.join(rebalance: .seconds(1000))
        for _ in 0..<299 {
            stage.pass(.seconds(1))
            #expect(throws: GroupError.rebalanceInProgress) { try stage.heartbeat(first) }
        }
        #expect(stage.isWaiting(new))
        stage.pass(.seconds(1))
        #expect(stage.joins[new] == .refused(.unknownMemberID) && stage.machine.membersCount == 1)
    }

    @Test func `Who joins and never asks for its assignment is out after the rebalance timeout`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, nil])
        stage.join(groups[1].memberID, supporting: [GroupProtocol(name: "range", metadata: [2])])
        let leader = try stage.joined { $0.join(groups[0].memberID) }
        let follower = try #require(stage.currentGroups.last)
        stage.sync(leader)
        #expect(stage.machine.state == .stable)
        for _ in 0..<59 {
            stage.pass(.seconds(1))
            // Its thread for heartbeats lives, the one that should ask does not.
            for group in [leader, follower] { try stage.heartbeat(group) }
        }
        #expect(stage.machine.state == .stable)
        stage.pass(.seconds(1))
        #expect(stage.machine.state == .preparingRebalance && stage.machine.members.ids == [leader.memberID])
        // A leader that never assigns is out as well.
        let alone = try stage.joined { $0.join(leader.memberID) }
        for _ in 0..<60 {
            stage.pass(.seconds(1))
            try? stage.heartbeat(alone)
        }
        #expect(stage.machine.state == .empty)
    }

    // MARK: static members

    @Test
    func `A static member that starts anew has its assignment back and nobody rebalances; its former self is fenced`()
        throws
    {
        var stage = GroupStage()
        let groups = try stage.stableGroup(["a", "b"])
        let (leader, follower) = (groups[0], groups[1])
        let before = stage.rejoining.count
        let back = try stage.joined { $0.join(instance: "b") }
        #expect(stage.machine.state == .stable && stage.rejoining.count == before)
        #expect(back.memberID != follower.memberID && back.generation == follower.generation)
        #expect(back.leader == leader.memberID && back.members.isEmpty && !back.skipsAssignment)
        #expect(stage.syncAnswer { $0.sync(back, instance: "b") } == .success([1]))
        #expect(stage.removed == [follower.memberID: .fencedInstanceID])
        #expect(throws: GroupError.fencedInstanceID) { try stage.heartbeat(follower, instance: "b") }
        #expect(throws: GroupError.unknownMemberID) { try stage.heartbeat(follower) }
        #expect(stage.syncAnswer { $0.sync(follower, instance: "b") } == .failure(.fencedInstanceID))
        #expect(throws: GroupError.fencedInstanceID) {
            try stage.machine.validateCommit(
                memberID: follower.memberID, instanceID: "b", generation: 1, isTransactional: false, at: stage.now)
        }
        #expect(stage.leave(follower.memberID, instance: "b") == .fencedInstanceID)
        let late = stage.join(follower.memberID, instance: "b")
        #expect(stage.joins[late] == .refused(.fencedInstanceID))
        // What is written down has the new id.
        #expect(stage.written?.members.map(\.memberID) == [leader.memberID, back.memberID])
        #expect(stage.written?.members.map(\.assignment) == [[0], [1]])
    }

    @Test func `A static leader that starts anew leads, with nothing to assign`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup(["a", "b"])
        let back = try stage.joined { $0.join(instance: "a") }
        #expect(back.isLeader && back.skipsAssignment && back.members.count == 2)
        #expect(stage.syncAnswer { $0.sync(back, instance: "a") } == .success([0]))
        // An older client cannot skip: it is told that another one leads.
        var join = stage.request(instance: "a")
        join.supportsSkippingAssignment = false
        let older = try stage.joined { $0.join(join) }
        #expect(!older.isLeader && older.leader == back.memberID && older.members.isEmpty && !older.skipsAssignment)
        #expect(stage.machine.leader == older.memberID && groups.count == 2)
    }

    @Test func `A static member that starts anew while others join or the leader assigns takes part`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup(["a", nil])
        let ids = (try #require(groups.first { $0.memberID.hasPrefix("a-") }).memberID, groups[1].memberID)
        // It waits for the others, and its second self comes.
        let first = stage.join(ids.0, instance: "a")
        let second = stage.join(instance: "a")
        #expect(stage.joins[first] == .refused(.fencedInstanceID) && stage.isWaiting(second))
        stage.join(ids.1)
        let group = try stage.joined(second)
        #expect(stage.machine.state == .completingRebalance && stage.machine.membersCount == 2)
        // The leader may have seen the former id: assigned anew.
        let sync = stage.sync(group, instance: "a")
        #expect(stage.machine.state == .stable && stage.syncs[sync] == .success([0]))
        stage.join(group.memberID, instance: "a")
        let follower = try stage.joined { $0.join(ids.1) }
        let waiting = stage.sync(follower)
        let third = stage.join(instance: "a")
        #expect(stage.syncs[waiting] == .failure(.rebalanceInProgress) && stage.isWaiting(third))
        #expect(stage.machine.state == .preparingRebalance)
    }

    @Test func `A static member that comes back with other topics or another protocol begins a rebalance`() throws {
        var stage = GroupStage()
        let orders = try subscription("orders")
        let same = try stage.stableGroup(["a", "b"], supporting: orders)
        let back = try stage.joined { $0.join(instance: "b", supporting: orders) }
        #expect(back.generation == same[0].generation)
        let other = stage.join(instance: "b", supporting: try subscription("orders", "invoices"))
        #expect(stage.isWaiting(other) && stage.machine.state == .preparingRebalance)
    }

    @Test
    func `A static member keeps its place in a rebalance that it misses, until its session ends or it does not ask`()
        throws
    {
        var stage = GroupStage()
        let groups = try stage.stableGroup(["a", nil], session: .seconds(100))
        let (fixed, dynamic) = (groups[0], groups[1])
        #expect(fixed.memberID.hasPrefix("a-"))
        stage.join(dynamic.memberID, session: .seconds(100), supporting: [GroupProtocol(name: "range", metadata: [2])])
        stage.pass(.seconds(60))
        let leader = try #require(stage.currentGroups.first)
        #expect(leader.memberID == dynamic.memberID && leader.members.count == 2)
        #expect(throws: GroupError.illegalGeneration) { try stage.heartbeat(fixed, instance: "a") }
        stage.sync(leader)
        stage.pass(.seconds(39))
        try stage.heartbeat(leader)
        #expect(stage.machine.state == .stable && stage.machine.membersCount == 2)
        stage.pass(.seconds(1))
        #expect(stage.machine.state == .preparingRebalance && stage.machine.members.ids == [dynamic.memberID])
    }

    @Test func `When only static members are left and none has come, the rebalance waits for them`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup(["a", nil], session: .seconds(100))
        #expect(stage.leave(groups[1].memberID) == nil)
        stage.pass(.seconds(60))
        #expect(stage.machine.state == .preparingRebalance && stage.machine.membersCount == 1)
        let back = try stage.joined { $0.join(groups[0].memberID, instance: "a", session: .seconds(100)) }
        #expect(back.isLeader && back.members.count == 1)
        stage.sync(back, instance: "a")
        stage.join()
        stage.pass(.seconds(100))
        #expect(!stage.machine.members.contains(back.memberID))
    }

    // MARK: members without heartbeats

    @Test func `Members whose life is known otherwise need no time, and stop when they are said to`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, "b"], session: nil)
        #expect(stage.machine.deadline == nil)
        stage.pass(.seconds(1_000_000))
        #expect(stage.machine.state == .stable)
        let fixed = try #require(stage.machine.members.id(ofInstance: "b"))
        stage.perform(stage.machine.disconnect(memberID: fixed, grace: .seconds(30), at: stage.now))
        #expect(stage.machine.state == .stable && stage.machine.deadline == stage.now + .seconds(30))
        let back = try stage.joined { $0.join(instance: "b", session: nil) }
        #expect(stage.machine.deadline == nil && stage.machine.state == .stable)
        stage.perform(stage.machine.disconnect(memberID: back.memberID, grace: .seconds(30), at: stage.now))
        stage.pass(.seconds(30))
        #expect(stage.machine.state == .preparingRebalance && stage.removed[back.memberID] == .unknownMemberID)
        let dynamic = try #require(groups.map(\.memberID).first { $0 != fixed })
        stage.perform(stage.machine.disconnect(memberID: dynamic, grace: .seconds(30), at: stage.now))
        #expect(stage.machine.state == .empty && stage.machine.deadline == nil)
        stage.perform(stage.machine.disconnect(memberID: dynamic, grace: .seconds(30), at: stage.now))
    }
}
