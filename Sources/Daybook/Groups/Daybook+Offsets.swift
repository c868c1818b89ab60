// Committed offsets as users see them: ask, commit, delete. How a group's consumers commit is their coordinator's business,
// which does it through an `OffsetCommitter`; moving a group on purpose is `Daybook+Reset`.

public import DaybookModel
internal import Synchronization

extension Daybook {
    /// What a group has committed: for each partition the next offset to read. Empty for a group that has committed nothing.
    ///
    /// Only what is durable. A directory opened for reading shows what its writer has committed by now. Whether a position
    /// is still in the history of its log is checked by ``validate(_:_:)``: a crash may have taken the records before it.
    public func committedOffsets(group: String) async throws -> [TopicPartition: CommittedOffset] {
        guard let shard = try await existingOffsetShard(of: group) else { return [:] }
        return shard.state.withLock { $0.table.entries(of: group) ?? [:] }.mapValues(\.committed)
    }

    /// The same for a group that must be known; throws `.unknownGroup`.
    func committedOffsets(ofKnown group: String) async throws -> [TopicPartition: CommittedOffset] {
        guard let shard = try await existingOffsetShard(of: group) else { throw Self.unknownGroup(group) }
        return try shard.state.withLock { state throws(DaybookError) in
            guard state.table.contains(group) else { throw Self.unknownGroup(group) }
            return (state.table.entries(of: group) ?? [:]).mapValues(\.committed)
        }
    }

    /// Commits offsets for a group from outside: all of them or, when it throws, none; durable when it returns.
    ///
    /// The commit is the next offset to read. Throws `.groupNotEmpty` while members are at work in the group: they commit
    /// themselves, through their consumer. Throws `.divergedHistory`, which names where the histories part, for an offset
    /// behind the log end and for one whose epoch says that its records were lost; `.unknownTopic`, `.unknownPartition`,
    /// `.metadataTooLarge`, `.invalidGroup`. After `.partitionFailed` nobody knows until the directory is opened again.
    public func commit(group: String, offsets: [TopicPartition: OffsetCommit]) async throws {
        try requireWritable()
        let shard = try await offsetShard(of: group)
        try await shard.run(OffsetRequest.Work.commit(offsets), of: group, needsEmptyGroup: true, self)
    }

    /// Deletes a group: everything that it has committed, together, durably. Throws `.groupNotEmpty` while members are at work
    /// in it, and `.unknownGroup` for a group that has committed nothing.
    public func deleteGroup(_ group: String) async throws {
        try await deleteOffsets(group: group, nil)
    }

    /// Deletes what a group has committed for some partitions; where it has committed nothing, nothing happens. Otherwise as
    /// ``deleteGroup(_:)``.
    public func deleteOffsets(group: String, of partitions: [TopicPartition]) async throws {
        try await deleteOffsets(group: group, partitions)
    }

    /// Checks that a reader can go on from a committed offset; throws `.divergedHistory` with the place where the histories
    /// part when the log has lost records before it, or ends before it.
    public func validate(_ topicPartition: TopicPartition, _ committed: CommittedOffset) throws {
        try validate(
            topicPartition, nextOffset: committed.offset, epoch: committed.leaderEpoch ?? leaderEpoch)
    }

    private func deleteOffsets(group: String, _ partitions: [TopicPartition]?) async throws {
        try requireWritable()
        guard let shard = try await existingOffsetShard(of: group) else { throw Self.unknownGroup(group) }
        try await shard.run(.remove(partitions), of: group, needsEmptyGroup: true, self) { table in
            table.contains(group) ? nil : Self.unknownGroup(group)
        }
    }

    static func unknownGroup(_ group: String) -> DaybookError {
        DaybookError(
            .unknownGroup,
            "There is no group \"\(group)\": nothing has been committed by that name (daybook groups list)")
    }

    /// Forgets what all groups have committed for a topic that is going away. Durable when it returns.
    func forgetCommits(to topic: TopicName) async throws {
        for shard in try await loadedOffsetShards() {
            try await shard.run(.forget(topic), of: "", self)
        }
    }

    /// Returns when everything that has been handed over to be committed is durable or has been refused. For a daybook that
    /// closes: what is handed over afterwards waits for nothing any more.
    func settleCommits() async {
        for shard in committedOffsets.known ?? [] where shard.endLingering() {
            // Nothing can fail that was not answered to whoever asked for it.
            do { try await shard.run(.wait, of: "", self) } catch {}
        }
    }

    // MARK: on behalf of a group

    /// A way to commit for one group, over and over. Makes the internal topic, and reads it if nobody has, on the first use.
    func offsetCommitter(group: String) async throws -> OffsetCommitter {
        try requireWritable()
        return OffsetCommitter(daybook: self, group: group, shard: try await offsetShard(of: group))
    }
}

/// Commits for one group. Does not ask whether members are at work: whoever has one speaks for them.
struct OffsetCommitter: Sendable {
    let daybook: Daybook
    let group: String
    let shard: OffsetShard

    fileprivate init(daybook: Daybook, group: String, shard: OffsetShard) {
        self.daybook = daybook
        self.group = group
        self.shard = shard
    }

    /// What the group has committed. Costs a lock and O(partitions).
    var committed: [TopicPartition: CommittedOffset] {
        shard.state.withLock { $0.table.entries(of: group) ?? [:] }.mapValues(\.committed)
    }

    /// What the group has committed for one partition. Costs a lock and three look-ups.
    func committed(_ topicPartition: TopicPartition) -> CommittedOffset? {
        shard.state.withLock { $0.table.entry(group, topicPartition) }?.committed
    }

    /// Those of some commits that say another place than what the group has committed: another offset, or the same one in
    /// another history, after a crash has taken records and others have come in their place. Costs a lock and three look-ups each.
    func changes(to offsets: [TopicPartition: OffsetCommit]) -> [TopicPartition: OffsetCommit] {
        shard.state.withLock { state in
            offsets.filter { topicPartition, commit in
                let known = state.table.entry(group, topicPartition)?.committed
                return known?.offset != commit.offset
                    || commit.leaderEpoch.map { $0 != known?.leaderEpoch } ?? false
            }
        }
    }

    /// Hands over a commit without waiting; `completion` is called once, when it is durable or has been refused as a whole, on a
    /// thread of the engine, perhaps one that flushes: it must be quick and must not block. Commits take effect in the order of these calls. What is handed over while the disk is at
    /// work shares one batch and one flush, and of several commits for one partition only the last one is written.
    ///
    /// `isAllowed` is asked just before the commit is written down; an error refuses it. For coordinators, which fence
    /// members of an earlier generation there. `positionsOf`: see `OffsetRequest`.
    func submit(
        _ offsets: [TopicPartition: OffsetCommit], positionsOf: ObjectIdentifier? = nil,
        isAllowed: (@Sendable ([TopicPartition: OffsetCommit]) -> DaybookError?)? = nil,
        _ completion: @escaping @Sendable (DaybookError?) -> Void
    ) {
        shard.submit(
            OffsetRequest(
                group: group, work: .commit(offsets), positionsOf: positionsOf, isAllowed: isAllowed,
                completion: completion),
            of: daybook)
    }

    /// Commits and returns when it is durable. Throws as ``Daybook/commit(group:offsets:)``, but for `.groupNotEmpty`, and what
    /// `isAllowed` refuses it with.
    func commit(
        _ offsets: [TopicPartition: OffsetCommit], isAllowed: (@Sendable () -> DaybookError?)? = nil
    ) async throws {
        try await shard.run(.commit(offsets), of: group, isAllowed: isAllowed, daybook)
    }

    /// The same, for what a member must have committed before it gives something up. Costs a lock where nothing waits.
    func settleIfBusy() async {
        if shard.state.withLock({ $0.isSettled }) { return }
        // What failed was answered to whoever asked for it.
        do { try await settle() } catch {}
    }

    /// Returns when everything that was handed over before, for any group of the same partition of the internal topic, is
    /// durable or has been refused.
    func settle() async throws { try await shard.run(.wait, of: group, daybook) }
}

extension OffsetShard {
    /// Hands over a request and waits for its end.
    func run(
        _ work: OffsetRequest.Work, of group: String, needsEmptyGroup: Bool = false,
        isAllowed: (@Sendable () -> DaybookError?)? = nil, _ daybook: Daybook,
        validate: (@Sendable (borrowing OffsetTable) -> DaybookError?)? = nil
    ) async throws(DaybookError) {
        var ask: (@Sendable ([TopicPartition: OffsetCommit]) -> DaybookError?)?
        if let isAllowed { ask = { _ in isAllowed() } }
        let error: DaybookError? = await withCheckedContinuation { [ask] continuation in
            submit(
                OffsetRequest(
                    group: group, work: work, needsEmptyGroup: needsEmptyGroup, isAllowed: ask, validate: validate,
                    completion: { continuation.resume(returning: $0) }), of: daybook)
        }
        if let error { throw error }
    }
}
