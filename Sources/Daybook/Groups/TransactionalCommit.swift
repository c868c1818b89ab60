// Commits inside a transaction: a batch with the producer's identity, pending until the transaction ends. Which producer,
// which sequence and when the transaction ends is the business of whoever coordinates transactions.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// Commits that count when the transaction of their producer commits.
struct TransactionalCommit: Sendable {
    let producer: ProducerID
    let batch: EncodedBatch
    let changes: [OffsetTable.Change]

    /// How many sequence numbers the batch takes.
    var recordsCount: Int { changes.count }
}

extension OffsetCommitter {
    /// The partition of the internal topic that takes the group's commits: a transaction with commits ends there as well.
    var topicPartition: TopicPartition { shard.partition.topicPartition }

    /// Checks commits as `commit` does and makes one batch of them, by the producer and from the sequence that `producer`
    /// says. Nothing is written. There must be at least one.
    func prepare(
        _ offsets: [TopicPartition: OffsetCommit], producer: ProducerIdentity
    ) throws(DaybookError) -> TransactionalCommit {
        let now = shard.partition.services.clock.now()
        let changes = try daybook.changes(of: offsets, by: group, at: now)
        var records = OffsetRecords(timestamp: now, producer: producer)
        for change in changes { records.add(change) }
        return TransactionalCommit(producer: producer.id, batch: records.batch(), changes: changes)
    }

    /// Appends what has been prepared, behind all commits that were handed over before, unless `isAllowed` refuses it just
    /// before. `completion` is called once, when the batch is durable or has been refused, and must be quick and must not
    /// block; the commits are pending then, and nobody is shown them.
    func append(
        _ commit: TransactionalCommit, isAllowed: (@Sendable () -> DaybookError?)? = nil,
        _ completion: @escaping @Sendable (DaybookError?) -> Void
    ) {
        shard.submit(
            OffsetRequest(
                group: group, work: .append(commit), isAllowed: { _ in isAllowed?() }, completion: completion),
            of: daybook)
    }

    /// Whether what the group has committed for some partitions is settled: no transaction with commits for one of them is
    /// open. Where one is, `then` is called once when it has ended, or another one has, on a thread of the engine.
    /// O(commits of open transactions).
    func isSettled(_ partitions: Set<TopicPartition>, else then: @escaping @Sendable () -> Void) -> Bool {
        shard.state.withLock { state in
            if !state.table.hasPending(group, partitions) { return true }
            state.awaitingTransactions.append(then)
            return false
        }
    }
}

extension Daybook {
    /// Lets the pending commits of a producer count, or forgets them. Call it when the marker that ends the transaction in a
    /// partition of the internal topic is durable. Does nothing before the partition has been read: reading it meets the
    /// marker. O(commits of the transaction).
    func endTransaction(_ kind: ControlRecord.Kind, of producer: ProducerID, in topicPartition: TopicPartition) {
        let shard = (try? existingOffsetShards())?.first { $0.partition.topicPartition == topicPartition }
        let waiting = shard?.state.withLock { state in
            if state.loadedTo != nil { state.end(kind, of: producer) }
            defer { state.awaitingTransactions = [] }
            return state.awaitingTransactions
        }
        for then in waiting ?? [] { then() }
    }
}
