// Where committed offsets are: the partitions of the internal topic, found or made, and who knows whether a group is at
// work. What is asked of it by users is in `Daybook+Offsets`; the work itself is done by one `OffsetShard` each.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// Whether members are at work in a group.
enum GroupPresence: Hashable, Sendable {
    case live(membersCount: Int)
    /// Nobody is. `since` is when the last member left, if that was in this process.
    case empty(since: Timestamp?)
}

/// The committed offsets of all groups. Owned by a daybook; every call that needs its logs gets it handed in.
///
/// Nothing is read before the first use, so that a process without groups pays nothing for those of others, and the first
/// use reads as much as it needs: one partition of the internal topic for one group, all of them, side by side, for a list.
final class OffsetStore: Sendable {
    /// One shard for each partition of the internal topic; nil before they are needed.
    private let shards = Mutex<[OffsetShard]?>(nil)
    /// Asked before anything is changed from outside of a group. Set by whoever coordinates groups.
    private let asked = Mutex(Asked(presence: { _ in .empty(since: nil) }))

    /// A closure that is a generic value itself comes back in one wrapper more from each access; a field does not.
    private struct Asked: Sendable {
        var presence: @Sendable (String) -> GroupPresence
    }

    /// Has `presence` asked about every group from now on. It is called under no lock, on any thread, and must not block.
    func coordinate(_ presence: @escaping @Sendable (String) -> GroupPresence) {
        asked.withLock { $0.presence = presence }
    }

    func presence(of group: String) -> GroupPresence { asked.withLock { $0.presence }(group) }

    /// Throws `.groupNotEmpty` while members are at work in a group.
    func requireEmpty(_ group: String) throws(DaybookError) {
        guard case .live(let count) = presence(of: group) else { return }
        throw DaybookError(
            .groupNotEmpty,
            "Group \(group) has \(count) \(count == 1 ? "member" : "members") at work, which would go on from where they "
                + "are; stop \(count == 1 ? "it" : "them") first")
    }

    /// Why a commit from outside is refused; nil where it is not.
    func refusal(of group: String) -> DaybookError? {
        do throws(DaybookError) {
            try requireEmpty(group)
            return nil
        } catch {
            return error
        }
    }

    /// The shards that are there already, in order of their partitions; nil before the first use.
    var known: [OffsetShard]? { shards.withLock { $0 } }

    /// Records of the internal topic, of what has been read of it, that this release does not understand. They are left out.
    var unreadableRecordsCount: Int {
        (known ?? []).reduce(0) { sum, shard in sum + shard.state.withLock { $0.unreadableCount } }
    }

    fileprivate func remember(_ found: [OffsetShard]) -> [OffsetShard] {
        shards.withLock { shards in
            // Another task may have been quicker; there is one shard a partition.
            if let shards { return shards }
            shards = found
            return found
        }
    }
}

extension Daybook {
    /// The shards of the internal topic; nil where there is none and nothing was ever committed. In a directory that is only
    /// read it blocks until they are known, because it looks for a topic that has come since.
    func existingOffsetShards() throws(DaybookError) -> [OffsetShard]? {
        if let known = committedOffsets.known { return known }
        if let topic = existingInternalTopic(.consumerOffsets) { return try remember(topic) }
        guard isReadOnly, let topic = try topicThatHasCome(InternalTopic.consumerOffsets.name) else { return nil }
        return try remember(topic)
    }

    /// The shards of the internal topic, which is made where there is none.
    func offsetShards() async throws -> [OffsetShard] {
        if let known = committedOffsets.known { return known }
        return try remember(try await internalTopic(.consumerOffsets))
    }

    private func remember(_ topic: Topic) throws(DaybookError) -> [OffsetShard] {
        var found: [OffsetShard] = []
        for topicPartition in topic.partitions { found.append(OffsetShard(try partition(topicPartition))) }
        return committedOffsets.remember(found)
    }

    /// The shard that a group belongs to, loaded; the internal topic is made where there is none.
    func offsetShard(of group: String) async throws -> OffsetShard {
        try Self.requireGroupName(group)
        let shard = try await offsetShards().shard(of: group)
        try await services.io.run { () throws(DaybookError) in try shard.loadBlocking() }
        return shard
    }

    /// The shard that a group belongs to, loaded; nil where nothing was ever committed.
    func existingOffsetShard(of group: String) async throws -> OffsetShard? {
        try Self.requireGroupName(group)
        let daybook = self
        return try await services.io.run { () throws(DaybookError) in
            guard let shard = try daybook.existingOffsetShards()?.shard(of: group) else { return nil }
            try shard.loadBlocking()
            return shard
        }
    }

    /// All shards, loaded side by side; empty where nothing was ever committed.
    func loadedOffsetShards() async throws -> [OffsetShard] {
        let daybook = self
        let shards = try await services.io.run { () throws(DaybookError) in try daybook.existingOffsetShards() } ?? []
        try await withThrowingTaskGroup(of: Void.self) { group in
            for shard in shards {
                group.addTask { [services] in
                    try await services.io.run { () throws(DaybookError) in try shard.loadBlocking() }
                }
            }
            try await group.waitForAll()
        }
        return shards
    }

    /// Throws `.invalidGroup` for names that Kafka's records cannot hold.
    static func requireGroupName(_ group: String) throws(DaybookError) {
        guard !group.isEmpty, group.utf8.count <= KafkaWriter.longestString else {
            throw DaybookError(
                .invalidGroup,
                group.isEmpty
                    ? "A group needs a name"
                    : "The name of a group has at most \(KafkaWriter.longestString) bytes, not \(group.utf8.count)")
        }
    }
}

extension [OffsetShard] {
    /// By Kafka's rule.
    func shard(of group: String) -> OffsetShard { self[Int(InternalTopic.partition(of: group, count: Int32(count)))] }
}
