// How groups stand: their commits beside the logs that they are for. Works in the process that keeps the log and, beside it,
// in one that has opened the directory for reading.

internal import DaybookModel
internal import DaybookStorage
internal import Synchronization

extension Daybook {
    /// All groups that have committed anything or have had members, by name. Reads all of the internal topic on the first
    /// use, and then costs as much as ``describeGroup(_:)`` for each.
    public func groups() async throws -> [GroupSummary] { try await mapGroups(\.summary) }

    /// The same with all their partitions.
    public func describeGroups() async throws -> [GroupDescription] { try await mapGroups { $0 } }

    private func mapGroups<Value>(_ transform: (GroupDescription) -> Value) async throws -> [Value] {
        // Some may have members and nothing written down yet.
        var names = Set(groupCoordinator.names)
        for shard in try await loadedOffsetShards() { names.formUnion(shard.state.withLock { $0.table.groupNames }) }
        var values: [Value] = []
        for name in names.sorted() {
            // It may have gone meanwhile.
            if let description = try await description(of: name) { values.append(transform(description)) }
        }
        return values
    }

    /// A group's place in each partition for which it has committed something, with lag and progress. Throws `.unknownGroup`.
    ///
    /// Costs a look into the log for each partition that has something unprocessed.
    public func describeGroup(_ group: String) async throws -> GroupDescription {
        guard let description = try await description(of: group) else { throw Self.unknownGroup(group) }
        return description
    }

    /// The same; nil for a group that is not there.
    func description(of group: String) async throws -> GroupDescription? {
        guard let shard = try await existingOffsetShard(of: group) else { return nil }
        let (entries, stored) = shard.state.withLock {
            ($0.table.entries(of: group) ?? [:], $0.table.metadata(of: group))
        }
        let standing = standing(of: group, stored: stored)
        if entries.isEmpty, stored == nil, standing.members.isEmpty { return nil }
        let now = services.clock.now()
        let daybook = self
        let positions = try await services.io.run { () throws(DaybookError) in
            var positions: [GroupPosition] = []
            for (topicPartition, entry) in entries.sorted(by: { $0.key < $1.key }) {
                positions.append(try daybook.positionBlocking(topicPartition, entry, now: now))
            }
            return positions
        }
        return GroupDescription(standing: standing, positions: positions)
    }

    /// Blocks. What is wrong with the place is part of the answer; only a closed daybook and a disk that fails are errors.
    private func positionBlocking(
        _ topicPartition: TopicPartition, _ entry: OffsetTable.Entry, now: Timestamp
    ) throws(DaybookError) -> GroupPosition {
        let committed = entry.committed
        var (offsets, backlog, problem): (PartitionOffsets?, Backlog?, DaybookError?)
        do throws(DaybookError) {
            let partition = try partition(topicPartition)
            try partition.refreshIfReadOnly(upTo: .max)
            offsets = partition.offsets
            try partition.validate(committed)
            backlog = try partition.backlogBlocking(from: committed.offset)
        } catch {
            guard [.divergedHistory, .unknownTopic, .unknownPartition].contains(error.code) else { throw error }
            problem = error
        }
        let oldest = backlog?.oldest
        return GroupPosition(
            topicPartition: topicPartition, committed: committed, logStartOffset: offsets?.logStartOffset ?? .zero,
            endOffset: backlog?.limit ?? offsets?.lastStableOffset ?? .zero, lag: backlog?.recordsCount,
            oldestUnprocessed: oldest,
            oldestAge: oldest.map { .milliseconds(max(0, $0.milliseconds(until: now))) },
            progress: .evaluate(entry.window, waiting: oldest, now: now), problem: problem)
    }
}

extension Partition {
    /// Throws `.divergedHistory` where a committed position is not in this log's history.
    fileprivate func validate(_ committed: CommittedOffset) throws(DaybookError) {
        do throws(StorageError) {
            try withLog { log throws(StorageError) in
                try log.validate(nextOffset: committed.offset, epoch: committed.leaderEpoch ?? log.leaderEpoch)
            }
        } catch {
            throw DaybookError(error, topicPartition)
        }
    }
}
