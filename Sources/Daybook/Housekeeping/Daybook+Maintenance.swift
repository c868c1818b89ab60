// Compacting and scrubbing because somebody asks for it, on the thread that housekeeping has, so that the two never meet.
// What is done without being asked is in `Daybook+Housekeeping`.

internal import DaybookFiles
public import DaybookModel
internal import DaybookStorage
internal import Synchronization

extension Daybook {
    /// Compacts a topic now, whatever its dirty ratio: every closed segment that is old enough by `min.compaction.lag.ms`.
    /// Without an entry for partitions with nothing to do.
    ///
    /// `rateLimit` and `memory` count instead of those of the configuration; `progress` hears of bytes as they are read, on a
    /// thread of the engine. Waits for a pass of housekeeping that is under way. A cancelled task ends it at its next batch; what
    /// has been done stays done. Throws `.invalidConfiguration` where the topic is not compacted, `.unknownTopic` when it is
    /// deleted meanwhile, `.closed`.
    public func compact(
        _ topic: String, rateLimit: ByteCount? = nil, memory: ByteCount? = nil,
        progress: @escaping @Sendable (_ read: ByteCount) -> Void = { _ in }
    ) async throws -> [TopicPartition: CompactionStatus] {
        try requireWritable()
        let found = try self.topic(topic)
        guard found.configuration.retention.policy.compacts else {
            throw DaybookError(
                .invalidConfiguration,
                "Topic \(topic) is not compacted; set its cleanup.policy to compact or compact,delete first")
        }
        let memory = memory ?? configuration.housekeeping.compactionMemory
        guard memory.rawValue > 0 else {
            throw DaybookError(.invalidConfiguration, "The memory is \(memory); use at least one byte")
        }
        let policy = found.configuration.compaction(memory: memory)
        let time = housekeeping.time
        let done = try await maintain(found.partitions, rateLimit, progress) { partition, pace throws in
            try partition.compactBlocking(policy, now: time.now, force: true, pace: pace).map { CompactionStatus($0) }
        }
        _ = try self.topic(topic)
        return done
    }

    /// Reads every closed segment of a topic, or of all topics, and compares it with its checksum. Damage is put into
    /// quarantine as a copy and reported; readers get a gap for it.
    ///
    /// `rateLimit` and `progress` as for `compact`, and so are waiting, cancellation and errors. Topics that are deleted meanwhile
    /// are left out.
    public func scrub(
        _ topic: String? = nil, rateLimit: ByteCount? = nil,
        progress: @escaping @Sendable (_ read: ByteCount) -> Void = { _ in }
    ) async throws -> [TopicPartition: ScrubStatus] {
        try requireWritable()
        let topics = try topic.map { [try self.topic($0)] } ?? topics(includingInternal: true)
        let done = try await maintain(topics.flatMap(\.partitions), rateLimit, progress) { partition, pace throws in
            try partition.scrubBlocking(pace: pace).map { ScrubStatus($0) }
        }
        if let topic { _ = try self.topic(topic) }
        return done
    }

    /// Does something to each partition, on the thread for maintenance. What is gone when its turn comes is left out.
    private func maintain<Status: Sendable>(
        _ topicPartitions: [TopicPartition], _ rateLimit: ByteCount?,
        _ progress: @escaping @Sendable (ByteCount) -> Void,
        _ work: @escaping @Sendable (Partition, MaintenancePace) throws -> Status?
    ) async throws -> [TopicPartition: Status] {
        if let rateLimit, rateLimit.rawValue < 1 {
            throw DaybookError(.invalidConfiguration, "The rate limit is \(rateLimit); use at least one byte a second")
        }
        let partitions = try topicPartitions.map { try partition($0) }
        let own = rateLimit.map { RateLimit($0, configuration) }
        if let own { housekeeping.note(own) }
        defer { if let own { housekeeping.forget(own) } }
        let (isCancelled, read) = (CancellationFlag(), ByteSum())
        let limit = own ?? housekeeping.limit
        let pace = MaintenancePace(limit: limit, note: { progress(read.add($0)) }) { [housekeeping] in
            !housekeeping.isStopped.load(ordering: .relaxed) && !isCancelled.isSet
        }
        let outcome = await withTaskCancellationHandler {
            await services.maintenance.run {
                Result {
                    var done: [TopicPartition: Status] = [:]
                    for partition in partitions {
                        do {
                            done[partition.topicPartition] = try work(partition, pace)
                        } catch is MaintenanceStopped {
                            // By the end of its topic, or by that of everything.
                            guard pace.mayGoOn() else { throw MaintenanceStopped() }
                        } catch let error as StorageError {
                            throw DaybookError(error, partition.topicPartition)
                        } catch let error as FileError {
                            throw DaybookError(error, partition.topicPartition)
                        }
                    }
                    return done
                }
            }
        } onCancel: {
            isCancelled.set()
            if let own { own.stop() } else { limit.wake() }
        }
        do {
            return try outcome.get()
        } catch is MaintenanceStopped {
            if isCancelled.isSet { throw CancellationError() }
            throw DaybookError.closed
        }
    }
}

/// Bytes so far.
private final class ByteSum: Sendable {
    private let sum = Atomic(0)
    func add(_ count: Int) -> ByteCount { .bytes(sum.wrappingAdd(count, ordering: .relaxed).newValue) }
}
