// Requests to join: new members, members that come back, and static members that have started anew.
// What ends the joining is in `GroupStateMachine`.

internal import DaybookModel
internal import DaybookRecords

extension GroupStateMachine {
    /// A member joins, or joins again. Answered by an action, now or when all have joined.
    ///
    /// The request is numbered by the caller, each with another number. A request that waits when the same member sends
    /// another is answered with `.rebalanceInProgress`.
    mutating func join(_ join: GroupJoin, _ request: GroupRequestID, at now: Duration) -> [GroupAction] {
        perform { machine in
            do throws(GroupError) {
                try machine.take(join, request, at: now)
            } catch {
                machine.actions.append(.answerJoin(request, .refused(error)))
            }
        }
    }

    private mutating func take(_ join: GroupJoin, _ request: GroupRequestID, at now: Duration) throws(GroupError) {
        if case .dead = phase { throw .coordinatorNotAvailable }
        guard !join.protocolType.isEmpty, !join.protocols.isEmpty else { throw .inconsistentGroupProtocol }
        if let session = join.sessionTimeout {
            guard configuration.sessionTimeouts.contains(session) else { throw .invalidSessionTimeout }
        }
        guard hasRoom(for: join.memberID) else {
            if members.contains(join.memberID) {
                remove(join.memberID, .groupMaxSizeReached, at: now)
                membersHaveGone(at: now)
            }
            throw .groupMaxSizeReached
        }
        guard supports(join) else { throw .inconsistentGroupProtocol }
        if join.memberID.isEmpty {
            takeNew(join, request, at: now)
        } else if promised[join.memberID] != nil {
            guard join.instanceID == nil else { throw .unknownMemberID }
            promised[join.memberID] = nil
            add(join, as: join.memberID, request, at: now)
        } else {
            try takeKnown(join, request, at: now)
        }
    }

    /// Whether the group may have this member. While members are joining, those count who have.
    private func hasRoom(for memberID: String) -> Bool {
        switch phase {
        case .empty, .dead: true
        case .preparing:
            members[memberID]?.join != nil
                || members.inOrder.count { $0.join != nil } < configuration.maximumSize
        case .completing, .stable: members.contains(memberID) || members.count < configuration.maximumSize
        }
    }

    /// Whether the member shares a protocol with all others. What it supported itself before does not count, unlike in
    /// Kafka: it is about to be replaced.
    private func supports(_ join: GroupJoin) -> Bool {
        let own = join.instanceID.flatMap { members.id(ofInstance: $0) } ?? join.memberID
        let others = members.inOrder.filter { $0.id != own }
        if others.isEmpty { return true }
        guard join.protocolType == protocolType else { return false }
        let shared = GroupMembers.sharedProtocols(others)
        return join.protocols.contains { shared.contains($0.name) }
    }

    // MARK: new members

    private mutating func takeNew(_ join: GroupJoin, _ request: GroupRequestID, at now: Duration) {
        if let instanceID = join.instanceID, let former = members.id(ofInstance: instanceID) {
            replace(former, by: join, request, at: now)
        } else if join.requiresKnownMemberID && join.instanceID == nil {
            promised[join.freshMemberID] = now + max(.milliseconds(1), join.sessionTimeout ?? join.rebalanceTimeout)
            actions.append(.answerJoin(request, .memberIDRequired(join.freshMemberID)))
        } else {
            add(join, as: join.freshMemberID, request, at: now)
        }
    }

    private mutating func add(_ join: GroupJoin, as id: String, _ request: GroupRequestID, at now: Duration) {
        if members.isEmpty { protocolType = join.protocolType }
        var member = GroupMember(
            id: id, instanceID: join.instanceID, clientID: join.clientID, clientHost: join.clientHost,
            protocols: join.protocols, rebalanceTimeout: join.rebalanceTimeout, sessionTimeout: join.sessionTimeout)
        member.join = request
        // It does not know its id yet and can send no heartbeat; without a limit it would be waited for though it has left.
        if member.sessionTimeout != nil { member.expiresAt = now + Self.newMemberTimeout }
        members.append(member)
        if leader == nil { leader = id }
        if case .preparing(var preparation) = phase, preparation.initial != nil {
            preparation.initial?.hasNewMember = true
            phase = .preparing(preparation)
        }
        rebalance(at: now)
    }

    /// How long a member that has never been answered may wait: Kafka's five minutes.
    private static var newMemberTimeout: Duration { .seconds(300) }

    // MARK: members that come back

    private mutating func takeKnown(
        _ join: GroupJoin, _ request: GroupRequestID, at now: Duration
    ) throws(GroupError) {
        try validate(join.memberID, join.instanceID)
        let hasChanged = members[join.memberID].map { $0.protocols != join.protocols } ?? true
        switch phase {
        case .preparing: update(join.memberID, join, request, at: now)
        case .completing where !hasChanged, .stable where !hasChanged && join.memberID != leader:
            // It may not have received the answer: the generation stands.
            hear(from: join.memberID, at: now)
            actions.append(.answerJoin(request, .joined(joinedGroup(for: join.memberID))))
            return
        case .completing, .stable: update(join.memberID, join, request, at: now)
        case .empty, .dead: throw .unknownMemberID
        }
        rebalance(at: now)
    }

    /// Takes over what the member says now; its request waits for the others.
    private mutating func update(_ id: String, _ join: GroupJoin, _ request: GroupRequestID, at now: Duration) {
        answerJoin(of: id, .refused(.rebalanceInProgress), at: now)
        if members.count == 1 { protocolType = join.protocolType }
        members.update(id) { member in
            member.clientID = join.clientID
            member.clientHost = join.clientHost
            member.protocols = join.protocols
            member.rebalanceTimeout = join.rebalanceTimeout
            member.sessionTimeout = join.sessionTimeout
            member.join = request
        }
    }

    // MARK: static members that have started anew

    /// A static member has started anew and takes the place of what it was before, which is fenced from now on.
    ///
    /// In a stable group it gets the assignment that it had and nobody notices, unless the group would now choose another
    /// protocol, or the member wants other topics than before. (Kafka looks at the protocol only and would go on assigning
    /// topics that the member no longer reads.)
    private mutating func replace(
        _ former: String, by join: GroupJoin, _ request: GroupRequestID, at now: Duration
    ) {
        let id = join.freshMemberID
        let before = members[former]
        let formerLeader = leader
        answerJoin(of: former, .refused(.fencedInstanceID), at: now)
        answerSync(of: former, .failure(.fencedInstanceID), at: now)
        members.rename(former, to: id)
        if leader == former { leader = id }
        actions.append(.removed(memberID: former, .fencedInstanceID))
        update(id, join, request, at: now)
        members.update(id) { $0.isNew = false }
        guard case .stable(var completion) = phase, let before, let after = members[id],
            selectProtocol() == protocolName,
            Self.topics(of: before, protocolName) == Self.topics(of: after, protocolName)
        else { return rebalance(at: now) }
        if completion.unsynced.remove(former) != nil { completion.unsynced.insert(id) }
        phase = .stable(completion)
        var group = joinedGroup(for: id)
        if leader == id {
            // It must not assign anew. A client that cannot be told so is told that another one leads.
            group.skipsAssignment = join.supportsSkippingAssignment
            if !join.supportsSkippingAssignment { (group.leader, group.members) = (formerLeader ?? "", []) }
        }
        answerJoin(of: id, .joined(group), at: now)
        // Nobody waits for it: should it be lost, the instance comes back in the place of its former self again.
        actions.append(.storeUnawaited(metadata(currentAssignments)))
    }

    /// The topics that a consumer subscribes to; nil where the metadata is no subscription.
    private static func topics(of member: GroupMember, _ protocolName: String?) -> Set<TopicName>? {
        let metadata = KafkaReader(member.metadata(for: protocolName))
        guard let subscription = try? ConsumerProtocolSubscription(decoding: metadata) else { return nil }
        return Set(subscription.topics)
    }
}
