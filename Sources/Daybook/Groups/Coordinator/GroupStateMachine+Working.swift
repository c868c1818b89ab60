// What members do once they have joined: ask for their assignment, say that they live, commit.
// The assignment itself is bytes here; the leader makes them and the members read them.

extension GroupStateMachine {
    /// A member asks for its assignment; the leader brings everybody's. Answered by an action, now or when the leader's
    /// assignment has been written down. A request that waits when the same member sends another is answered with
    /// `.rebalanceInProgress`.
    mutating func sync(_ sync: GroupSync, _ request: GroupRequestID, at now: Duration) -> [GroupAction] {
        perform { machine in
            do throws(GroupError) {
                try machine.take(sync, request, at: now)
            } catch {
                machine.actions.append(.answerSync(request, .failure(error)))
            }
        }
    }

    private mutating func take(_ sync: GroupSync, _ request: GroupRequestID, at now: Duration) throws(GroupError) {
        try requireMember(sync.memberID, sync.instanceID, sync.generation)
        guard sync.protocolType.map({ $0 == protocolType }) ?? true,
            sync.protocolName.map({ $0 == protocolName }) ?? true
        else { throw .inconsistentGroupProtocol }
        let id = sync.memberID
        switch phase {
        case .empty, .dead: throw .unknownMemberID
        case .preparing: throw .rebalanceInProgress
        case .completing(var completion):
            answerSync(of: id, .failure(.rebalanceInProgress), at: now)
            members.update(id) { $0.sync = request }
            completion.unsynced.remove(id)
            if id == leader && completion.proposal == nil {
                lastStoreID += 1
                let proposal = (GroupStoreID(rawValue: lastStoreID), sync.assignments)
                completion.proposal = proposal
                actions.append(.store(proposal.0, metadata(proposal.1)))
            }
            phase = .completing(completion)
        case .stable(var completion):
            completion.unsynced.remove(id)
            phase = .stable(completion)
            hear(from: id, at: now)
            actions.append(.answerSync(request, .success(members[id]?.assignment ?? [])))
        }
    }

    /// What the leader has assigned is written down, or could not be. Then it counts, unless a rebalance has begun since.
    mutating func stored(_ id: GroupStoreID, _ error: GroupError?, at now: Duration) -> [GroupAction] {
        perform { machine in
            guard case .completing(var completion) = machine.phase, let proposal = completion.proposal,
                proposal.id == id
            else { return }
            if let error {
                machine.interruptCompletion(with: error, at: now)
                return machine.rebalance(at: now)
            }
            completion.proposal = nil
            machine.phase = .stable(completion)
            for member in machine.members.ids {
                let assignment = proposal.assignments[member] ?? []
                machine.members.update(member) { $0.assignment = assignment }
                machine.answerSync(of: member, .success(assignment), at: now)
            }
            machine.actions.append(.stable(generation: machine.generation))
        }
    }

    /// A member says that it lives. Throws `.rebalanceInProgress` when it has to join again, and why it is refused otherwise.
    mutating func heartbeat(
        memberID: String, instanceID: String? = nil, generation: Int32, at now: Duration
    ) throws(GroupError) {
        try requireMember(memberID, instanceID, generation)
        switch phase {
        case .empty, .dead: throw .unknownMemberID
        case .preparing:
            hear(from: memberID, at: now)
            throw .rebalanceInProgress
        case .completing, .stable: hear(from: memberID, at: now)
        }
    }

    /// Throws where a commit of offsets must be refused: it is not a member's, or of a generation that is over.
    ///
    /// An empty group takes commits of whoever is in no generation (−1): tools, and consumers that were assigned their
    /// partitions by hand. While others are joining again a member may still commit what it has done. A transactional commit
    /// that names neither member nor generation is let through, as those of old producers are.
    mutating func validateCommit(
        memberID: String, instanceID: String? = nil, generation: Int32, isTransactional: Bool, at now: Duration
    ) throws(GroupError) {
        if case .dead = phase { throw .coordinatorNotAvailable }
        let namesNobody = generation < 0 && memberID.isEmpty && instanceID == nil
        if generation < 0 && state == .empty || namesNobody && isTransactional { return }
        try requireMember(memberID, instanceID, generation)
        guard !isTransactional else { return }
        if case .completing = phase { throw .rebalanceInProgress }
        hear(from: memberID, at: now)
    }

    private func requireMember(
        _ memberID: String, _ instanceID: String?, _ generation: Int32
    ) throws(GroupError) {
        if case .dead = phase { throw .coordinatorNotAvailable }
        try validate(memberID, instanceID)
        guard generation == self.generation else { throw .illegalGeneration }
    }
}
