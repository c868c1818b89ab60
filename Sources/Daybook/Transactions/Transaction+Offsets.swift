// Offsets that a group commits with a transaction. They wait in the transaction until it is to be committed, are then written side
// by side with its last records, and count when the marker is behind them. Who keeps them is `OffsetStore`.

public import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// What a group commits with a transaction.
struct GroupCommit: Sendable {
    /// On whose behalf something is committed.
    enum Author: Hashable, Sendable {
        case nobody
        case member(GroupMemberIdentity)
        case consumer(ObjectIdentifier)
    }

    /// Says why offsets are refused, just before they are written down, and who can tell when that may be over.
    struct Check: Sendable {
        let author: Author
        var membership: GroupMembership?
        /// Nil where they are not refused.
        let refusal: @Sendable ([TopicPartition: OffsetCommit]) -> DaybookError?
    }

    let committer: OffsetCommitter
    /// All of them, of several for one partition the last.
    private(set) var offsets: [TopicPartition: OffsetCommit] = [:]
    /// Everybody who has committed, with what was committed on their behalf.
    private var parts: [(check: Check, offsets: [TopicPartition: OffsetCommit])] = []

    init(_ committer: OffsetCommitter) { self.committer = committer }

    mutating func add(_ offsets: [TopicPartition: OffsetCommit], _ check: Check) {
        self.offsets.merge(offsets) { $1 }
        if let index = parts.firstIndex(where: { $0.check.author == check.author }) {
            parts[index].offsets.merge(offsets) { $1 }
        } else {
            parts.append((check, offsets))
        }
    }

    /// Why one of those who have committed may not; nil where all of them may.
    var refusal: DaybookError? {
        for part in parts { if let refusal = part.check.refusal(part.offsets) { return refusal } }
        return nil
    }

    /// Calls back when none of its members is about to be told what it is assigned.
    func whenSettled(_ then: @escaping @Sendable () -> Void) {
        let memberships = parts.compactMap(\.check.membership)
        if memberships.isEmpty { return then() }
        let countdown = Countdown(memberships.count, then)
        for membership in memberships { membership.whenSettled { countdown.arrive() } }
    }
}

extension Transaction {
    /// Commits offsets for a group with the transaction: the group goes on behind them when the transaction is committed, together
    /// with its records, and from where it was when it is not. Kafka calls this `sendOffsetsToTransaction`.
    ///
    /// An offset is the next one to read. Of several commits for one partition the last one counts; all of them are written by
    /// ``commit()``. What is refused here is not in the transaction, which goes on: `.groupNotEmpty` while members are at work in
    /// the group, `.divergedHistory`, `.offsetOutOfRange`, `.unknownTopic`, `.unknownPartition`, `.metadataTooLarge`,
    /// `.invalidGroup`. Throws as ``send(_:to:partition:)`` when the transaction takes nothing any more.
    public func commit(group: String, offsets: [TopicPartition: OffsetCommit]) async throws {
        let committer = try await core.shared.daybook.offsetCommitter(group: group)
        let store = core.shared.daybook.committedOffsets
        try take(offsets, by: committer, GroupCommit.Check(author: .nobody) { _ in store.refusal(of: group) })
    }

    /// The same on behalf of a member of a group, which is looked at again when the transaction is committed: where the group has
    /// gone on to another generation, or without this member, the transaction is aborted. Throws `.unknownMember`,
    /// `.illegalGeneration` and `.fencedInstance` then, but not `.groupNotEmpty`.
    public func commit(_ offsets: [TopicPartition: OffsetCommit], as member: GroupMemberIdentity) async throws {
        let daybook = core.shared.daybook
        let group = try await daybook.coordinatedGroup(member.group)
        let check = GroupCommit.Check(author: .member(member)) { _ in group.refusal(of: member, isTransactional: true) }
        try take(offsets, by: try await daybook.offsetCommitter(group: member.group), check)
    }

    /// The same on behalf of a consumer that has a group, also for the partitions: `.notAssigned` for one that is not its own.
    func commit(_ offsets: [TopicPartition: OffsetCommit], by commits: GroupCommits) async throws {
        // Whoever is about to be told its partitions anew is in another generation in a moment. One that others keep waiting for
        // that goes on with what it has got, rather than let its transaction time out.
        for _ in 0..<10 where commits.refusal(ofTransactional: offsets)?.code == .rebalanceInProgress {
            await commits.membership?.whenSettled()
        }
        let check = GroupCommit.Check(
            author: .consumer(ObjectIdentifier(commits)), membership: commits.membership
        ) { commits.refusal(ofTransactional: $0) }
        try take(offsets, by: commits.committer, check)
    }

    private func take(
        _ offsets: [TopicPartition: OffsetCommit], by committer: OffsetCommitter, _ check: GroupCommit.Check
    ) throws {
        if let refusal = scope.recordRefusal { throw refusal }
        // A mistake is told where it is made, and spares the transaction.
        if let refusal = check.refusal(offsets) { throw refusal }
        _ = try core.shared.daybook.changes(of: offsets, by: committer.group, at: core.shared.now)
        if offsets.isEmpty || scope.add(offsets, by: committer, check) { return }
        throw scope.recordRefusal ?? .transactionEnded(core.entry.id)
    }

    /// Sends the commits of groups to their partitions; `completion` is called once for each group, when they are durable or
    /// have been refused.
    func append(_ commits: [GroupCommit], _ completion: @escaping @Sendable (DaybookError?) -> Void) {
        // Several groups may have one partition: their batches are one producer's, one behind the other.
        let byPartition = Dictionary(grouping: commits, by: \.committer.topicPartition)
        for (_, commits) in byPartition.sorted(by: { $0.key < $1.key }) { append(commits[...], from: 0, completion) }
    }

    /// The same for groups of one partition, with numbers from `sequence` on. A member that has been told just now that its group
    /// goes on, but not yet with what, is asked again when it knows.
    private func append(
        _ commits: ArraySlice<GroupCommit>, from sequence: Int32, attempts: Int = 1,
        _ completion: @escaping @Sendable (DaybookError?) -> Void
    ) {
        guard let commit = commits.first else { return }
        let producer = ProducerIdentity(id: scope.producer, epoch: scope.epoch, baseSequence: sequence)
        let goOn: @Sendable (Int32, DaybookError?) -> Void = { next, error in
            completion(error)
            self.append(commits.dropFirst(), from: next, completion)
        }
        do throws(DaybookError) {
            let batch = try commit.committer.prepare(commit.offsets, producer: producer)
            commit.committer.append(batch, isAllowed: { commit.refusal }) { error in
                if error?.code == .rebalanceInProgress, attempts < 10 {
                    commit.whenSettled { self.append(commits, from: sequence, attempts: attempts + 1, completion) }
                } else {
                    goOn(error == nil ? sequence + Int32(batch.recordsCount) : sequence, error)
                }
            }
        } catch {
            goOn(sequence, error)
        }
    }
}
