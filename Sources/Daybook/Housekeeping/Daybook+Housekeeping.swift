// A daybook looks after itself: retention, compaction, scrubbing, one pass after the other, on one thread that has nothing
// else to do. A failure in one partition is told and stops no other one.

internal import DaybookFiles
public import DaybookModel
internal import DaybookStorage
internal import Synchronization

extension Daybook {
    /// One pass over all partitions: what is too old or too much goes, compacted topics are compacted where that is worth
    /// while, and what has not been read for long is compared with its checksums.
    ///
    /// Passes never overlap; a second call waits for the first. Reads and writes at the configured rate and takes as long
    /// as that needs. A cancelled task ends the pass at its next batch; what has been done stays done. Throws `.readOnly` or
    /// `.closed`; everything else is in the report.
    @discardableResult
    public func housekeep() async throws -> HousekeepingReport {
        try requireWritable()
        let (daybook, isCancelled) = (self, CancellationFlag())
        return await withTaskCancellationHandler {
            await services.maintenance.run { daybook.housekeepBlocking(isCancelled) }
        } onCancel: {
            isCancelled.set()
            daybook.housekeeping.limit.wake()
        }
    }

    /// Whether a pass is under way.
    public var isHousekeeping: Bool { housekeeping.isUnderWay.load(ordering: .relaxed) }

    /// Deletes the records of a partition before `offset`, durably: it returns the new log start offset. Readers that ask for
    /// them get a gap. Segments that hold nothing else leave the disk.
    ///
    /// Throws `.offsetOutOfRange` above the high watermark, and `.internalTopic`. When it throws `.inputOutput` the records
    /// may be gone or not; call it again.
    @discardableResult
    public func deleteRecords(_ topicPartition: TopicPartition, before offset: Offset) async throws -> Offset {
        try requireWritable()
        let partition = try partition(topicPartition)
        try Self.refuseInternal(topicPartition.topic, "loses no records but by compaction")
        return try await services.io.run { () throws(DaybookError) in
            try partition.deleteRecordsBlocking(before: offset)
        }
    }

    /// What maintenance has made of a partition.
    public func maintenanceStatus(_ topicPartition: TopicPartition) throws -> MaintenanceStatus {
        let partition = try partition(topicPartition)
        let checkpoint = partition.withLog { $0.checkpoint }
        return MaintenanceStatus(
            compactedTo: checkpoint.cleanedTo,
            compaction: partition.compaction.withLock { $0 }.map { CompactionStatus($0) },
            lastScrub: checkpoint.lastScrub.map { ScrubStatus($0) })
    }

    /// Takes the clock at its word after it has jumped: see `HousekeepingReport.clockJump`.
    public func acceptClock() { housekeeping.time.accept() }

    // MARK: a pass

    private func pace(_ isCancelled: CancellationFlag? = nil) -> MaintenancePace {
        MaintenancePace(limit: housekeeping.limit) { [housekeeping] in
            !housekeeping.isStopped.load(ordering: .relaxed) && isCancelled?.isSet != true
        }
    }

    /// Passes by themselves, one after the other, until the daybook is closed or nobody holds it any more.
    func scheduleHousekeeping() {
        guard configuration.housekeeping.isAutomatic, !isReadOnly else { return }
        services.timer.schedule(after: configuration.housekeeping.interval) { [weak self] in
            guard let services = self?.services else { return }
            services.maintenance.submit {
                guard let self, !self.state.withLock({ $0.isClosed }) else { return }
                _ = self.housekeepBlocking()
                self.scheduleHousekeeping()
            }
        }
    }

    private func housekeepBlocking(_ isCancelled: CancellationFlag? = nil) -> HousekeepingReport {
        housekeeping.isUnderWay.store(true, ordering: .relaxed)
        defer { housekeeping.isUnderWay.store(false, ordering: .relaxed) }
        let pace = pace(isCancelled)
        var report = HousekeepingReport()
        report.clockJump = housekeeping.time.jump
        for topic in topics(includingInternal: true) {
            for topicPartition in topic.partitions {
                guard pace.mayGoOn(), let partition = try? partition(topicPartition) else { continue }
                do {
                    try retain(partition, topic.configuration.retention, &report)
                    try compact(partition, topic.configuration, pace, &report)
                    try scrub(partition, pace, &report)
                } catch is MaintenanceStopped {
                    continue
                } catch  where partition.isClosing {
                    // What has been deleted or closed needs no upkeep.
                    continue
                } catch {
                    report.note(topicPartition, .failure, "\(error)")
                }
            }
        }
        do {
            try expireOffsets(&report)
        } catch {
            if let first = existingInternalTopic(.consumerOffsets)?.partitions.first {
                report.note(first, .failure, "\(error)")
            }
        }
        expireTransactionalIDs(&report)
        configuration.observer?.didKeepHouse(report)
        return report
    }

    private func retain(
        _ partition: Partition, _ configuration: RetentionConfiguration, _ report: inout HousekeepingReport
    ) throws {
        var policy = configuration.policy(held: try held(partition, by: configuration.guardGroups))
        if housekeeping.time.watched < self.configuration.housekeeping.settlingTime { policy.maximumAge = nil }
        let before = partition.offsets
        let plan = try partition.retainBlocking(policy, now: housekeeping.time.now)
        if let pressure = plan.holdPressure, pressure >= 0.8, !plan.overridesHold {
            report.note(
                partition.topicPartition, .holdPressure,
                "groups hold back \(Int(pressure * 100)) % of what they may; then records go that they need")
        }
        let after = partition.offsets
        guard after.logStartOffset > before.logStartOffset else { return }
        report.note(
            partition.topicPartition, plan.overridesHold ? .holdOverridden : .deleted,
            "offsets \(before.logStartOffset)..<\(after.logStartOffset) deleted, "
                + "\(before.size.rawValue - after.size.rawValue) bytes freed")
    }

    private func compact(
        _ partition: Partition, _ configuration: TopicConfiguration, _ pace: MaintenancePace,
        _ report: inout HousekeepingReport
    ) throws {
        guard configuration.retention.policy.compacts else { return }
        let policy = configuration.compaction(memory: self.configuration.housekeeping.compactionMemory)
        let progress = try partition.compactBlocking(policy, now: housekeeping.time.now, force: false, pace: pace)
        guard let progress else { return }
        report.note(
            partition.topicPartition, .compacted,
            "\(progress.recordsDropped) records dropped, \(progress.bytesSaved) bytes freed, up to offset "
                + "\(progress.cleanedTo)")
        for segment in progress.damagedSegments {
            report.note(
                partition.topicPartition, .damage, "segment \(segment) is damaged and was left as it is; see quarantine"
            )
        }
    }

    private func scrub(
        _ partition: Partition, _ pace: MaintenancePace, _ report: inout HousekeepingReport
    ) throws {
        guard let interval = configuration.housekeeping.scrubInterval else { return }
        let last = partition.withLog { $0.checkpoint.lastScrub?.time ?? $0.segments[0].facts.firstAppendTime }
        let age = last.milliseconds(until: services.clock.now())
        // Ahead of the clock is no reason to wait for years.
        guard last != Timestamp.none, age >= interval.milliseconds || age < 0 else { return }
        guard let result = try partition.scrubBlocking(pace: pace) else { return }
        report.note(
            partition.topicPartition, result.damagedSegmentsCount > 0 ? .damage : .scrubbed,
            "\(result.segmentsCount) segments read, \(result.damagedSegmentsCount) of them damaged")
    }
}

/// Set when whoever waits for a pass does not want it any more.
final class CancellationFlag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}

/// What housekeeping keeps in mind between passes.
final class Housekeeping: Sendable {
    let time: TrustedTime
    let limit: RateLimit
    let isStopped = Atomic(false)
    let isUnderWay = Atomic(false)
    /// Rates of work that somebody asked for at a rate of its own.
    private let otherLimits = Mutex<[RateLimit]>([])

    init(time: TrustedTime, limit: RateLimit) {
        self.time = time
        self.limit = limit
    }

    /// Ends a pass under way at its next batch, and keeps others from beginning anything.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
        limit.stop()
        for limit in otherLimits.withLock({ $0 }) { limit.stop() }
    }

    /// Has `stop` end work at that rate too, until `forget` is called.
    func note(_ other: RateLimit) {
        otherLimits.withLock { $0.append(other) }
        if isStopped.load(ordering: .relaxed) { other.stop() }
    }

    func forget(_ other: RateLimit) { otherLimits.withLock { $0.removeAll { $0 === other } } }
}

extension TopicConfiguration {
    func compaction(memory: ByteCount) -> CompactionPolicy {
        CompactionPolicy(
            dirtyRatio: retention.dirtyRatio, lag: retention.compactionLag.milliseconds,
            tombstoneAge: retention.tombstoneAge.milliseconds, memory: memory.rawValue, lz4Level: lz4Level,
            zstdLevel: zstdLevel)
    }
}
