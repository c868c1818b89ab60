// Offsets that a group commits with a transaction. They wait in the transaction until it is to be committed, are then written side
// by side with its last records, and count when the marker is behind them. Who keeps them is `OffsetStore`.

public import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// What a group commits with a transaction.
struct GroupCommit: Sendable {
    let committer: OffsetCommitter
    var offsets: [TopicPartition: OffsetCommit] = [:]
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
        if let refusal = scope.recordRefusal { throw refusal }
        let daybook = core.shared.daybook
        let committer = try await daybook.offsetCommitter(group: group)
        try daybook.committedOffsets.requireEmpty(group)
        // A mistake is told where it is made, and spares the transaction.
        _ = try daybook.changes(of: offsets, by: group, at: core.shared.now)
        if offsets.isEmpty || scope.add(offsets, by: committer) { return }
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
                commit.committer.append(batch, completion)
            } catch {
                completion(error)
            }
        }
    }
}
