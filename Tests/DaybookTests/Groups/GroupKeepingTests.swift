// What a group lets be committed, what is kept of it beyond a process, and how it ends.

import Testing

@testable import Daybook

@Suite struct GroupKeepingTests {
    // MARK: commits

    @Test
    func `Commits are a member's of this generation, an empty group's of nobody, and none while the leader assigns`()
        throws
    {
        func commit(
            _ stage: inout GroupStage, _ memberID: String, _ generation: Int32, _ isTransactional: Bool = false
        ) throws(GroupError) {
            try stage.machine.validateCommit(
                memberID: memberID, generation: generation, isTransactional: isTransactional, at: stage.now)
        }
        var stage = GroupStage()
        try commit(&stage, "", -1)
        try commit(&stage, "", -1, true)
        #expect(throws: GroupError.unknownMemberID) { try commit(&stage, "m", 0) }
        let groups = try stage.stableGroup([nil, nil])
        let (leader, follower) = (groups[0], groups[1])
        try commit(&stage, follower.memberID, follower.generation)
        try commit(&stage, follower.memberID, follower.generation, true)
        try commit(&stage, "", -1, true)
        #expect(throws: GroupError.unknownMemberID) { try commit(&stage, "", -1) }
        #expect(throws: GroupError.illegalGeneration) { try commit(&stage, follower.memberID, follower.generation - 1) }
        #expect(throws: GroupError.illegalGeneration) { try commit(&stage, follower.memberID, -1) }
        #expect(throws: GroupError.illegalGeneration) { try commit(&stage, follower.memberID, 7, true) }
        #expect(throws: GroupError.unknownMemberID) { try commit(&stage, "nobody", follower.generation, true) }
        // The others join again: what was done may still be committed.
        stage.join(follower.memberID, supporting: [GroupProtocol(name: "range", metadata: [2])])
        try commit(&stage, leader.memberID, leader.generation)
        let next = try stage.joined { $0.join(leader.memberID) }
        #expect(throws: GroupError.rebalanceInProgress) { try commit(&stage, leader.memberID, next.generation) }
        #expect(throws: GroupError.illegalGeneration) { try commit(&stage, leader.memberID, leader.generation) }
        try commit(&stage, leader.memberID, next.generation, true)
        stage.perform(stage.machine.unload(at: stage.now))
        #expect(throws: GroupError.coordinatorNotAvailable) { try commit(&stage, "", -1) }
    }

    // MARK: the group's own end, and its beginning from what was written down

    @Test func `Only an empty group is deleted, and once; whoever comes late is sent away`() throws {
        var stage = GroupStage()
        let group = try stage.stableGroup([nil])[0]
        #expect(throws: GroupError.nonEmptyGroup) { try stage.machine.delete() }
        #expect(stage.leave(group.memberID) == nil)
        stage.perform(try stage.machine.delete())
        #expect(stage.isForgotten && stage.machine.state == .dead)
        #expect(throws: GroupError.groupIDNotFound) { try stage.machine.delete() }
        #expect(stage.joinAnswer { $0.join() } == .refused(.coordinatorNotAvailable))
        #expect(stage.syncAnswer { $0.sync(group) } == .failure(.coordinatorNotAvailable))
        #expect(throws: GroupError.coordinatorNotAvailable) { try stage.heartbeat(group) }
        #expect(stage.leave(group.memberID) == .coordinatorNotAvailable)
        #expect(stage.machine.deadline == nil)
    }

    @Test func `A coordinator that ends answers everybody who waits`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, nil])
        let new = stage.join()
        stage.perform(stage.machine.unload(at: stage.now))
        #expect(stage.joins[new] == .refused(.notCoordinator) && stage.waiting.isEmpty)
        #expect(stage.machine.state == .dead && stage.machine.deadline == nil)
        #expect(stage.removed[groups[0].memberID] == .notCoordinator)
    }

    @Test func `Members with heartbeats go on after a restart and are missed as if nothing had been`() throws {
        var stage = GroupStage()
        let groups = try stage.stableGroup(["a", nil])
        let written = try #require(stage.written)
        var next = GroupStage(
            GroupStateMachine(
                id: "warehouse", loading: written, configuration: GroupCoordinatorConfiguration(), grace: .seconds(1),
                at: .seconds(1000)))
        #expect(next.machine.state == .stable && next.machine.generation == groups[0].generation)
        for group in groups {
            let instance = next.machine.members[group.memberID]?.instanceID
            try next.heartbeat(group, instance: instance)
            #expect(next.syncAnswer { $0.sync(group, instance: instance) } == stage.assignment(of: group.memberID))
        }
        #expect(next.machine.leader == stage.machine.leader)
        next.pass(.seconds(10))
        #expect(next.machine.membersCount == 0 && next.machine.state == .empty)
    }

    @Test func `After a restart members without heartbeats are gone, but for static ones, which have some time`() throws
    {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, "b"], session: nil)
        let written = try #require(stage.written)
        func load(_ value: GroupMetadataValue) -> GroupStage {
            GroupStage(
                GroupStateMachine(
                    id: "warehouse", loading: value, configuration: GroupCoordinatorConfiguration(),
                    grace: .seconds(30), at: .seconds(1000)))
        }
        var next = load(written)
        // A dynamic member has gone: its partitions are to be assigned anew.
        #expect(next.machine.state == .preparingRebalance && next.machine.membersCount == 1)
        let back = try next.joined { $0.join(instance: "b", session: nil) }
        #expect(back.generation == groups[0].generation + 1 && back.members.count == 1)

        var only = written
        only.members.removeAll { $0.instanceID == nil }
        next = load(only)
        #expect(next.machine.state == .stable)
        let same = try next.joined { $0.join(instance: "b", session: nil) }
        #expect(same.generation == groups[0].generation)
        #expect(next.syncAnswer { $0.sync(same, instance: "b") } == stage.assignment(of: only.members[0].memberID))
        next = load(only)
        next.pass(.seconds(30))
        #expect(next.machine.state == .empty && next.machine.generation > groups[0].generation)

        only.members = []
        next = load(only)
        #expect(next.machine.state == .empty && next.machine.deadline == nil)
        #expect(try next.joined { $0.join() }.generation == groups[0].generation + 1)
    }

    @Test func `What is written down and makes no sense does no harm`() throws {
        var value = GroupMetadataValue(
            protocolType: "consumer", generation: .min, protocolName: nil, leader: "nobody", stateTime: nil, members: []
        )
        let member = GroupMetadataValue.Member(
            memberID: "a", instanceID: "i", clientID: "", clientHost: "", rebalanceTimeout: .min, sessionTimeout: .min,
            subscription: [], assignment: [])
        value.members = [member, member]
        value.members.append(member)
        value.members[2].memberID = "b"
        value.members.append(member)
        value.members[3].memberID = ""
        var stage = GroupStage(
            GroupStateMachine(
                id: "g", loading: value, configuration: GroupCoordinatorConfiguration(), grace: .zero, at: .zero))
        #expect(stage.machine.members.ids == ["a"] && stage.machine.generation == 0)
        stage.pass(.seconds(1))
        #expect(stage.machine.state == .empty)
        #expect(try stage.joined { $0.join() }.generation > 0)
    }
}

extension GroupStage {
    fileprivate func assignment(of memberID: String) -> GroupSyncAnswer? {
        machine.members[memberID].map { .success($0.assignment) }
    }
}
