// A group of Kafka's classic protocol as a value: what members ask for goes in, with the time; what is to be done about it
// comes out. No clock, no log, no waiting: `GroupCoordinator` does that, and a network front end can drive the same one.
// Here: the states and what leads from one to the next. Requests are in the extensions beside this file.

internal import DaybookModel

/// A group.
///
/// Times are durations since any fixed moment and never fall. Whoever drives the machine does what the actions say, in their
/// order, and calls `tick` once `deadline` has passed. Every request to join or for an assignment is answered exactly once, by
/// an action of this call or of a later one; what takes no waiting is answered by what the call returns or throws.
///
/// Rules: Kafka's group coordinator (KIP-62 timeouts, KIP-345 static members, KIP-394 known member ids, KIP-814 leaders that
/// return). Where it is stricter or kinder than Kafka's, the place says so.
struct GroupStateMachine: Sendable {
    let id: String
    let configuration: GroupCoordinatorConfiguration
    var phase = Phase.empty
    /// Of the members; what the last ones had while there are none.
    var protocolType = ""
    /// Nil while no generation has members.
    var protocolName: String?
    /// Raised by each rebalance that ends, and never given again. 0 before the first.
    var generation: Int32 = 0
    /// The member that assigns.
    var leader: String?
    var members = GroupMembers()
    /// Ids that were given to members which have yet to join with them, and until when.
    var promised: [String: Duration] = [:]
    var lastStoreID: UInt64 = 0
    /// What the call at work wants done.
    var actions: [GroupAction] = []

    enum Phase: Sendable {
        case empty
        case preparing(Preparation)
        case completing(Completion)
        case stable(Completion)
        case dead
    }

    /// Members are joining.
    struct Preparation: Sendable {
        /// When those who have not joined are removed; when the delay is over in an initial rebalance.
        var deadline: Duration
        /// Set in the rebalance of a group that was empty, which only time ends.
        var initial: InitialDelay?
    }

    /// A group that was empty waits, so that those who start together are together in the first generation.
    struct InitialDelay: Sendable {
        /// How much longer it may wait, behind the deadline.
        var remaining: Duration
        /// Somebody has come since the deadline was set: it will be set anew.
        var hasNewMember = false
    }

    /// All have joined and ask for their assignments.
    struct Completion: Sendable {
        /// Members that have not asked.
        var unsynced: Set<String>
        /// When these are removed.
        var deadline: Duration
        /// What the leader has assigned, while it is being written down.
        var proposal: (id: GroupStoreID, assignments: [String: [UInt8]])?
    }

    /// A group that nobody has joined yet.
    init(id: String, configuration: GroupCoordinatorConfiguration) {
        self.id = id
        self.configuration = configuration
    }

    var state: GroupState {
        switch phase {
        case .empty: .empty
        case .preparing: .preparingRebalance
        case .completing: .completingRebalance
        case .stable: .stable
        case .dead: .dead
        }
    }

    var membersCount: Int { members.count }

    /// When `tick` is to be called; nil while nothing waits for time to pass. O(members).
    var deadline: Duration? {
        let sessions = members.inOrder.lazy.compactMap(\.deadline).min()
        return [phaseDeadline, sessions, promised.values.min()].compactMap(\.self).min()
    }

    private var phaseDeadline: Duration? {
        switch phase {
        case .preparing(let preparation): preparation.deadline
        case .completing(let completion), .stable(let completion):
            completion.unsynced.isEmpty ? nil : completion.deadline
        case .empty, .dead: nil
        }
    }

    /// Runs one request and hands out what it wants done.
    mutating func perform(_ request: (inout GroupStateMachine) -> Void) -> [GroupAction] {
        request(&self)
        defer { actions = [] }
        return actions
    }

    // MARK: rebalancing

    /// How long a rebalance waits: as long as the most patient member wants. Never zero, so that time always ends it later.
    var rebalanceTimeout: Duration {
        max(.milliseconds(1), members.inOrder.lazy.map(\.rebalanceTimeout).max() ?? .zero)
    }

    /// Begins a rebalance, or goes on with the one under way: somebody has come, gone or changed.
    mutating func rebalance(at now: Duration) {
        switch phase {
        case .dead: return
        case .preparing: return completeJoinIfAllHaveJoined(at: now)
        case .completing: interruptCompletion(with: .rebalanceInProgress, at: now)
        case .empty:
            let delay = configuration.initialRebalanceDelay
            phase = .preparing(
                Preparation(
                    deadline: now + delay,
                    initial: InitialDelay(remaining: max(.zero, rebalanceTimeout - delay))))
            if delay == .zero { completeJoin(at: now) }
            return
        case .stable: break
        }
        phase = .preparing(Preparation(deadline: now + rebalanceTimeout))
        let absent = members.inOrder.filter { $0.join == nil }.map(\.id)
        if !absent.isEmpty { actions.append(.rejoin(memberIDs: absent)) }
        completeJoinIfAllHaveJoined(at: now)
    }

    /// Nobody gets an assignment in this generation; who waits for one is told why.
    mutating func interruptCompletion(with error: GroupError, at now: Duration) {
        for id in members.ids {
            members.update(id) { $0.assignment = [] }
            answerSync(of: id, .failure(error), at: now)
        }
    }

    /// Ends the joining when everybody has, or nobody is left. An initial rebalance is ended by time only.
    mutating func completeJoinIfAllHaveJoined(at now: Duration) {
        guard case .preparing(let preparation) = phase, preparation.initial == nil, promised.isEmpty,
            members.inOrder.allSatisfy({ $0.join != nil })
        else { return }
        completeJoin(at: now)
    }

    /// The deadline of an initial rebalance: who came last is given as much time again, as long as that may go on.
    mutating func endInitialDelay(_ initial: InitialDelay, at now: Duration) {
        guard initial.hasNewMember, initial.remaining > .zero else { return completeJoin(at: now) }
        let delay = min(configuration.initialRebalanceDelay, initial.remaining)
        let next = InitialDelay(remaining: max(.zero, initial.remaining - configuration.initialRebalanceDelay))
        phase = .preparing(Preparation(deadline: now + delay, initial: next))
    }

    /// Ends the joining with those who have joined. Dynamic members who have not are out; static ones keep their place until
    /// their session ends or they fail to ask for their assignment.
    mutating func completeJoin(at now: Duration) {
        for member in members.inOrder where member.join == nil && member.instanceID == nil {
            remove(member.id, .unknownMemberID, at: now)
        }
        if members.isEmpty {
            raiseGeneration()
            (protocolName, leader) = (nil, nil)
            phase = .empty
            actions.append(.storeUnawaited(metadata([:])))
            return
        }
        guard electJoinedLeader() else {
            // Nobody is there to assign: wait until sessions end.
            phase = .preparing(Preparation(deadline: now + rebalanceTimeout))
            return
        }
        raiseGeneration()
        protocolName = selectProtocol()
        phase = .completing(Completion(unsynced: Set(members.ids), deadline: now + rebalanceTimeout))
        for id in members.ids where members[id]?.join != nil {
            members.update(id) { $0.isNew = false }
            answerJoin(of: id, .joined(joinedGroup(for: id)), at: now)
        }
    }

    /// The leader must be somebody who has joined. False when nobody has.
    private mutating func electJoinedLeader() -> Bool {
        if let leader, members[leader]?.join != nil { return true }
        guard let joined = members.inOrder.first(where: { $0.join != nil }) else { return false }
        leader = joined.id
        return true
    }

    private mutating func raiseGeneration() {
        // After two thousand million rebalances it begins anew; nobody remembers the first ones.
        generation = generation == .max ? 1 : generation + 1
    }

    /// The protocol that most members prefer among those that all support; of several, the one that the leader prefers.
    func selectProtocol() -> String? {
        let voters = members.inOrder
        let first = leader.flatMap { members[$0] }
        let candidates = GroupMembers.sharedProtocols((first.map { [$0] } ?? []) + voters)
        var votes: [String: Int] = [:]
        for voter in voters {
            if let choice = voter.protocols.first(where: { candidates.contains($0.name) }) {
                votes[choice.name, default: 0] += 1
            }
        }
        // Of equals this is the first.
        return candidates.max { votes[$0, default: 0] < votes[$1, default: 0] }
    }

    func joinedGroup(for id: String) -> JoinedGroup {
        let everybody =
            id == leader
            ? members.inOrder.map {
                JoinedGroup.Member(
                    memberID: $0.id, instanceID: $0.instanceID, metadata: $0.metadata(for: protocolName))
            } : []
        return JoinedGroup(
            memberID: id, generation: generation, protocolType: protocolType, protocolName: protocolName ?? "",
            leader: leader ?? "", members: everybody)
    }

    // MARK: members

    /// Answers a member's request to join, if one waits, and counts its session from now.
    mutating func answerJoin(of id: String, _ answer: GroupJoinAnswer, at now: Duration) {
        guard let request = members[id]?.join else { return }
        members.update(id) { $0.join = nil }
        hear(from: id, at: now)
        actions.append(.answerJoin(request, answer))
    }

    /// Answers a member's request for its assignment, if one waits, and counts its session from now.
    mutating func answerSync(of id: String, _ answer: GroupSyncAnswer, at now: Duration) {
        guard let request = members[id]?.sync else { return }
        members.update(id) { $0.sync = nil }
        hear(from: id, at: now)
        actions.append(.answerSync(request, answer))
    }

    /// The member is alive.
    mutating func hear(from id: String, at now: Duration) {
        members.update(id) { $0.expiresAt = $0.sessionTimeout.map { now + $0 } }
    }

    /// Takes a member out and answers what waits. What follows for the group is the caller's to say.
    mutating func remove(_ id: String, _ error: GroupError, at now: Duration) {
        answerJoin(of: id, .refused(error), at: now)
        answerSync(of: id, .failure(error), at: now)
        members.remove(id)
        if leader == id { leader = members.first?.id }
        actions.append(.removed(memberID: id, error))
    }

    /// What follows when members are out.
    mutating func membersHaveGone(at now: Duration) {
        switch phase {
        case .stable, .completing, .preparing: rebalance(at: now)
        case .empty, .dead: break
        }
    }

    /// Throws what a request is refused with whose member is not, or not any more, the one that it says it is.
    func validate(_ memberID: String, _ instanceID: String?) throws(GroupError) {
        if let instanceID {
            guard let current = members.id(ofInstance: instanceID) else { throw .unknownMemberID }
            guard current == memberID else { throw .fencedInstanceID }
        }
        guard members.contains(memberID) else { throw .unknownMemberID }
    }
}
