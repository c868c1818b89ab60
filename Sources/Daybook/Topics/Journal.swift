// A journal: an internal topic of one partition in which one keeper writes down what happened, one entry behind the other, and
// reads it again when it starts. Nothing in it is deleted but what its keeper lets go. What its records mean is the keeper's
// business.

internal import DaybookCompression
package import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// A keeper's access to its journal.
package struct Journal: Sendable {
    package let topicPartition: TopicPartition
    private let daybook: Daybook
    private let partition: Partition

    /// What the names of all journals begin with.
    static let prefix = "__journal-"

    static var configuration: TopicConfiguration {
        var configuration = TopicConfiguration(compression: Compression.none)
        configuration.segmentBytes = .mebibytes(16)
        return configuration
    }

    fileprivate init(_ daybook: Daybook, _ topic: Topic) throws(DaybookError) {
        topicPartition = TopicPartition(topic: topic.name, partition: 0)
        self.daybook = daybook
        partition = try daybook.partition(topicPartition)
    }

    /// The offsets of the first entry that is kept, and of the next one.
    package var offsets: Range<Offset> {
        let offsets = partition.offsets
        return offsets.logStartOffset..<offsets.logEndOffset
    }

    /// Appends entries as one batch: all of them or none. Durable when it returns; returns the offset of the next entry.
    ///
    /// Throws `.offsetConflict` when the journal does not go on at `expected`: somebody else keeps it now. Otherwise as
    /// ``Daybook/append(_:to:expecting:durability:)``.
    package func append(_ entries: [[UInt8]], expecting expected: Offset) async throws(DaybookError) -> Offset {
        try daybook.requireWritable()
        let now = daybook.services.clock.now()
        var builder = RecordBatchBuilder(targetSize: .max)
        for entry in entries { builder.append(Record(key: nil, value: entry), timestamp: now) }
        let batch: EncodedBatch
        do throws(CompressionError) { batch = try builder.seal(using: Compressor()) } catch {
            preconditionFailure("nothing is compressed here: \(error)")
        }
        let result: Result<BatchReceipt, DaybookError> = await withCheckedContinuation { continuation in
            let request = AppendRequest(batch: batch, durability: .durable, expecting: expected) {
                continuation.resume(returning: $0)
            }
            partition.submit(request)
        }
        return try result.get().nextOffset
    }

    /// Deletes the entries before `offset`, durably.
    package func forget(before offset: Offset) async throws(DaybookError) {
        let partition = partition
        _ = try await daybook.services.io.run { () throws(DaybookError) in
            try partition.deleteRecordsBlocking(before: offset)
        }
    }
}

extension Daybook {
    /// The journal of that name, which is made if there is none.
    ///
    /// Throws `.invalidTopic` where the name does not make a topic's, `.readOnly` where the journal cannot be made, and what
    /// `createTopic` throws.
    package func journal(_ name: String) async throws -> Journal {
        let topicName: TopicName
        do { topicName = try TopicName(Journal.prefix + name) } catch {
            throw DaybookError(.invalidTopic, "\"\(name)\" cannot name a journal: \(error)", cause: error)
        }
        try requireWritable()
        let topic = try await changingTopics { daybook throws in
            if let topic = daybook.state.withLock({ $0.registry.topics[topicName] }) { return topic }
            return try daybook.create(topicName, partitions: 1, Journal.configuration)
        }
        return try Journal(self, topic)
    }

    /// The journal of that name if it has been made, for whoever reads it: a daybook that was opened for reading has it too.
    ///
    /// Throws `.invalidTopic` where the name does not make a topic's.
    package func existingJournal(_ name: String) throws(DaybookError) -> Journal? {
        let topicName: TopicName
        do { topicName = try TopicName(Journal.prefix + name) } catch {
            throw DaybookError(.invalidTopic, "\"\(name)\" cannot name a journal: \(error)", cause: error)
        }
        guard let topic = state.withLock({ $0.registry.topics[topicName] }) else { return nil }
        return try Journal(self, topic)
    }

    /// The names of all journals there are, in order.
    package var journalNames: [String] {
        topics(includingInternal: true).filter { $0.name.isJournal }
            .map { String($0.name.description.dropFirst(Journal.prefix.count)) }
    }

    /// The time of day, by the clock that the daybook was opened with.
    package var now: Timestamp { services.clock.now() }

    /// Time that has passed since some moment, which never goes back.
    package var elapsed: Duration { services.clock.elapsed() }

    /// What runs the tasks of whoever works for this daybook; nil for Swift's own threads.
    package var taskExecutor: (any TaskExecutor)? { configuration.executor as? any TaskExecutor }

    /// Runs `job` once on a thread of the engine, `delay` from now or a little later. It must be short.
    package func schedule(after delay: Duration, _ job: @escaping @Sendable () -> Void) {
        services.timer.schedule(after: delay, job)
    }
}
