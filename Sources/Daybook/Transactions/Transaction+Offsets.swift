// Offsets that a group commits with a transaction. They wait in the transaction until it is to be committed, are then written side
// by side with its last records, and count when the marker is behind them. Who keeps them is `OffsetStore`.

public import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// What a group commits with a transaction.
struct GroupCommit: Sendable {
    /// Says why they are refused, just before they are written down; nil where they are not.
    typealias Check = @Sendable ([TopicPartition: OffsetCommit]) -> DaybookError?

    let committer: OffsetCommitter
    var offsets: [TopicPartition: OffsetCommit] = [:]
    /// On whose behalf: the last one who has committed. Nil for nobody in particular.
    var check: Check?
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
        try take(offsets, by: committer) { _ in
            do throws(DaybookError) {
                try store.requireEmpty(group)
                return nil
            } catch {
                return error
            }
        }
    }

    /// The same on behalf of a member of a group, which is looked at again when the transaction is committed: where the group has
    /// gone on to another generation, or without this member, the transaction is aborted. Throws `.unknownMember`,
    /// `.illegalGeneration` and `.fencedInstance` then, but not `.groupNotEmpty`.
    public func commit(_ offsets: [TopicPartition: OffsetCommit], as member: GroupMemberIdentity) async throws {
        let daybook = core.shared.daybook
        let group = try await daybook.coordinatedGroup(member.group)
        try take(offsets, by: try await daybook.offsetCommitter(group: member.group)) { _ in
            group.refusal(of: member, isTransactional: true)
        }
    }

    /// The same on behalf of a consumer that has a group, also for the partitions: `.notAssigned` for one that is not its own.
    func commit(_ offsets: [TopicPartition: OffsetCommit], by commits: GroupCommits) async throws {
        // Whoever is about to be told its partitions anew is in another generation in a moment.
        await commits.membership?.whenSettled()
        try take(offsets, by: commits.committer) { commits.refusal(ofTransactional: $0) }
    }

    private func take(
        _ offsets: [TopicPartition: OffsetCommit], by committer: OffsetCommitter, _ check: @escaping GroupCommit.Check
    ) throws {
        if let refusal = scope.recordRefusal { throw refusal }
        // A mistake is told where it is made, and spares the transaction.
        if let refusal = check(offsets) { throw refusal }
        _ = try core.shared.daybook.changes(of: offsets, by: committer.group, at: core.shared.now)
        if offsets.isEmpty || scope.add(offsets, by: committer, check) { return }
        throw scope.recordRefusal ?? .transactionEnded(core.entry.id)
    }

    /// Sends the commits of groups to their partitions; `completion` is called once for each group, when they are durable or
    /// have been refused.
    func append(_ commits: [GroupCommit], _ completion: @escaping @Sendable (DaybookError?) -> Void) {
        // Several groups may have one partition: their batches are one producer's, one behind the other.
        var sequences: [TopicPartition: Int32] = [:]
        for commit in commits {
            let topicPartition = commit.committer.topicPartition
            let producer = ProducerIdentity(
                id: scope.producer, epoch: scope.epoch, baseSequence: sequences[topicPartition] ?? 0)
            do throws(DaybookError) {
                let batch = try commit.committer.prepare(commit.offsets, producer: producer)
                sequences[topicPartition, default: 0] += Int32(batch.recordsCount)
                commit.committer.append(batch, isAllowed: { commit.check?(commit.offsets) }, completion)
            } catch {
                completion(error)
            }
        }
    }
}
