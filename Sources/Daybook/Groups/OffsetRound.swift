// From requests to one batch: each request is checked against the logs that its commits are for, and either all of it goes
// into the batch or nothing. Who sends the batch, and when, is `OffsetShard`.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

/// The requests that go into one batch of the internal topic.
struct OffsetRound: Sendable {
    private let daybook: Daybook
    private let shard: OffsetShard
    private let now: Timestamp
    private var accepted: [@Sendable (DaybookError?) -> Void] = []
    /// What the batch will say of commits, without what a later request of the round replaces.
    private var changes: [OffsetTable.Change] = []
    private var places: [CommitKey: Int] = [:]
    /// What it will say of groups, behind the commits.
    private var groups: [(name: String, metadata: GroupMetadataValue?)] = []
    private var size = 0
    /// A batch of a transaction goes as it is.
    private var transactional: TransactionalCommit?

    private struct CommitKey: Hashable {
        var group: String
        var topicPartition: TopicPartition
    }

    /// With more bytes than this a batch takes no further request.
    private static let enough = 256 << 10

    init(_ daybook: Daybook, _ shard: OffsetShard) {
        self.daybook = daybook
        self.shard = shard
        now = shard.partition.services.clock.now()
    }

    /// Takes requests in, in order, until there is enough for a batch; answers those that are refused. Returns how many have
    /// been dealt with, at least one.
    mutating func take(_ requests: [OffsetRequest]) -> Int {
        for (index, request) in requests.enumerated() {
            if case .append(let commit) = request.work {
                guard accepted.isEmpty else { return index }
                if let refusal = request.isAllowed?([:]) {
                    request.completion(refusal)
                    continue
                }
                transactional = commit
                accepted.append(request.completion)
                return index + 1
            }
            // It asks for the table, which does not know yet what this round says of the group.
            if request.validate != nil, speaks(of: request.group) { return index }
            let isAlone = requests.count == 1
            if request.absorbed.isEmpty {
                take(request, mayRepeat: !isAlone)
            } else if !takeAtOnce(request, mayRepeat: !isAlone) {
                // Where all of them together are refused, each is judged by itself.
                for part in request.parts { take(part, mayRepeat: true) }
            }
            if size >= Self.enough { return index + 1 }
        }
        return requests.count
    }

    private mutating func take(_ request: OffsetRequest, mayRepeat: Bool) {
        do throws(DaybookError) {
            for change in try changes(of: request) { put(change, mayRepeat: mayRepeat) }
            put(request)
            accepted.append(request.completion)
        } catch {
            request.completion(error)
        }
    }

    /// Takes the last places of a consumer that has said several times where it is; false, and nothing has happened, when they
    /// are refused.
    private mutating func takeAtOnce(_ request: OffsetRequest, mayRepeat: Bool) -> Bool {
        guard let positions = request.lastPositions, request.isAllowed?(positions) == nil else { return false }
        do throws(DaybookError) {
            for change in try daybook.changes(of: positions, by: request.group, at: now) {
                put(change, mayRepeat: mayRepeat)
            }
        } catch {
            return false
        }
        accepted.append(request.completion)
        for other in request.absorbed { accepted.append(other.completion) }
        return true
    }

    private func speaks(of group: String) -> Bool {
        changes.contains { $0.group == group } || groups.contains { $0.name == group }
    }

    private mutating func put(_ change: OffsetTable.Change, mayRepeat: Bool) {
        size += 100 + change.group.utf8.count + (change.committed?.metadata.utf8.count ?? 0)
        guard mayRepeat else { return changes.append(change) }
        let key = CommitKey(group: change.group, topicPartition: change.topicPartition)
        if let place = places[key] {
            changes[place] = change
        } else {
            places[key] = changes.count
            changes.append(change)
        }
    }

    /// What a request says of its group.
    private mutating func put(_ request: OffsetRequest) {
        switch request.work {
        case .describe(let metadata):
            groups.append((request.group, metadata))
            size += 100 + (metadata?.members.reduce(0) { $0 + $1.subscription.count + $1.assignment.count + 200 } ?? 0)
        case .remove(nil):
            let isKnown = shard.state.withLock { $0.table.metadata(of: request.group) != nil }
            if isKnown || groups.contains(where: { $0.name == request.group }) { groups.append((request.group, nil)) }
        default: break
        }
    }

    /// What a request comes to for its commits; throws what it is refused for.
    private func changes(of request: OffsetRequest) throws(DaybookError) -> [OffsetTable.Change] {
        if request.needsEmptyGroup { try daybook.committedOffsets.requireEmpty(request.group) }
        if case .commit(let commits) = request.work, let refusal = request.isAllowed?(commits) { throw refusal }
        let refusal = shard.state.withLock { state in request.validate?(state.table) }
        if let refusal { throw refusal }
        switch request.work {
        case .commit(let commits):
            return try daybook.changes(of: commits, by: request.group, at: now)
        case .remove(let partitions):
            let wanted = partitions.map { Set($0) }
            return removals(of: request.group) { wanted?.contains($0) ?? true }
        case .forget(let topic):
            // Commits of this round are not in the table yet.
            let waiting = changes.filter { $0.committed != nil }.map(\.group)
            let groups = Set(shard.state.withLock { $0.table.groups(with: topic) }).union(waiting)
            return groups.sorted().flatMap { removals(of: $0) { $0.topic == topic } }
        case .describe, .wait, .append:
            return []
        }
    }

    private func removals(
        of group: String, where isWanted: (TopicPartition) -> Bool
    ) -> [OffsetTable.Change] {
        let known = shard.state.withLock { $0.table.partitions(of: group).filter(isWanted) }
        let waiting = changes.filter { $0.group == group && $0.committed != nil && isWanted($0.topicPartition) }
        return known.union(waiting.map(\.topicPartition)).sorted().map {
            OffsetTable.Change(group: group, topicPartition: $0, committed: nil)
        }
    }

    /// Whose transaction the batch belongs to; nil where it belongs to none.
    var producer: ProducerID? { transactional?.producer }

    /// The batch to send; nil when there is nothing to write down.
    func batch() -> EncodedBatch? {
        if let transactional { return transactional.batch }
        if changes.isEmpty, groups.isEmpty { return nil }
        var records = OffsetRecords(timestamp: now)
        for change in changes { records.add(change) }
        for group in groups { records.add(group.name, group.metadata) }
        return records.batch()
    }

    /// Takes the batch's records, which begin at `offset` of the internal topic, into the table.
    func apply(to table: inout OffsetTable, from offset: Offset) {
        for (index, change) in (transactional?.changes ?? changes).enumerated() {
            var change = change
            change.place = offset.advanced(by: Int64(index))
            if let transactional { table.hold(change, for: transactional.producer) } else { table.apply(change) }
        }
        for group in groups { table.describe(group.name, group.metadata) }
    }

    /// Tells those whose requests the batch was for.
    func answer(_ error: DaybookError?) { for completion in accepted { completion(error) } }
}

extension Daybook {
    /// Checks commits against the logs they are for: each is in the history of its log, at its end at most.
    ///
    /// Throws `.divergedHistory`, which names where the histories part, `.unknownTopic`, `.unknownPartition`,
    /// `.metadataTooLarge`.
    func changes(
        of commits: [TopicPartition: OffsetCommit], by group: String, at now: Timestamp
    ) throws(DaybookError) -> [OffsetTable.Change] {
        var changes: [OffsetTable.Change] = []
        changes.reserveCapacity(commits.count)
        for (topicPartition, commit) in commits {
            let metadata = commit.metadata.utf8.count
            guard metadata <= OffsetCommit.largestMetadata else {
                throw DaybookError(
                    .metadataTooLarge,
                    "The metadata of the commit has \(metadata) bytes; no more than \(OffsetCommit.largestMetadata) are kept",
                    topicPartition: topicPartition, offset: commit.offset)
            }
            let epoch = try partition(topicPartition).epoch(of: commit)
            changes.append(
                OffsetTable.Change(
                    group: group, topicPartition: topicPartition,
                    committed: CommittedOffset(
                        offset: commit.offset, leaderEpoch: epoch, metadata: commit.metadata, commitTime: now)))
        }
        // One order, so that the same commits make the same bytes.
        return changes.sorted { $0.topicPartition < $1.topicPartition }
    }
}

extension Partition {
    /// Checks that a commit is in this log's history and returns the epoch to write down with it.
    fileprivate func epoch(of commit: OffsetCommit) throws(DaybookError) -> LeaderEpoch? {
        guard commit.offset >= .zero else {
            throw DaybookError(
                .offsetOutOfRange, "Offset \(commit.offset) cannot be committed; the first offset of a partition is 0",
                topicPartition: topicPartition, offset: commit.offset)
        }
        do throws(StorageError) {
            return try withLog { log throws(StorageError) in
                try log.validate(nextOffset: commit.offset, epoch: commit.leaderEpoch ?? log.leaderEpoch)
                return commit.leaderEpoch ?? log.epoch(before: commit.offset)
            }
        } catch {
            throw DaybookError(error, topicPartition)
        }
    }
}
