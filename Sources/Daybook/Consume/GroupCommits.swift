// One consumer's commits for its group, as a member of it or on its own: what is let through, and what need not be written down
// again. Who writes it is the group's `OffsetCommitter`.

internal import DaybookModel
internal import Synchronization

/// The commits of one consumer, in order.
final class GroupCommits: Sendable {
    typealias Completion = @Sendable (DaybookError?) -> Void

    let committer: OffsetCommitter
    /// Nil for a consumer whose partitions were assigned by hand.
    let membership: GroupMembership?
    /// Why commits would be refused at this moment.
    private let judge: @Sendable ([TopicPartition: OffsetCommit]) -> DaybookError?
    /// Commits that have been handed over and not answered: while there are any, what is durable may be about to change.
    private let underWay = Atomic<Int>(0)

    init(_ committer: OffsetCommitter, membership: GroupMembership? = nil) {
        self.committer = committer
        self.membership = membership
        judge = { GroupCommits.refusal(of: $0, committer, membership) }
    }

    /// Hands over a commit; `completion` is called once, when it is durable or has been refused as a whole, on a thread of the
    /// engine, perhaps one that flushes: it must be quick and must not block. In the order of these calls.
    ///
    /// Whether it is allowed is found out when it is written down. So whatever is accepted is part of what the next owners of
    /// the partitions begin with: a generation that begins refuses all commits of earlier ones, and its assignments are written
    /// down behind those that were accepted.
    ///
    /// `arePositions`: this is where the consumer is; one that waits may then be written down together with the next.
    func submit(
        _ offsets: [TopicPartition: OffsetCommit], arePositions: Bool = false, _ completion: @escaping Completion
    ) {
        underWay.add(1, ordering: .acquiringAndReleasing)
        committer.submit(
            offsets, positionsOf: arePositions ? ObjectIdentifier(self) : nil, isAllowed: judge
        ) { [self] error in
            underWay.subtract(1, ordering: .acquiringAndReleasing)
            completion(error)
        }
    }

    /// Commits and returns when it is durable. While the group's partitions are being assigned it waits: what a member owns it
    /// owns afterwards, too, until it has given it up.
    func commit(_ offsets: [TopicPartition: OffsetCommit]) async throws {
        var attempts = 0
        while true {
            let error: DaybookError? = await withCheckedContinuation { continuation in
                submit(offsets) { continuation.resume(returning: $0) }
            }
            guard let error else { return }
            // Told what it is assigned between the refusal and now, it need not wait; that does not happen again and again.
            attempts += 1
            guard error.code == .rebalanceInProgress, attempts < 10, let membership else { throw error }
            try Task.checkCancellation()
            await membership.whenSettled()
        }
    }

    /// The same without what is committed already; nothing is written when that is all.
    func commitChanges(to offsets: [TopicPartition: OffsetCommit]) async throws {
        var changes = offsets
        if underWay.load(ordering: .acquiring) == 0 { changes = committer.changes(to: offsets) }
        if !changes.isEmpty { return try await commit(changes) }
        // Whoever may not commit learns it also where there is nothing to write.
        if let refusal = judge(offsets), refusal.code != .rebalanceInProgress {
            throw refusal
        }
    }

    /// Why a transaction cannot commit for the group on behalf of this consumer; nil where it can. To be asked just before its
    /// commits are written down.
    func refusal(ofTransactional offsets: [TopicPartition: OffsetCommit]) -> DaybookError? {
        if let membership { return membership.refusal(of: offsets, isTransactional: true) }
        return Self.refusal(of: offsets, committer, nil)
    }

    private static func refusal(
        of offsets: [TopicPartition: OffsetCommit], _ committer: OffsetCommitter, _ membership: GroupMembership?
    ) -> DaybookError? {
        if let membership { return membership.refusal(of: offsets) }
        return committer.daybook.committedOffsets.refusal(of: committer.group)
    }
}
