// Committing: how far the group has come, said by whoever deals with the records. Whether the consumer may say so, and how it is
// written down, is the business of `GroupCommits`.

public import DaybookModel

extension Consumer {
    /// The group for which it commits; nil for none.
    public var group: String? { commits?.committer.group }

    /// Who this consumer is in its group at the moment; nil where it is a member of none. For commits that go another way.
    public var groupMember: GroupMemberIdentity? { commits?.membership?.identity }

    /// Commits for the group where the consumer is in each of its partitions: behind the last record that it has handed out.
    /// All of it or, when it throws, nothing; durable when it returns. What is committed already is not written again.
    ///
    /// Call it when everything that was handed out has been dealt with. While the group assigns its partitions it waits, which
    /// takes no longer than a rebalance may; otherwise a cancelled task waits for its end.
    ///
    /// Throws `.invalidGroup` without a group, `.closed`, and `.divergedHistory` where the log has lost records that the consumer
    /// has seen. For a member: `.unknownMember` when it has been put out of its group, whose other members go on from where it
    /// had committed last (asking for records makes it a member again), `.fencedInstance` when another one has taken its place,
    /// `.notAssigned` for a partition that has gone to another one. For a consumer that was assigned its partitions by hand:
    /// `.groupNotEmpty` while the group has members. What appending throws; after `.partitionFailed` nobody knows until the
    /// directory is opened again.
    public func commit() async throws { try await requireCommits().commitChanges(to: currentPositions) }

    /// Commits for the group that a batch has been dealt with, and everything before it in its partition; otherwise as
    /// ``commit()``.
    public func commit(through batch: ConsumedBatch) async throws {
        try await commit([batch.topicPartition: OffsetCommit(batch.nextOffset, leaderEpoch: batch.lastEpoch)])
    }

    /// Commits for the group that a record has been dealt with, and everything before it in its partition; otherwise as
    /// ``commit()``.
    public func commit(through record: ConsumedRecord) async throws {
        try await commit([record.topicPartition: OffsetCommit(record.nextOffset, leaderEpoch: record.leaderEpoch)])
    }

    /// Commits these offsets for the group, also back: for each partition the next offset to read. Otherwise as ``commit()``.
    public func commit(_ offsets: [TopicPartition: OffsetCommit]) async throws {
        try await requireCommits().commit(offsets)
    }

    /// Hands over what ``commit()`` would commit, and does not wait. `completion` is called once, on a thread of the engine that
    /// others wait for, so that it must be quick and must not block, when it is durable or has been refused; also with
    /// `.rebalanceInProgress` while the group assigns its partitions: a later commit says all that this one would have said.
    /// Commits take effect in the order in which they were handed over. They linger for 20 ms, so that those of a consumer
    /// become one: the last place of each partition is written, once. The way to commit often; `commit` waits for nothing but
    /// the disk, and takes with it what lingers.
    public func enqueueCommit(_ completion: @escaping @Sendable (DaybookError?) -> Void = { _ in }) throws {
        try requireCommits().submit(currentPositions, arePositions: true, completion)
    }

    /// The same for these offsets.
    public func enqueueCommit(
        _ offsets: [TopicPartition: OffsetCommit],
        _ completion: @escaping @Sendable (DaybookError?) -> Void = { _ in }
    ) throws {
        try requireCommits().submit(offsets, completion)
    }

    /// What the group has committed for the partitions that are read, whoever did it; only what is durable.
    public var committed: [TopicPartition: CommittedOffset] {
        guard let committer = commits?.committer else { return [:] }
        let wanted = Set(assignment)
        return committer.committed.filter { wanted.contains($0.key) }
    }

    private var currentPositions: [TopicPartition: OffsetCommit] {
        fetcher.commits
    }

    private func requireCommits() throws(DaybookError) -> GroupCommits {
        if fetcher.isClosed { throw Self.closed }
        guard let commits else {
            throw DaybookError(
                .invalidGroup,
                "This consumer has no group to commit for; name one when it is made, as in makeConsumer(group:topics:)")
        }
        return commits
    }
}
