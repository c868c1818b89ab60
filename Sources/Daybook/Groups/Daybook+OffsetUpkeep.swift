// What housekeeping has to do with committed offsets: what groups hold back by them, and the end of those that nobody has
// wanted for long, where that is asked for. On the housekeeping thread.

internal import DaybookModel
internal import DaybookStorage
internal import Synchronization

extension Daybook {
    /// The first offset that one of the groups still needs; nil when there are no groups. One that has committed nothing
    /// needs everything; one whose place a crash has cut off needs what lies behind the point where the histories part.
    /// Blocks.
    func held(_ partition: Partition, by groups: [String]) throws(DaybookError) -> Offset? {
        let keepers = journalNames
        if groups.isEmpty, keepers.isEmpty { return nil }
        guard let shards = try existingOffsetShards() else { return groups.isEmpty ? nil : .zero }
        var held: Offset?
        for group in Set(groups + keepers) {
            let shard = shards.shard(of: group)
            try shard.loadBlocking()
            let committed = shard.state.withLock { $0.table.entry(group, partition.topicPartition) }?.committed
            if let offset = committed.flatMap({ RetentionHold.offset(in: $0.metadata) }) {
                held = min(held ?? .max, offset)
            }
            guard groups.contains(group) else { continue }
            guard let committed else { return .zero }
            held = min(held ?? .max, partition.lastCommonOffset(with: committed))
        }
        return held
    }

    /// Forgets the groups that have committed nothing for `offsetsRetention` and have no members; all of a group or nothing.
    /// Blocks until it is known which; they are gone some milliseconds later. A commit that comes meanwhile keeps its group.
    func expireOffsets(_ report: inout HousekeepingReport) throws(DaybookError) {
        guard let retention = configuration.housekeeping.offsetsRetention,
            housekeeping.time.watched >= configuration.housekeeping.settlingTime,
            let shards = try existingOffsetShards()
        else { return }
        let limit = housekeeping.time.now.advanced(byMilliseconds: -retention.milliseconds)
        let store = committedOffsets
        let keepers = Set(journalNames)
        for shard in shards {
            try shard.loadBlocking()
            let old = shard.state.withLock { $0.table.groups(lastCommitBefore: limit) }.sorted()
            // Who keeps a journal still knows what it points to, however long nobody has been at work.
            for group in old where !keepers.contains(group) && store.isUnused(group, since: limit) {
                shard.submit(
                    OffsetRequest(
                        group: group, work: .remove(nil), needsEmptyGroup: true,
                        validate: { $0.isOlder(group, than: limit) ? nil : .groupInUse(group) },
                        // Whatever refuses it, the next pass finds it again.
                        completion: { _ in }), of: self)
                report.note(
                    shard.partition.topicPartition, .offsetsExpired,
                    "group \(group) has committed nothing for longer than offsets are kept, and is forgotten")
            }
        }
    }
}

extension OffsetStore {
    fileprivate func isUnused(_ group: String, since limit: Timestamp) -> Bool {
        switch presence(of: group) {
        case .live: false
        case .empty(let since): (since ?? .none) < limit
        }
    }
}

extension Partition {
    /// How far this log's history and that of a committed position are the same: up to the position, or less.
    fileprivate func lastCommonOffset(with committed: CommittedOffset) -> Offset {
        withLog { log in
            min(committed.offset, log.endOffset(of: committed.leaderEpoch ?? log.leaderEpoch).startOffset)
        }
    }
}

extension DaybookError {
    fileprivate static func groupInUse(_ group: String) -> DaybookError {
        DaybookError(.groupNotEmpty, "Group \(group) has committed something meanwhile")
    }
}

/// What a group that keeps a journal needs of a partition, in the metadata of what it commits: whoever keeps house need not read the
/// journal.
package enum RetentionHold {
    private static let prefix = "holds:"

    /// Records from `offset` on are needed.
    package static func metadata(from offset: Offset) -> String { "\(prefix)\(offset)" }

    /// The first record that is needed; nil where the metadata says nothing of it.
    static func offset(in metadata: String) -> Offset? {
        guard metadata.hasPrefix(prefix), let number = Int64(metadata.dropFirst(prefix.count)), number >= 0 else {
            return nil
        }
        return Offset(number)
    }
}
