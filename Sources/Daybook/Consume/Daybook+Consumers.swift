// How consumers are made: for partitions, or for topics, whose partitions they then follow. Where each partition is begun is found
// out before anybody gets the consumer.

public import DaybookModel

extension Daybook {
    /// A consumer of the given partitions that begins at `start`; nil: behind what `group` has committed, or where
    /// `offsetReset` says.
    ///
    /// With a group it can commit, as long as the group has no members: who else reads these partitions for it is not looked at.
    /// Consumers that share a group's partitions are made by ``makeConsumer(group:topics:member:configuration:)``.
    ///
    /// The places are found before it returns: what is appended from then on is behind `.end`. Throws `.unknownTopic`,
    /// `.unknownPartition`, `.offsetOutOfRange`, `.noCommittedOffset`, `.invalidConfiguration` or `.closed`. When one of the
    /// topics is deleted, asking for records throws `.unknownTopic`.
    public func makeConsumer(
        assigned partitions: [TopicPartition], group: String? = nil, from start: LogPlace? = nil,
        configuration: ConsumerConfiguration = ConsumerConfiguration()
    ) async throws -> Consumer {
        let configuration = try configuration.validated()
        var commits: GroupCommits?
        if let group { commits = GroupCommits(try await offsetCommitter(group: group)) }
        let consumer = Consumer(self, configuration, commits: commits)
        let partitions = try Set(partitions).sorted().map { try partition($0) }
        try await begin(consumer, from: start) { partitions }
        return consumer
    }

    /// A consumer of all partitions of some topics, which must be there.
    ///
    /// It goes with them: a topic that is deleted is no longer read, and when one is made anew under its name, that is read
    /// from its beginning. Otherwise as for partitions.
    public func makeConsumer(
        topics: [String], from start: LogPlace? = nil, configuration: ConsumerConfiguration = ConsumerConfiguration()
    ) async throws -> Consumer {
        try await makeConsumer(.topics(topics), from: start, configuration)
    }

    /// A consumer of all partitions of the topics whose names match, none of which need be there yet. A topic that is made
    /// later is read from its beginning, whatever `start` says.
    public func makeConsumer(
        matching pattern: TopicPattern, from start: LogPlace? = nil,
        configuration: ConsumerConfiguration = ConsumerConfiguration()
    ) async throws -> Consumer {
        try await makeConsumer(.matching(pattern), from: start, configuration)
    }

    private func makeConsumer(
        _ subscription: Subscription, from start: LogPlace?, _ configuration: ConsumerConfiguration
    ) async throws -> Consumer {
        let consumer = Consumer(self, try configuration.validated(), subscription)
        let daybook = self
        try await begin(consumer, from: start) { () throws(DaybookError) in
            try daybook.requireTopics(of: subscription)
            return daybook.partitions(of: subscription)
        }
        return consumer
    }

    /// Assigns partitions to a consumer, each at its place. Topics do not change meanwhile, so that none is missed.
    private func begin(
        _ consumer: Consumer, from start: LogPlace?,
        _ partitions: @escaping @Sendable () throws(DaybookError) -> [Partition]
    ) async throws {
        let configuration = consumer.configuration
        let committed = consumer.commits?.committer.committed ?? [:]
        try await changingTopics { _ in
            let assignments = try partitions().map { partition in
                try partition.assignmentBlocking(
                    from: start, committed: committed[partition.topicPartition], configuration)
            }
            consumer.watchTopics()
            consumer.fetcher.assign(assignments)
        }
    }
}

extension Partition {
    /// Where a consumer begins: at `start`, or behind what its group has `committed`, or where `offsetReset` says. Blocks.
    func assignmentBlocking(
        from start: LogPlace?, committed: CommittedOffset?, _ configuration: ConsumerConfiguration
    ) throws(DaybookError) -> Fetcher.Assignment {
        if start == nil, let committed {
            // Whether it is a place of this log is found out when it is read: somebody may want to seek first.
            return Fetcher.Assignment(partition: self, offset: committed.offset, epoch: committed.leaderEpoch)
        }
        guard let place = start ?? configuration.offsetReset.place else {
            throw DaybookError(
                .noCommittedOffset,
                "There is no place to begin at: commit or give one, or use an offsetReset other than fail",
                topicPartition: topicPartition)
        }
        let offset = try offsetBlocking(of: place, isolation: configuration.isolation)
        return Fetcher.Assignment(partition: self, offset: offset, epoch: nil)
    }
}
