// How groups stand: their commits beside the logs that they are for. Works in the process that keeps the log and, beside it,
// in one that has opened the directory for reading.

internal import DaybookModel
internal import DaybookRecords
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

    private func description(of group: String) async throws -> GroupDescription? {
        guard let shard = try await existingOffsetShard(of: group) else { return nil }
        let (entries, stored) = shard.state.withLock {
            ($0.table.entries(of: group) ?? [:], $0.table.metadata(of: group))
        }
        let live = groupCoordinator.group(group)?.standing
        if entries.isEmpty, stored == nil, live?.metadata.members.isEmpty ?? true { return nil }
        let metadata = live?.metadata ?? (isReadOnly ? stored : stored?.withoutThoseOfAnEarlierProcess)
        let (members, owners) = MemberDescription.all(in: metadata)
        let now = services.clock.now()
        let daybook = self
        let positions = try await services.io.run { () throws(DaybookError) in
            var positions: [GroupPosition] = []
            for (topicPartition, entry) in entries.sorted(by: { $0.key < $1.key }) {
                positions.append(
                    try daybook.positionBlocking(topicPartition, entry, member: owners[topicPartition], now: now))
            }
            return positions
        }
        return GroupDescription(
            group: group, state: live?.state ?? (members.isEmpty ? .empty : .stable),
            assignor: members.isEmpty ? nil : metadata?.protocolName, generation: max(0, metadata?.generation ?? 0),
            members: members, positions: positions)
    }

    /// Blocks. What is wrong with the place is part of the answer; only a closed daybook and a disk that fails are errors.
    private func positionBlocking(
        _ topicPartition: TopicPartition, _ entry: OffsetTable.Entry, member: MemberDescription?, now: Timestamp
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
            progress: .evaluate(entry.window, waiting: oldest, now: now), member: member, problem: problem)
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

extension MemberDescription {
    /// The members that a group's metadata tells of, and which partitions each of them was assigned. What cannot be read,
    /// because the group speaks another protocol, has no partitions.
    fileprivate static func all(in metadata: GroupMetadataValue?) -> (
        members: [MemberDescription], owners: [TopicPartition: MemberDescription]
    ) {
        var (members, owners): ([MemberDescription], [TopicPartition: MemberDescription]) = ([], [:])
        for member in metadata?.members ?? [] {
            let assignment = try? ConsumerProtocolAssignment(decoding: KafkaReader(member.assignment))
            let known = MemberDescription(
                memberID: member.memberID, instanceID: member.instanceID, clientID: member.clientID,
                assignment: assignment?.partitions.sorted() ?? [])
            members.append(known)
            for topicPartition in known.assignment { owners[topicPartition] = known }
        }
        return (members, owners)
    }
}

extension GroupMetadataValue {
    /// The group before anybody of this process has joined it: of the members of an earlier one only static ones may come back.
    fileprivate var withoutThoseOfAnEarlierProcess: GroupMetadataValue {
        var value = self
        value.members.removeAll { $0.sessionTimeout < 0 && $0.instanceID == nil }
        return value
    }
}
