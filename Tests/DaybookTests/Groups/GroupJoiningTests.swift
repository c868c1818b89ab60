// Joining a group: rounds of joining and assigning, who leads, which protocol is chosen, who is let in and who is waited for.

import Testing

@testable import Daybook

@Suite struct GroupJoiningTests {
    private func protocols(_ names: String...) -> [GroupProtocol] {
        names.map { GroupProtocol(name: $0, metadata: Array($0.utf8)) }
    }

    @Test func `A first member leads, assigns, and has its assignment once it is written down`() throws {
        var stage = GroupStage()
        stage.storesAtOnce = false
        let request = stage.join()
        let group = try stage.joined(request)
        #expect(group.isLeader && group.generation == 1 && group.protocolName == "range")
        #expect(group.members.map(\.memberID) == [group.memberID])
        #expect(stage.machine.state == .completingRebalance)
        let sync = stage.sync(group)
        #expect(stage.isWaiting(sync) && stage.machine.state == .completingRebalance)
        #expect(stage.stores[0].value.members.map(\.assignment) == [[0]])
        stage.endStore()
        #expect(stage.syncs[sync] == .success([0]) && stage.machine.state == .stable)
        #expect(stage.stableGenerations == [1])
    }

    @Test func `A second member has the first one join again, and both are in the next generation`() throws {
        var stage = GroupStage()
        let first = try stage.stableGroup([nil])[0]
        let second = stage.join()
        #expect(stage.machine.state == .preparingRebalance && stage.isWaiting(second))
        #expect(stage.rejoining == [[first.memberID]])
        #expect(throws: GroupError.rebalanceInProgress) { try stage.heartbeat(first) }
        let again = stage.join(first.memberID)
        let (leader, follower) = (try stage.joined(again), try stage.joined(second))
        #expect(leader.generation == 2 && follower.generation == 2)
        #expect(leader.isLeader && !follower.isLeader && follower.leader == first.memberID)
        #expect(leader.members.map(\.memberID) == [first.memberID, follower.memberID] && follower.members.isEmpty)
        // The follower asks first and waits for the leader.
        let (wait, assign) = (stage.sync(follower), stage.sync(leader))
        #expect(stage.syncs[wait] == .success([1]) && stage.syncs[assign] == .success([0]))
        #expect(throws: GroupError.illegalGeneration) { try stage.heartbeat(first) }
        try stage.heartbeat(leader)
        try stage.heartbeat(follower)
    }

    @Test func `Whom the leader leaves out is assigned nothing`() throws {
        var stage = GroupStage()
        let group = try stage.joined { $0.join() }
        let sync = stage.sync(GroupSync(memberID: group.memberID, generation: 1))
        #expect(stage.syncs[sync] == .success([]))
    }

    @Test func `The initial delay gathers members, is prolonged by those who come, and not for ever`() throws {
        var stage = GroupStage(GroupCoordinatorConfiguration(initialRebalanceDelay: .seconds(3)))
        var requests = [stage.join(rebalance: .seconds(10))]
        while stage.isWaiting(requests[0]) {
            stage.pass(.milliseconds(1500))
            if stage.isWaiting(requests[0]) { requests.append(stage.join(rebalance: .seconds(10))) }
        }
        // Ten seconds, the rebalance timeout, is as long as the delay is prolonged.
        let first = try stage.joined(requests[0])
        #expect(stage.now == .seconds(1010.5) && first.generation == 1 && first.members.count == 7)
    }

    @Test func `The initial delay ends on time when nobody else comes, also when everybody has gone`() throws {
        var stage = GroupStage(GroupCoordinatorConfiguration(initialRebalanceDelay: .seconds(3)))
        let request = stage.join()
        #expect(stage.machine.deadline == stage.now + .seconds(3) && stage.isWaiting(request))
        stage.pass(.seconds(3))
        #expect(try stage.joined(request).members.count == 1)
        var other = GroupStage(GroupCoordinatorConfiguration(initialRebalanceDelay: .seconds(3)))
        let gone = other.join()
        #expect(other.leave("m-1") == nil)
        #expect(other.joins[gone] == .refused(.unknownMemberID))
        other.pass(.seconds(3))
        #expect(other.machine.state == .empty && other.machine.deadline == nil)
    }

    @Test func `A rebalance waits as long as the most patient member wants and removes who has not come`() throws {
        var stage = GroupStage()
        let slow = try stage.stableGroup([nil])[0]
        // Its session goes on: it lives and does not join.
        let second = stage.join(session: nil, rebalance: .seconds(90))
        for _ in 0..<89 {
            stage.pass(.seconds(1))
            #expect(throws: GroupError.rebalanceInProgress) { try stage.heartbeat(slow) }
        }
        #expect(stage.isWaiting(second))
        stage.pass(.seconds(1))
        let group = try stage.joined(second)
        #expect(group.isLeader && group.members.count == 1 && group.generation == 2)
        #expect(stage.removed == [slow.memberID: .unknownMemberID])
        #expect(throws: GroupError.unknownMemberID) { try stage.heartbeat(slow) }
        let late = stage.join(slow.memberID)
        #expect(stage.joins[late] == .refused(.unknownMemberID))
    }

    @Test func `A protocol that all support is chosen by votes, and by the leader's preference between equals`() throws
    {
        var stage = GroupStage()
        let first = try stage.stableGroup([nil], supporting: protocols("sticky", "range", "roundrobin"))[0]
        #expect(first.protocolName == "sticky")
        let second = stage.join(supporting: protocols("roundrobin", "range"))
        let third = stage.join(supporting: protocols("roundrobin", "range", "sticky"))
        let again = stage.join(first.memberID, supporting: protocols("sticky", "range", "roundrobin"))
        let leader = try stage.joined(again)
        // Sticky is not shared: the leader's vote goes to range, the two others' to roundrobin.
        #expect(leader.protocolName == "roundrobin")
        #expect(leader.members.map(\.metadata) == Array(repeating: Array("roundrobin".utf8), count: 3))
        _ = (second, third)

        var tie = GroupStage()
        let one = try tie.stableGroup([nil], supporting: protocols("range", "roundrobin"))[0]
        tie.join(supporting: protocols("roundrobin", "range"))
        #expect(
            try tie.joined { $0.join(one.memberID, supporting: protocols("range", "roundrobin")) }.protocolName
                == "range"
        )
    }

    @Test func `Who shares no protocol with the others, or none of the type, is refused and nobody is disturbed`()
        throws
    {
        var stage = GroupStage()
        let first = try stage.stableGroup([nil], supporting: protocols("range", "sticky"))[0]
        var requests = [stage.join(supporting: protocols("roundrobin"))]
        var connect = stage.request()
        connect.protocolType = "connect"
        requests.append(stage.join(connect))
        requests.append(stage.join(supporting: []))
        for request in requests { #expect(stage.joins[request] == .refused(.inconsistentGroupProtocol)) }
        #expect(stage.machine.state == .stable)
        try stage.heartbeat(first)
        // Alone it may change its mind.
        let changed = stage.join(first.memberID, supporting: protocols("roundrobin"))
        #expect(try stage.joined(changed).protocolName == "roundrobin")
    }

    @Test
    func `A follower that joins again unchanged is told its generation; a change or the leader begins a rebalance`()
        throws
    {
        var stage = GroupStage()
        let groups = try stage.stableGroup([nil, nil])
        let (leader, follower) = (groups[0], groups[1])
        let same = stage.join(follower.memberID)
        #expect(try stage.joined(same).generation == leader.generation && stage.machine.state == .stable)
        let changed = stage.join(follower.memberID, supporting: [GroupProtocol(name: "range", metadata: [2])])
        #expect(stage.isWaiting(changed) && stage.machine.state == .preparingRebalance)
        let next = try stage.joined { $0.join(leader.memberID) }
        #expect(next.generation == leader.generation + 1)
        #expect(next.members.map(\.metadata) == [[1], [2]])
        // The answer was lost: asked again, it is given again.
        let again = stage.join(follower.memberID, supporting: [GroupProtocol(name: "range", metadata: [2])])
        #expect(try stage.joined(again) == stage.joined(changed))
        #expect(try stage.joined { $0.join(leader.memberID) } == next)
        stage.sync(next)
        let assignAnew = stage.join(leader.memberID)
        #expect(stage.isWaiting(assignAnew) && stage.machine.state == .preparingRebalance)
    }

    @Test func `A change while the leader assigns begins anew, and who waits for an assignment is told to join`() throws
    {
        var stage = GroupStage()
        let first = try stage.joined { $0.join() }
        let second = stage.join()
        let leader = try stage.joined { $0.join(first.memberID) }
        let follower = try stage.joined(second)
        let sync = stage.sync(follower)
        let changed = stage.join(follower.memberID, supporting: [GroupProtocol(name: "range", metadata: [2])])
        #expect(stage.syncs[sync] == .failure(.rebalanceInProgress) && stage.machine.state == .preparingRebalance)
        #expect(stage.syncAnswer { $0.sync(leader) } == .failure(.rebalanceInProgress))
        #expect(try stage.joined { $0.join(first.memberID) }.generation == 3)
        #expect(try stage.joined(changed).generation == 3)
    }

    @Test func `A request that is sent again replaces the one before, which is answered`() throws {
        var stage = GroupStage()
        let first = try stage.stableGroup([nil])[0]
        let waiting = stage.join()
        let id = try #require(stage.machine.members.inOrder.last?.id)
        let again = stage.join(id)
        #expect(stage.joins[waiting] == .refused(.rebalanceInProgress) && stage.isWaiting(again))
        stage.join(first.memberID)
        let follower = try stage.joined(again)
        let (once, twice) = (stage.sync(follower), stage.sync(follower))
        #expect(stage.syncs[once] == .failure(.rebalanceInProgress) && stage.isWaiting(twice))
    }

    @Test func `A group that is full takes nobody else, and while members join those count who have`() throws {
        var stage = GroupStage(GroupCoordinatorConfiguration(maximumSize: 2))
        let groups = try stage.stableGroup([nil, nil])
        #expect(stage.joinAnswer { $0.join() } == .refused(.groupMaxSizeReached))
        #expect(stage.machine.state == .stable)
        // One has changed; two others are faster than the other member, and one of them finds room.
        stage.join(groups[1].memberID, supporting: [GroupProtocol(name: "range", metadata: [2])])
        let quick = stage.join()
        #expect(stage.joinAnswer { $0.join() } == .refused(.groupMaxSizeReached))
        let slow = stage.join(groups[0].memberID)
        #expect(stage.joins[slow] == .refused(.groupMaxSizeReached))
        #expect(stage.removed[groups[0].memberID] == .groupMaxSizeReached)
        #expect(try stage.joined(quick).generation == groups[0].generation + 1)
        #expect(stage.machine.membersCount == 2)
    }

    @Test func `A new member that must know its id is promised one, waited for, and forgotten in time`() throws {
        var stage = GroupStage()
        let first = try stage.stableGroup([nil], session: .seconds(30))[0]
        var join = stage.request()
        join.requiresKnownMemberID = true
        let asked = stage.join(join)
        #expect(stage.joins[asked] == .memberIDRequired(join.freshMemberID))
        #expect(stage.machine.state == .stable && stage.machine.membersCount == 1)
        // A rebalance waits for it.
        let again = stage.join(first.memberID)
        #expect(stage.isWaiting(again))
        join.memberID = join.freshMemberID
        let second = stage.join(join)
        #expect(try stage.joined(again).members.count == 2)
        #expect(try stage.joined(second).memberID == join.freshMemberID)

        var other = stage.request()
        other.requiresKnownMemberID = true
        stage.join(other)
        stage.sync(try stage.joined(again))
        let waiting = stage.join(first.memberID)
        stage.join(join)
        #expect(stage.isWaiting(waiting))
        stage.pass(.seconds(10))
        #expect(try stage.joined(waiting).members.count == 2)
        other.memberID = other.freshMemberID
        #expect(stage.joinAnswer { $0.join(other) } == .refused(.unknownMemberID))
    }

    @Test func `Sessions outside of the bounds, strangers and members of a group of nobody are refused`() {
        var stage = GroupStage()
        for session in [Duration.seconds(5), .seconds(1801)] {
            #expect(stage.joinAnswer { $0.join(session: session) } == .refused(.invalidSessionTimeout))
        }
        #expect(stage.joinAnswer { $0.join("nobody") } == .refused(.unknownMemberID))
        #expect(
            stage.syncAnswer { $0.sync(GroupSync(memberID: "nobody", generation: 0)) } == .failure(.unknownMemberID))
        #expect(throws: GroupError.unknownMemberID) {
            try stage.machine.heartbeat(memberID: "nobody", generation: 0, at: stage.now)
        }
        #expect(stage.machine.state == .empty && stage.machine.deadline == nil)
    }

    @Test func `What cannot be written down fails whoever waits, and the group begins anew`() throws {
        var stage = GroupStage()
        stage.storesAtOnce = false
        let group = try stage.joined { $0.join() }
        let sync = stage.sync(group)
        stage.endStore(.coordinatorNotAvailable)
        #expect(stage.syncs[sync] == .failure(.coordinatorNotAvailable))
        #expect(stage.machine.state == .preparingRebalance && stage.rejoining == [[group.memberID]])
        let again = try stage.joined { $0.join(group.memberID) }
        let second = stage.sync(again)
        // What was asked for in a generation that is over changes nothing any more.
        stage.perform(stage.machine.stored(GroupStoreID(rawValue: 1), nil, at: stage.now))
        #expect(stage.machine.state == .completingRebalance)
        stage.endStore()
        #expect(stage.syncs[second] == .success([0]) && again.generation == 2)
    }
}
