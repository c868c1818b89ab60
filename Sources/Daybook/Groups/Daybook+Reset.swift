// Carrying out what `OffsetReset` decides: the logs are asked for their bounds and for moments, the plan is written down as
// one commit.

public import DaybookModel
internal import Synchronization

extension Daybook {
    /// Puts a group to another place in some partitions: all of them or, when it throws, none; durable when it returns.
    ///
    /// `partitions`: nil for all that the group has committed something for. A group that has committed nothing can be given a
    /// place as well, where partitions are named. With `dryRun` nothing is changed and a directory opened for reading will do.
    ///
    /// Throws `.groupNotEmpty` while members are at work in the group, which would go on from where they are; `.unknownGroup`
    /// where nothing is committed and no partition named; `.planOutdated` when somebody else has committed meanwhile.
    @discardableResult
    public func resetOffsets(
        group: String, to target: OffsetResetTarget, of partitions: [TopicPartition]? = nil, dryRun: Bool = false
    ) async throws -> OffsetResetPlan {
        if !dryRun { try requireWritable() }
        try committedOffsets.requireEmpty(group)
        let before = try await committedOffsets(group: group)
        if partitions == nil, before.isEmpty { throw Self.unknownGroup(group) }
        let chosen = Set(partitions ?? Array(before.keys)).sorted()
        var found: [OffsetResetPlan.Move] = []
        for topicPartition in chosen {
            found.append(try await move(topicPartition, before[topicPartition], to: target))
        }
        let moves = found
        var plan = OffsetResetPlan(group: group, moves: moves)
        if dryRun || moves.isEmpty { return plan }
        let commits = Dictionary(uniqueKeysWithValues: moves.map { ($0.topicPartition, OffsetCommit($0.new)) })
        let shard = try await offsetShard(of: group)
        try await shard.run(OffsetRequest.Work.commit(commits), of: group, needsEmptyGroup: true, self) { table in
            let isUnchanged = moves.allSatisfy { table.entry(group, $0.topicPartition)?.committed == $0.old }
            if isUnchanged { return nil }
            return DaybookError(
                .planOutdated,
                "Group \(group) has committed something while its reset was planned; nothing was changed, "
                    + "plan again")
        }
        plan.isApplied = true
        return plan
    }

    private func move(
        _ topicPartition: TopicPartition, _ old: CommittedOffset?, to target: OffsetResetTarget
    ) async throws -> OffsetResetPlan.Move {
        let offsets = try await offsets(topicPartition)
        let found: Offset?
        switch target {
        case .timestamp(let time): found = try await offset(topicPartition, forTimestamp: time)
        case .appendTime(let time): found = try await offset(topicPartition, appendedAtOrAfter: time)
        default: found = nil
        }
        return target.move(
            of: topicPartition, from: old,
            in: ResetRange(
                start: offsets.logStartOffset, stable: offsets.lastStableOffset, end: offsets.highWatermark),
            found: found)
    }
}
