// Consume, process, produce: what came in, what goes out and how far the group has come are one transaction. What is read and
// where from is the consumer's business; here its positions are committed, or taken back.

internal import DaybookModel

extension TransactionalProducer {
    /// Takes what a consumer has next and processes it in a transaction, which also commits for `group`, or the consumer's own
    /// group, how far the consumer has come. Returns what `body` returns, or nil when nothing has come within `timeout`.
    ///
    /// When this returns, what `body` has sent and the group's new offsets are committed together. When it throws, neither is, and
    /// the consumer is back where it was: the next call gets the same records. (After `.transactionInDoubt` the next opening of
    /// the directory tells, and a consumer that begins at the committed offset goes on at the right place.) So each record that
    /// the group gets has its effect in this directory once, whatever is cut short. That holds for consumers that share a group's
    /// partitions: a transaction of one that has been put out, or whose partitions have gone to another one, is aborted, and who gets
    /// them begins when the transactions for them have ended. It holds for a consumer that was assigned its partitions by hand
    /// provided that it begins at what the group has committed, and nobody else commits for it. What `body` does elsewhere may
    /// happen again.
    ///
    /// Gaps are handed to `body` as they come. Throws what `body`, ``Consumer/poll(max:timeout:)``, ``transaction(isolation:_:)``
    /// and ``Transaction/commit(group:offsets:)`` throw, and `.invalidGroup` where there is no group.
    public func process<Result>(
        _ consumer: Consumer, group: String? = nil, max: Int = 500, timeout: Duration = .seconds(1),
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Transaction, [ConsumedBatch]) async throws -> Result
    ) async throws -> Result? {
        guard let group = group ?? consumer.group else {
            throw DaybookError(.invalidGroup, "The consumer has no group to commit for; give one")
        }
        let batches = try await consumer.poll(max: max, timeout: timeout)
        if batches.isEmpty { return nil }
        do {
            return try await transaction { transaction in
                let result = try await body(transaction, batches)
                let offsets = Self.offsets(behind: batches)
                if let commits = consumer.commits, commits.committer.group == group {
                    try await transaction.commit(offsets, by: commits)
                } else {
                    try await transaction.commit(group: group, offsets: offsets)
                }
                return result
            }
        } catch {
            await rewind(consumer, to: batches)
            throw error
        }
    }

    private static func offsets(behind batches: [ConsumedBatch]) -> [TopicPartition: OffsetCommit] {
        var offsets: [TopicPartition: OffsetCommit] = [:]
        for batch in batches {
            // Behind a gap the log knows best in which epoch the offset lies.
            offsets[batch.topicPartition] = OffsetCommit(batch.nextOffset, leaderEpoch: batch.leaderEpoch)
        }
        return offsets
    }

    private func rewind(_ consumer: Consumer, to batches: [ConsumedBatch]) async {
        var places: [TopicPartition: Offset] = [:]
        for batch in batches where places[batch.topicPartition] == nil {
            places[batch.topicPartition] = batch.firstOffset
        }
        for (topicPartition, offset) in places.sorted(by: { $0.key < $1.key }) {
            // A partition that is not the consumer's any more is somebody else's to read again; a closed one is read by nobody.
            do { try await consumer.seek(topicPartition, to: .offset(offset)) } catch {}
        }
    }
}
