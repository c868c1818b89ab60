// How a member joins and learns what it is assigned, and what it does as the leader: answers of the coordinator, on the threads of
// the engine, between two visits of the member's user. What follows from them is `MembershipPlan`'s to say.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

extension GroupMembership {
    /// Asks to join; the answer comes when all members have.
    func askToJoin() async throws {
        let freshID = try await daybook.makeMemberID(configuration.clientID)
        let (join, life) = state.withLock { state -> (GroupJoin, Int) in
            state.plan.done(.join)
            var join = GroupJoin(
                freshMemberID: freshID, instanceID: configuration.instanceID, clientID: configuration.clientID,
                // As Kafka writes addresses.
                clientHost: "/127.0.0.1", sessionTimeout: nil, rebalanceTimeout: configuration.maximumPollInterval,
                protocolType: consumerProtocolType,
                protocols: AssignmentRound.protocols(
                    configuration.assignors, topics: state.plan.topics, owned: state.plan.owned.sorted(),
                    last: state.plan.lastAssignment))
            join.memberID = state.plan.memberID
            return (join, state.plan.life)
        }
        group.join(join) { [weak self] notice in
            self?.hear(notice, life)
        } _: { [weak self, group, configuration] answer in
            guard let self else {
                // Its user has gone meanwhile.
                guard case .joined(let joined) = answer else { return }
                if configuration.instanceID != nil { return group.disconnect(memberID: joined.memberID) }
                return group.leave([LeavingMember(memberID: joined.memberID)])
            }
            self.take(answer, life)
        }
    }

    private func hear(_ notice: GroupNotice, _ life: Int) {
        switch notice {
        case .rejoin: noteOf(life) { $0.plan.mustJoinAgain() }
        case .removed(let error): removed(error, life)
        }
    }

    private func take(_ answer: GroupJoinAnswer, _ life: Int) {
        switch answer {
        case .refused(let error): refused(error, life)
        case .memberIDRequired: preconditionFailure("members of this process are told their ids at once")
        case .joined(let joined):
            let isClosed = state.withLock { state in
                if state.plan.life == life { state.plan.joined(joined) }
                return state.isClosed
            }
            if isClosed { return leave(joined.memberID) }
            guard joined.isLeader else { return sync(joined, [:], life) }
            // The assignor may take its time.
            daybook.services.io.submit { self.lead(joined, life) }
        }
    }

    private func lead(_ joined: JoinedGroup, _ life: Int) {
        let wanted = AssignmentRound.topics(of: joined)
        let counts = looking.withLock { _ in
            let counts = daybook.partitionCounts.filter { wanted.contains($0.key) }
            noteOf(life) { state in
                let before = Dictionary(uniqueKeysWithValues: wanted.map { ($0, counts[$0] ?? 0) })
                state.led = (joined.generation, before)
            }
            return counts
        }
        if joined.skipsAssignment { return sync(joined, [:], life) }
        do throws(AssignmentProblem) {
            guard let assignor = configuration.assignors.first(where: { $0.name == joined.protocolName }) else {
                return refused(.inconsistentGroupProtocol, life)
            }
            sync(joined, try AssignmentRound.assign(joined, with: assignor, counts), life)
        } catch {
            let error = DaybookError(.invalidAssignment, "Group \(group.id): \(error)", cause: error)
            noteOf(life) { $0.plan.fail(error, isFinal: false) }
            // Somebody else may do better.
            leave(joined.memberID)
        }
    }

    private func sync(_ joined: JoinedGroup, _ assignments: [String: [UInt8]], _ life: Int) {
        let sync = GroupSync(
            memberID: joined.memberID, instanceID: configuration.instanceID, generation: joined.generation,
            protocolType: joined.protocolType, protocolName: joined.protocolName, assignments: assignments)
        group.sync(sync) { [weak self] answer in
            switch answer {
            case .failure(let error): self?.refused(error, life)
            case .success(let bytes): self?.assigned(bytes, life)
            }
        }
    }

    private func assigned(_ bytes: [UInt8], _ life: Int) {
        do throws(KafkaFieldError) {
            let partitions = try AssignmentRound.partitions(bytes)
            noteOf(life) { state in
                state.refusalsInARow = 0
                state.plan.assigned(partitions)
            }
        } catch {
            let error = DaybookError(
                .invalidAssignment, "Group \(group.id): the leader's assignment cannot be read: \(error)", cause: error)
            noteOf(life) { $0.plan.fail(error, isFinal: false) }
        }
    }

    // MARK: refusals

    private func refused(_ error: GroupError, _ life: Int) {
        switch error {
        case .rebalanceInProgress, .illegalGeneration:
            noteOf(life) { state in
                state.plan.couldNotJoin()
                state.plan.mustJoinAgain()
            }
        case .coordinatorNotAvailable:
            // The group could not be written down. That may last, so that asking again at once would be of no use; and its user
            // has to know when it does last.
            let unavailability = group.unavailability
            noteOf(life) { state in
                state.refusalsInARow += 1
                state.plan.couldNotJoin(andPauses: true)
                if state.refusalsInARow >= Self.patience { state.plan.fail(unavailability, isFinal: false) }
            }
            daybook.services.timer.schedule(after: Self.retryPause) { [weak self, io = daybook.services.io] in
                io.submit { self?.noteOf(life) { $0.plan.endPause() } }
            }
        case .unknownMemberID, .fencedInstanceID, .notCoordinator: removed(error, life)
        default:
            let error = DaybookError(error, group: group.id)
            noteOf(life) { $0.plan.fail(error, isFinal: false) }
        }
    }

    private func removed(_ error: GroupError, _ life: Int) {
        let group = group.id
        noteOf(life) { state in
            state.plan.putOut()
            // Another consumer has its name, or the daybook has been closed: it would only drive the other one out.
            if error != .unknownMemberID { state.plan.fail(DaybookError(error, group: group), isFinal: true) }
        }
    }

    /// Kafka's `retry.backoff.ms`.
    private static var retryPause: Duration { .milliseconds(100) }

    /// How often a group may fail to be written down, one time after the other, before the user is told: about five seconds.
    private static var patience: Int { 50 }

    /// Takes in what has happened to this member, unless it has been put out since it asked.
    private func noteOf(_ life: Int, _ change: (inout State) -> Void) {
        note { state in if state.plan.life == life { change(&state) } }
    }
}
