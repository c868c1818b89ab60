// Topics: create, list, describe, alter, delete. The registry on disk changes first where something appears and last
// where something goes away, so that a crash in between leaves nothing half visible.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage
internal import Synchronization

extension Daybook {
    /// The topics, by name, without those in which Daybook keeps its own records.
    public var topics: [Topic] { topics(includingInternal: false) }

    /// The topics, by name; with those in which Daybook keeps its own records, if they are asked for.
    public func topics(includingInternal: Bool) -> [Topic] {
        state.withLock { $0.registry.sorted.filter { !$0.isDeleting && (includingInternal || !$0.isInternal) } }
    }

    /// The topic of that name; throws `.unknownTopic`.
    public func topic(_ name: String) throws(DaybookError) -> Topic {
        let topic = (try? TopicName(name)).flatMap { name in state.withLock { $0.registry.topics[name] } }
        guard let topic, !topic.isDeleting else { throw Self.unknownTopic(name) }
        return topic
    }

    /// Creates a topic; durable when it returns.
    ///
    /// Throws `.invalidTopic`, `.invalidConfiguration`, `.internalTopic` for the names of Daybook's own topics, or
    /// `.topicExists`, also when the name equals another one after `.` has become `_`, because Kafka's metrics would mix
    /// them up.
    @discardableResult
    public func createTopic(
        _ name: String, partitions: Int = 1, configuration: TopicConfiguration = TopicConfiguration()
    ) async throws -> Topic {
        try requireWritable()
        let topicName: TopicName
        do { topicName = try TopicName(name) } catch {
            throw DaybookError(.invalidTopic, error.description, cause: error)
        }
        try Self.refuseNameOfInternal(topicName)
        guard Topic.partitionsCounts.contains(partitions) else {
            throw DaybookError(.invalidTopic, "\(partitions) is no partition count; use a number from 1 to 100000")
        }
        let configuration = try configuration.validated()
        return try await changingTopics { daybook throws in
            try daybook.create(topicName, partitions: Int32(partitions), configuration)
        }
    }

    /// Sets settings of a topic by Kafka's names, for the appends to come; durable when it returns.
    @discardableResult
    public func alterTopic(_ name: String, settings: [(name: String, value: String)]) async throws -> Topic {
        try requireWritable()
        return try await changingTopics { daybook throws in
            var topic = try daybook.topic(name)
            for (name, value) in settings { try topic.configuration.set(name, to: value) }
            if topic.configuration.retention.policy.deletes {
                try Self.refuseInternal(topic.name, "stays compacted, and nothing in it is deleted for its age or size")
            }
            try daybook.save { $0.put(topic) }
            for partition in topic.partitions.compactMap({ daybook.openPartition($0) }) {
                partition.apply(topic.configuration)
            }
            return topic
        }
    }

    /// Deletes a topic, all its records, and what groups have committed for it. After a crash in between, the next open
    /// finishes it.
    public func deleteTopic(_ name: String) async throws {
        try requireWritable()
        let (topic, partitions) = try await changingTopics { daybook throws in
            var topic = try daybook.topic(name)
            try Self.refuseInternal(topic.name, "cannot be deleted")
            topic.isDeleting = true
            try daybook.save { $0.put(topic) }
            let partitions = daybook.state.withLock { state in
                topic.partitions.compactMap { state.partitions.removeValue(forKey: $0) }
            }
            return (topic, partitions)
        }
        // Nobody may be at work on the files when they go; whether they became durable does not matter any more.
        for partition in partitions {
            _ = await partition.close(
                DaybookError(
                    .unknownTopic, "Topic \(topic.name) has been deleted", topicPartition: partition.topicPartition))
        }
        try await finishDeletion(of: topic)
    }

    /// Goes on with deletions that a crash interrupted.
    func finishDeletions() async throws {
        let deleting = state.withLock { $0.registry.sorted.filter(\.isDeleting) }
        for topic in deleting { try await finishDeletion(of: topic) }
    }

    /// Until all of this is done the name is taken: a new topic must inherit neither records nor commits. The records go
    /// first, because on a full disk there may be no room for anything else before that.
    private func finishDeletion(of topic: Topic) async throws {
        try await changingTopics { daybook throws in try daybook.removeFolders(of: topic) }
        try await forgetCommits(to: topic.name)
        try await changingTopics { daybook throws in try daybook.save { $0.remove(topic.name) } }
    }

    // MARK: steps, on an I/O thread

    /// Topics change one at a time.
    func changingTopics<R: Sendable>(_ change: @escaping @Sendable (Daybook) throws -> R) async throws -> R {
        let daybook = self
        do {
            return try await services.io.run { () throws in
                try daybook.topicChanges.withLock { _ in
                    // Once closed, the directory may be somebody else's: the next open finishes what was begun.
                    if daybook.state.withLock({ $0.isClosed }) { throw DaybookError.closed }
                    return try change(daybook)
                }
            }
        } catch let error as FileError {
            throw DaybookError(error)
        }
    }

    func create(
        _ name: TopicName, partitions: Int32, _ configuration: TopicConfiguration
    ) throws -> Topic {
        let registry = state.withLock { $0.registry }
        if let existing = registry.topics.values.first(where: { $0.name.collisionKey == name.collisionKey }) {
            throw DaybookError(
                .topicExists,
                existing.name == name
                    ? "Topic \(name) exists already; alter it, or choose another name"
                    : "Topic \(existing.name) exists already and its name equals \(name) when . and _ are the same")
        }
        let topic = Topic(
            name: name, partitionsCount: partitions, id: self.configuration.makeTopicID(),
            created: services.clock.now(),
            configuration: configuration, firstSlot: registry.nextSlot)
        for topicPartition in topic.partitions { try makeEmptyFolder(layout.partition(topicPartition)) }
        try fileSystem.flushDirectory(layout.root)
        try save { $0.put(topic) }
        let partitions = try topic.partitions.map { topicPartition in
            let (log, _) = try LogRecovery(
                identity: LogIdentity(topicPartition: topicPartition, topicID: topic.id),
                directory: layout.partition(topicPartition), configuration: configuration.log, pool: pool,
                quarantine: Quarantine(dataDirectory: layout.root, fileSystem: fileSystem), leaderEpoch: leaderEpoch,
                wasClosedCleanly: true, now: services.clock.now()
            ).run()
            return Partition(log, topic: topic, services: services)
        }
        state.withLock { state in for partition in partitions { state.partitions[partition.topicPartition] = partition }
        }
        topicsHaveChanged()
        return topic
    }

    /// A folder of that name may be left from a creation that a crash interrupted; one with records in it is not ours to
    /// take.
    private func makeEmptyFolder(_ path: FilePath) throws {
        guard try fileSystem.exists(path) else { return try fileSystem.createDirectory(path) }
        guard try fileSystem.entries(of: path).isEmpty else {
            throw DaybookError(
                .topicExists, "The folder \(path) holds files that belong to no topic; move it away first")
        }
    }

    private func removeFolders(of topic: Topic) throws(FileError) {
        for topicPartition in topic.partitions {
            let folder = layout.partition(topicPartition)
            guard try fileSystem.exists(folder) else { continue }
            for name in try fileSystem.entries(of: folder) { try fileSystem.removeFile(folder.appending(name)) }
            try fileSystem.removeDirectory(folder)
        }
        try fileSystem.flushDirectory(layout.root)
    }

    /// Changes the registry on disk, then in memory.
    private func save(_ change: (inout TopicRegistry) -> Void) throws(FileError) {
        var registry = state.withLock { $0.registry }
        change(&registry)
        try registry.save(layout, in: fileSystem)
        state.withLock { $0.registry = registry }
        topicsHaveChanged()
    }

    private func topicsHaveChanged() {
        topicsGeneration.wrappingAdd(1, ordering: .releasing)
        topicWatchers.notify()
    }

    private func openPartition(_ topicPartition: TopicPartition) -> Partition? {
        state.withLock { $0.partitions[topicPartition] }
    }

    func requireWritable() throws(DaybookError) {
        if isReadOnly {
            throw DaybookError(
                .readOnly, "The directory was opened for reading; open it for writing to change anything")
        }
        if state.withLock({ $0.isClosed }) { throw .closed }
    }
}
