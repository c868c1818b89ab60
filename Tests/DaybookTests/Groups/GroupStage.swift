// Drives a group's state machine in tests: numbers the requests, does what the actions say, and sees to it that every
// request is answered once and no more.

import DaybookModel
import Testing

@testable import Daybook

/// A machine, its time, and what it has answered.
struct GroupStage {
    var machine: GroupStateMachine
    var now = Duration.seconds(1000)
    /// Whether what is to be written down is at once.
    var storesAtOnce = true
    private(set) var joins: [GroupRequestID: GroupJoinAnswer] = [:]
    private(set) var syncs: [GroupRequestID: GroupSyncAnswer] = [:]
    /// Asked and not answered.
    private(set) var waiting: Set<GroupRequestID> = []
    /// To be written down, and somebody waits.
    var stores: [(id: GroupStoreID, value: GroupMetadataValue)] = []
    /// Written down last.
    private(set) var written: GroupMetadataValue?
    private(set) var removed: [String: GroupError] = [:]
    private(set) var rejoining: [[String]] = []
    private(set) var stableGenerations: [Int32] = []
    private(set) var isForgotten = false
    private var requestsCount: UInt64 = 0
    private var membersCount = 0

    init(_ configuration: GroupCoordinatorConfiguration = GroupCoordinatorConfiguration()) {
        machine = GroupStateMachine(id: "warehouse", configuration: configuration)
    }

    init(_ machine: GroupStateMachine) { self.machine = machine }

    mutating func perform(_ actions: [GroupAction], sourceLocation: SourceLocation = #_sourceLocation) {
        for action in actions {
            switch action {
            case .answerJoin(let request, let answer):
                #expect(waiting.remove(request) != nil, "answered twice", sourceLocation: sourceLocation)
                joins[request] = answer
            case .answerSync(let request, let answer):
                #expect(waiting.remove(request) != nil, "answered twice", sourceLocation: sourceLocation)
                syncs[request] = answer
            case .store(let id, let value):
                stores.append((id, value))
                if storesAtOnce { endStore() }
            case .storeUnawaited(let value): written = value
            case .rejoin(let memberIDs): rejoining.append(memberIDs)
            case .removed(let memberID, let error): removed[memberID] = error
            case .stable(let generation): stableGenerations.append(generation)
            case .forget: isForgotten = true
            }
        }
    }

    /// The first of what is to be written down is, or could not be.
    mutating func endStore(_ error: GroupError? = nil) {
        let (id, value) = stores.removeFirst()
        if error == nil { written = value }
        perform(machine.stored(id, error, at: now))
    }

    private mutating func nextRequest() -> GroupRequestID {
        requestsCount += 1
        let request = GroupRequestID(rawValue: requestsCount)
        waiting.insert(request)
        return request
    }

    // MARK: what members do

    static let range = [GroupProtocol(name: "range", metadata: [1])]

    /// A request to join of somebody new, or of a member when an id is given.
    mutating func request(
        _ memberID: String = "", instance: String? = nil, session: Duration? = .seconds(10),
        rebalance: Duration = .seconds(60), supporting protocols: [GroupProtocol] = range
    ) -> GroupJoin {
        membersCount += 1
        var join = GroupJoin(
            freshMemberID: "\(instance ?? "m")-\(membersCount)", instanceID: instance, clientID: "client",
            clientHost: "/127.0.0.1", sessionTimeout: session, rebalanceTimeout: rebalance, protocolType: "consumer",
            protocols: protocols)
        join.memberID = memberID
        return join
    }

    @discardableResult
    mutating func join(_ join: GroupJoin) -> GroupRequestID {
        let request = nextRequest()
        perform(machine.join(join, request, at: now))
        return request
    }

    @discardableResult
    mutating func join(
        _ memberID: String = "", instance: String? = nil, session: Duration? = .seconds(10),
        rebalance: Duration = .seconds(60), supporting protocols: [GroupProtocol] = range
    ) -> GroupRequestID {
        join(request(memberID, instance: instance, session: session, rebalance: rebalance, supporting: protocols))
    }

    @discardableResult
    mutating func sync(_ sync: GroupSync) -> GroupRequestID {
        let request = nextRequest()
        perform(machine.sync(sync, request, at: now))
        return request
    }

    /// Asks for the assignment of a member that has joined; the leader assigns to everybody one byte, its place in the list.
    @discardableResult
    mutating func sync(_ group: JoinedGroup, instance: String? = nil) -> GroupRequestID {
        var assignments: [String: [UInt8]] = [:]
        for (index, member) in group.members.enumerated() { assignments[member.memberID] = [UInt8(index)] }
        return sync(
            GroupSync(
                memberID: group.memberID, instanceID: instance, generation: group.generation, assignments: assignments))
    }

    mutating func heartbeat(_ group: JoinedGroup, instance: String? = nil) throws(GroupError) {
        try machine.heartbeat(
            memberID: group.memberID, instanceID: instance, generation: group.generation, at: now)
    }

    mutating func leave(_ memberID: String, instance: String? = nil) -> GroupError? {
        let (results, actions) = machine.leave([LeavingMember(memberID: memberID, instanceID: instance)], at: now)
        perform(actions)
        return results[0]
    }

    /// Lets time pass, with a tick at every moment that the machine asks for.
    mutating func pass(_ duration: Duration) {
        let end = now + duration
        while let deadline = machine.deadline, deadline <= end {
            now = max(now, deadline)
            perform(machine.tick(at: now))
        }
        now = end
    }

    // MARK: what came of it

    func joined(_ request: GroupRequestID, sourceLocation: SourceLocation = #_sourceLocation) throws -> JoinedGroup {
        guard case .joined(let group)? = joins[request] else {
            Issue.record("not joined: \(String(describing: joins[request]))", sourceLocation: sourceLocation)
            throw GroupError.unknownMemberID
        }
        return group
    }

    /// The group that a request to join leads to at once.
    mutating func joined(
        sourceLocation: SourceLocation = #_sourceLocation, _ ask: (inout GroupStage) -> GroupRequestID
    ) throws -> JoinedGroup {
        let request = ask(&self)
        return try joined(request, sourceLocation: sourceLocation)
    }

    /// The answer that a request to join has at once.
    mutating func joinAnswer(_ ask: (inout GroupStage) -> GroupRequestID) -> GroupJoinAnswer? {
        let request = ask(&self)
        return joins[request]
    }

    /// The answer that a request for an assignment has at once.
    mutating func syncAnswer(_ ask: (inout GroupStage) -> GroupRequestID) -> GroupSyncAnswer? {
        let request = ask(&self)
        return syncs[request]
    }

    func isWaiting(_ request: GroupRequestID) -> Bool { waiting.contains(request) }

    /// Makes a stable group of members with these instance ids, or none; what each has learned, the leader first.
    mutating func stableGroup(
        _ instances: [String?], session: Duration? = .seconds(10), supporting protocols: [GroupProtocol] = range
    ) throws -> [JoinedGroup] {
        for instance in instances { join(instance: instance, session: session, supporting: protocols) }
        // Those who came first have to come again, for the others.
        for member in machine.members.inOrder where member.join == nil && machine.state == .preparingRebalance {
            join(member.id, instance: member.instanceID, session: session, supporting: protocols)
        }
        let groups = currentGroups
        for group in groups { sync(group, instance: machine.members[group.memberID]?.instanceID) }
        try #require(machine.state == .stable && groups.count == instances.count)
        return groups
    }

    /// What members were told of the current generation, the leader first, then in the order in which they came.
    var currentGroups: [JoinedGroup] {
        var found: [String: JoinedGroup] = [:]
        for case .joined(let group) in joins.values where group.generation == machine.generation {
            found[group.memberID] = group
        }
        let groups = machine.members.ids.compactMap { found[$0] }
        return groups.filter(\.isLeader) + groups.filter { !$0.isLeader }
    }
}
