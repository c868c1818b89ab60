// How members go: they leave, they lose their connection, their time is over; and how the whole group goes.
// What follows for those who stay is in `GroupStateMachine`.

extension GroupStateMachine {
    /// Members leave. Returns for each of them why it could not; nil where it is out.
    mutating func leave(
        _ leaving: [LeavingMember], at now: Duration
    ) -> (results: [GroupError?], actions: [GroupAction]) {
        var results: [GroupError?] = []
        let actions = perform { machine in
            for member in leaving {
                do throws(GroupError) {
                    try machine.take(member, at: now)
                    results.append(nil)
                } catch {
                    results.append(error)
                }
            }
            if results.contains(nil) { machine.membersHaveGone(at: now) }
        }
        return (results, actions)
    }

    private mutating func take(_ leaving: LeavingMember, at now: Duration) throws(GroupError) {
        if case .dead = phase { throw .coordinatorNotAvailable }
        if promised[leaving.memberID] != nil {
            guard leaving.instanceID == nil else { throw .unknownMemberID }
            promised[leaving.memberID] = nil
            return
        }
        var id = leaving.memberID
        // Whoever removes a static member from outside knows its instance id only.
        if id.isEmpty, let instanceID = leaving.instanceID { id = members.id(ofInstance: instanceID) ?? "" }
        try validate(id, leaving.instanceID)
        remove(id, .unknownMemberID, at: now)
    }

    /// A member without a session timeout has stopped. A static one may come back within `grace`; any other one leaves.
    /// Nothing happens when it is no member.
    mutating func disconnect(memberID: String, grace: Duration, at now: Duration) -> [GroupAction] {
        perform { machine in
            guard let member = machine.members[memberID] else { return }
            guard member.instanceID != nil else {
                machine.remove(memberID, .unknownMemberID, at: now)
                return machine.membersHaveGone(at: now)
            }
            machine.answerJoin(of: memberID, .refused(.unknownMemberID), at: now)
            machine.answerSync(of: memberID, .failure(.unknownMemberID), at: now)
            machine.members.update(memberID) { $0.expiresAt = now + grace }
        }
    }

    /// Time has passed: members that were not heard of, and those a rebalance has waited for in vain, are out.
    mutating func tick(at now: Duration) -> [GroupAction] {
        perform { machine in
            // Each step sets what was due to a later time or to none. A step may make something else due.
            while machine.expireNext(at: now) {}
        }
    }

    /// Does what is due first; false when nothing is.
    private mutating func expireNext(at now: Duration) -> Bool {
        guard let deadline, deadline <= now else { return false }
        if let id = promised.filter({ $0.value == deadline }).keys.min() {
            promised[id] = nil
            completeJoinIfAllHaveJoined(at: now)
        } else if let member = members.inOrder.first(where: { $0.deadline == deadline }) {
            remove(member.id, .unknownMemberID, at: now)
            membersHaveGone(at: now)
        } else {
            expirePhase(at: now)
        }
        return true
    }

    private mutating func expirePhase(at now: Duration) {
        switch phase {
        case .preparing(let preparation):
            if let initial = preparation.initial { endInitialDelay(initial, at: now) } else { completeJoin(at: now) }
        case .completing(let completion), .stable(let completion):
            for id in members.ids where completion.unsynced.contains(id) { remove(id, .unknownMemberID, at: now) }
            rebalance(at: now)
        case .empty, .dead: break
        }
    }

    /// Deletes the group. Throws `.nonEmptyGroup` while it has members, `.groupIDNotFound` when it has been deleted already.
    mutating func delete() throws(GroupError) -> [GroupAction] {
        switch phase {
        case .dead: throw .groupIDNotFound
        case .preparing, .completing, .stable: throw .nonEmptyGroup
        case .empty: break
        }
        phase = .dead
        promised = [:]
        return [.forget]
    }

    /// The coordinator ends: everybody who waits is answered, and nothing happens any more. What is written down stays.
    mutating func unload(at now: Duration) -> [GroupAction] {
        perform { machine in
            for id in machine.members.ids { machine.remove(id, .notCoordinator, at: now) }
            machine.phase = .dead
            machine.promised = [:]
            machine.leader = nil
        }
    }
}
