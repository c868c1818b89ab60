// What a member reads: the topics that it wants, which come and go, and the places at which it begins with partitions that it
// has been given.

internal import DaybookModel
internal import Synchronization

extension GroupMembership {
    /// Topics have come or gone: what is gone is no longer read, and the group rebalances where that makes a difference to it.
    func topicsHaveChanged() {
        if daybook.state.withLock({ $0.isClosed }) {
            fetcher?.fail(.closed)
            return
        }
        var gone: Set<TopicPartition> = []
        looking.withLock { _ in
            let counts = daybook.partitionCounts
            let wanted = subscription.topics(among: counts.keys)
            note { state in
                state.plan.subscribe(to: wanted)
                gone = state.plan.owned.filter { counts[$0.topic] == nil }
                state.plan.withdraw(gone)
                guard let led = state.led, led.generation == state.plan.generation else { return }
                if led.counts.contains(where: { counts[$0.key] ?? 0 != $0.value }) { state.plan.mustJoinAgain() }
            }
        }
        if !gone.isEmpty { fetcher?.revoke(gone) }
    }

    /// Where to read partitions on: behind what the group has committed, or where the configuration says. Those whose topics
    /// have been deleted meanwhile are left out. Nil when it is not known yet, because a transaction that commits for one of
    /// them has not ended: then this member is to go on when it has.
    func places(of partitions: [TopicPartition]) async throws -> [Fetcher.Assignment]? {
        if partitions.isEmpty { return [] }
        // What was committed before these were given to this member counts, also when it is on its way to the disk.
        try await committer.settle()
        state.withLock { $0.plan.postpone() }
        let isSettled = committer.isSettled(Set(partitions)) { [weak self] in self?.note { $0.plan.goOn() } }
        guard isSettled else { return nil }
        state.withLock { $0.plan.goOn() }
        let start = state.withLock { $0.start }
        let (daybook, committed) = (daybook, committer.committed)
        return try await daybook.services.io.run { () throws(DaybookError) in
            var assignments: [Fetcher.Assignment] = []
            for topicPartition in partitions {
                guard let partition = try daybook.partitionIfAny(topicPartition) else { continue }
                assignments.append(
                    try partition.assignmentBlocking(from: nil, committed: committed[topicPartition], start))
            }
            return assignments
        }
    }
}

extension Daybook {
    /// How many partitions each topic has that can be read, without those of Daybook's own. O(topics).
    var partitionCounts: [TopicName: Int] {
        state.withLock { state in
            var counts: [TopicName: Int] = [:]
            for (name, topic) in state.registry.topics where !topic.isDeleting && !topic.isInternal {
                // Its partitions come last when it is made, all at once.
                guard state.partitions[TopicPartition(topic: name, partition: 0)] != nil else { continue }
                counts[name] = Int(topic.partitionsCount)
            }
            return counts
        }
    }

    /// The open partition; nil where it or its topic has gone.
    fileprivate func partitionIfAny(_ topicPartition: TopicPartition) throws(DaybookError) -> Partition? {
        do throws(DaybookError) {
            return try partition(topicPartition)
        } catch {
            guard error.code == .unknownTopic || error.code == .unknownPartition else { throw error }
            return nil
        }
    }
}

extension Subscription {
    /// The topics of a subscription: all that are named, and of those that there are the ones that match.
    fileprivate func topics(among names: some Sequence<TopicName>) -> Set<TopicName> {
        switch self {
        case .topics(let wanted): Set(wanted.compactMap { try? TopicName($0) })
        case .matching(let pattern): Set(names.filter { pattern.matches($0.description) })
        }
    }
}
