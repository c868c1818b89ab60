// What groups have committed, in memory: the newest commit of each group and partition, those of transactions that are
// still open, enough of the commits before to tell whether a group gets on, and what the groups have said of themselves. Fed
// by `OffsetShard`, in the order of the internal topic; a pure value.

internal import DaybookModel
internal import DaybookRecords

/// The committed offsets of the groups of one partition of the internal topic.
///
/// A partition that was committed once takes about 150 bytes, one that is committed all the time about 350, the names of
/// topics and metadata not counted.
struct OffsetTable: Sendable {
    /// The newest commit of a group for a partition.
    struct Entry: Sendable {
        var committed: CommittedOffset
        /// Where its record stands in the internal topic.
        var place: Offset
        /// Commits before it. Empty as long as there was only one.
        var earlier = CommitWindow()

        /// With the newest commit.
        var window: CommitWindow {
            var window = earlier
            window.add(CommitSample(time: committed.commitTime, offset: committed.offset))
            return window
        }
    }

    private typealias Partitions = [Int32: Entry]

    private struct Group: Sendable {
        var topics: [TopicName: Partitions] = [:]
        /// Its generation and members, where it has had any.
        var metadata: GroupMetadataValue?

        var isEmpty: Bool { topics.isEmpty && metadata == nil }

        func isOlder(than limit: Timestamp) -> Bool {
            // What a group without commits has said of itself last is all there is of it.
            if topics.isEmpty { return metadata?.stateTime.map { $0 < limit } ?? false }
            return topics.values.allSatisfy { $0.values.allSatisfy { $0.committed.commitTime < limit } }
        }
    }

    private var groups: [String: Group] = [:]
    /// By producer, the changes of its open transaction.
    private var pending: [ProducerID: [Change]] = [:]

    /// One commit of the internal topic, or with nil its deletion.
    struct Change: Sendable {
        var group: String
        var topicPartition: TopicPartition
        var committed: CommittedOffset?
        /// Where the record stands.
        var place: Offset = .zero
    }

    // MARK: changes

    /// Takes in a record. O(1).
    mutating func apply(_ change: Change) {
        let (topic, partition) = (change.topicPartition.topic, change.topicPartition.partition)
        guard let committed = change.committed else { return remove(change) }
        groups[change.group, default: Group()].topics[topic, default: [:]].upsert(partition, committed, change.place)
    }

    private mutating func remove(_ change: Change) {
        // What an open transaction has committed before is deleted as well, whatever becomes of the transaction.
        for producer in pending.keys {
            pending[producer]?.removeAll {
                $0.group == change.group && $0.topicPartition == change.topicPartition && $0.place < change.place
            }
        }
        let topic = change.topicPartition.topic
        guard var group = groups.removeValue(forKey: change.group) else { return }
        if var partitions = group.topics.removeValue(forKey: topic) {
            if let entry = partitions[change.topicPartition.partition], entry.place <= change.place {
                partitions[change.topicPartition.partition] = nil
            }
            if !partitions.isEmpty { group.topics[topic] = partitions }
        }
        if !group.isEmpty { groups[change.group] = group }
    }

    /// Takes in what a group says of itself; with nil it has gone.
    mutating func describe(_ group: String, _ metadata: GroupMetadataValue?) {
        groups[group, default: Group()].metadata = metadata
        if groups[group]?.isEmpty == true { groups[group] = nil }
    }

    /// Takes in a record of a transaction: it counts when the transaction commits.
    mutating func hold(_ change: Change, for producer: ProducerID) { pending[producer, default: []].append(change) }

    /// The end of a producer's transaction. A record takes effect as of its own place: what was committed behind it stays, as
    /// in Kafka. O(records of the transaction).
    mutating func end(_ kind: ControlRecord.Kind, of producer: ProducerID) {
        guard let changes = pending.removeValue(forKey: producer), kind == .commit else { return }
        for change in changes where (entry(change.group, change.topicPartition)?.place ?? .zero) <= change.place {
            apply(change)
        }
    }

    // MARK: questions

    func entry(_ group: String, _ topicPartition: TopicPartition) -> Entry? {
        groups[group]?.topics[topicPartition.topic]?[topicPartition.partition]
    }

    /// Everything a group has committed; nil where it has committed nothing. O(partitions).
    func entries(of group: String) -> [TopicPartition: Entry]? {
        guard let group = groups[group], !group.topics.isEmpty else { return nil }
        var entries: [TopicPartition: Entry] = [:]
        entries.reserveCapacity(group.topics.values.reduce(0) { $0 + $1.count })
        for (topic, partitions) in group.topics {
            for (partition, entry) in partitions { entries[TopicPartition(topic: topic, partition: partition)] = entry }
        }
        return entries
    }

    /// Whether an open transaction has committed something for one of these partitions. O(commits of open transactions).
    func hasPending(_ group: String, _ partitions: Set<TopicPartition>) -> Bool {
        pending.values.joined().contains { $0.group == group && partitions.contains($0.topicPartition) }
    }

    /// What a group has said of itself last.
    func metadata(of group: String) -> GroupMetadataValue? { groups[group]?.metadata }

    /// The groups that have committed anything or said anything of themselves, in no order.
    var groupNames: [String] { Array(groups.keys) }

    func contains(_ group: String) -> Bool { groups[group] != nil }

    /// The groups that have committed something for a topic, also in open transactions; in no order. O(groups).
    func groups(with topic: TopicName) -> [String] {
        groups.filter { $0.value.topics[topic] != nil }.map(\.key)
            + pending.values.joined().filter { $0.topicPartition.topic == topic }.map(\.group)
    }

    /// The groups that have committed nothing at or after `limit`, and those that have never committed anything and have said
    /// nothing of themselves since; in no order. O(commits).
    func groups(lastCommitBefore limit: Timestamp) -> [String] {
        groups.filter { $0.value.isOlder(than: limit) }.map(\.key)
    }

    /// Whether a group is one of those. O(partitions).
    func isOlder(_ group: String, than limit: Timestamp) -> Bool { groups[group]?.isOlder(than: limit) ?? false }

    /// The partitions that a group has committed something for, also in open transactions; in no order.
    func partitions(of group: String) -> Set<TopicPartition> {
        Set((entries(of: group) ?? [:]).keys)
            .union(pending.values.joined().filter { $0.group == group }.map(\.topicPartition))
    }
}

extension [Int32: OffsetTable.Entry] {
    /// The newest commit; the one before goes into the window.
    fileprivate mutating func upsert(_ partition: Int32, _ committed: CommittedOffset, _ place: Offset) {
        guard let index = index(forKey: partition) else {
            self[partition] = OffsetTable.Entry(committed: committed, place: place)
            return
        }
        let last = values[index].committed
        values[index].earlier.add(CommitSample(time: last.commitTime, offset: last.offset))
        values[index].committed = committed
        values[index].place = place
    }
}
