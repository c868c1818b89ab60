// What a member may commit: for partitions that it owns, in the generation that the group is in. So nothing is committed by a
// member that has been put out, nor for a partition that it has given up. Who asks, just before it is written down, is
// `GroupCommits`.

internal import DaybookModel
internal import Synchronization

extension GroupMembership {
    /// Why a commit of this member is refused; nil where it is not. `.rebalanceInProgress` when it may be tried again as soon as
    /// the member has settled: it is being told, or just has been, what it is assigned.
    func refusal(of offsets: [TopicPartition: OffsetCommit], isTransactional: Bool = false) -> DaybookError? {
        let (before, stranger) = state.withLock { state in
            (Standing(state.plan), offsets.keys.filter { !state.plan.owned.contains($0) }.min())
        }
        if let refusal = group.refusal(of: identity(before), isTransactional: isTransactional) {
            guard refusal.code == .rebalanceInProgress || refusal.code == .illegalGeneration else { return refusal }
            let after = state.withLock { Standing($0.plan) }
            let hasMoved = before.memberID == after.memberID && before.generation != after.generation
            guard before.isJoining || after.isJoining || hasMoved else { return refusal }
            return DaybookError(.rebalanceInProgress, refusal.message, cause: refusal)
        }
        guard let stranger else { return nil }
        return DaybookError(
            .notAssigned, "The partition is not this consumer's (any more), which therefore cannot commit for it",
            topicPartition: stranger)
    }

    /// Who this member is, in the generation that it has joined last.
    var identity: GroupMemberIdentity { identity(state.withLock { Standing($0.plan) }) }

    private func identity(_ standing: Standing) -> GroupMemberIdentity {
        GroupMemberIdentity(
            group: group.id, memberID: standing.memberID, instanceID: configuration.instanceID,
            generation: standing.generation)
    }
}

/// What a member was at one moment.
private struct Standing {
    let memberID: String
    let generation: Int32
    let isJoining: Bool

    init(_ plan: MembershipPlan) {
        (memberID, generation, isJoining) = (plan.memberID, plan.generation, plan.isJoining)
    }
}
