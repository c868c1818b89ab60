// What keeps a partition small and sound: deletion of old records, compaction, scrubbing. At most one of compaction and
// scrubbing is under way in a partition; deletion may come at any time. None of it holds the log's lock for long.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import Synchronization
internal import SystemPackage

extension Partition {
    // MARK: deletion

    /// Deletes the records before `offset`, durably, and the segments that hold nothing else. Blocks.
    ///
    /// Throws `.offsetOutOfRange` above the high watermark, and why the partition has ended, if it has. When it throws later,
    /// the records are deleted or they are not; files that could not be removed are removed the next time.
    @discardableResult
    func deleteRecordsBlocking(before offset: Offset) throws(DaybookError) -> Offset {
        try changes.withLock { _ throws(DaybookError) in
            if let ending = state.withLock({ $0.ending }) { throw ending }
            return try deleteRecords(before: offset)
        }
    }

    private func deleteRecords(before offset: Offset) throws(DaybookError) -> Offset {
        do throws(StorageError) {
            let isUnsaved = try withLog { log throws(StorageError) in
                try log.raiseLogStart(to: offset)
                return !log.isDeletionSaved
            }
            // What is gone holds no reader of committed records up any more.
            wake(state.withLock { $0.takeReadable() })
            if isUnsaved {
                // First of all for good: records may come back only as long as nobody was told that they are gone. An
                // earlier attempt may have failed here.
                do throws(FileError) { try saveCheckpoint() } catch { throw .file(error) }
                publishWatermark(isFinal: true)
            }
            try removeExpired()
            return withLog { $0.logStartOffset }
        } catch {
            throw DaybookError(error, topicPartition)
        }
    }

    /// Removes the files of segments below the log start.
    private func removeExpired() throws(StorageError) {
        // A segment that goes as a whole may be the active one, whose file is made by this call.
        let expired = try withLog { log throws(StorageError) in try log.takeExpiredSegments() }
        if expired.isEmpty { return }
        do throws(FileError) { try expired.remove() } catch { throw .file(error) }
        withLog { $0.noteRemoved(expired) }
    }

    /// Deletes what retention allows. Blocks. `now` is trusted: see `TrustedTime`.
    func retainBlocking(_ policy: RetentionPolicy, now: Timestamp) throws(DaybookError) -> RetentionPlan {
        let plan = withLog { log in
            policy.plan(
                log.segments.map(\.facts), logStartOffset: log.logStartOffset, limit: log.recoveryPoint, now: now)
        }
        try deleteRecordsBlocking(before: plan.logStartOffset)
        return plan
    }

    // MARK: compaction

    /// Compacts what may be compacted; nil when there is too little of it or somebody else is at work. Blocks.
    func compactBlocking(
        _ policy: CompactionPolicy, now: Timestamp, force: Bool, pace: MaintenancePace
    ) throws -> CompactionProgress? {
        try maintenance.withLockIfAvailable { _ -> CompactionProgress? in
            // Once it is closed the folder may go, or be somebody else's.
            if isClosing { throw MaintenanceStopped() }
            // Names that may not be durable are not trusted again: recovery goes on with the swap.
            guard withLog({ $0.checkpoint.swap == nil }) else {
                throw DaybookError(
                    .inputOutput,
                    "An earlier compaction was refused by the disk while its segment took the place of others; open the "
                        + "directory again to go on with it", topicPartition: topicPartition)
            }
            let plan = try withLog { log throws(StorageError) in
                try log.planCompaction(policy, now: now, force: force)
            }
            guard let plan else { return nil }
            // Written beside what it replaces.
            try space.require(plan.largestOutput)
            return try Compaction(plan, for: PartitionCompaction(partition: self, pace: pace)).run()
        } ?? nil
    }

    // MARK: scrubbing

    /// Reads all sealed segments and compares them with what their sidecars say. Blocks; nil when somebody else is at work.
    func scrubBlocking(pace: MaintenancePace) throws -> ScrubResult? {
        try maintenance.withLockIfAvailable { _ in
            if isClosing { throw MaintenanceStopped() }
            var result = ScrubResult(time: .none, segmentsCount: 0, bytes: 0, damagedSegmentsCount: 0)
            var next = Offset.zero
            while let subject = withLog({ $0.scrubSubject(from: next) }) {
                next = subject.nextOffset
                let isSound: Bool
                do {
                    isSound = try subject.isSound { try pace.take($0, for: self) }
                } catch let error as FileError {
                    // Retention or compaction was quicker.
                    if withLog({ $0.isOutdated(subject) }) { continue }
                    throw DaybookError(error, topicPartition)
                }
                result.segmentsCount += 1
                result.bytes += subject.size
                if subject.isDamaged { result.damagedSegmentsCount += 1 }
                guard !isSound, !subject.isDamaged, !withLog({ $0.isOutdated(subject) }) else { continue }
                let damage = try withLog { log throws(StorageError) in try log.examine(segment: subject.baseOffset) }
                if !damage.isEmpty { result.damagedSegmentsCount += 1 }
            }
            result.time = services.clock.now()
            withLog { $0.checkpoint.lastScrub = result }
            try saveCheckpoint()
            return result
        }
    }

    // MARK: steps

    /// What tells damage from a torn tail is made durable as soon as there is damage: a power cut would otherwise take that
    /// knowledge, and the next open would cut what readers were shown. One flush at most for each damage; blocks.
    func rememberDamage() {
        guard withLog({ $0.isDamageUnsaved }) else { return }
        // Where that fails whoever meets damage next tries again; until then the next open may have to take it for a torn tail.
        changes.withLock { _ in
            if isClosing { return }
            do throws(FileError) { try saveCheckpoint() } catch {}
        }
    }

    /// Writes the checkpoint down, durably. `durableTo`: as in `PartitionLog.currentCheckpoint`.
    func saveCheckpoint(durableTo: Offset = .zero) throws(FileError) {
        // One at a time, and the newest: an older one must not be written over it.
        try checkpointing.withLock { _ throws(FileError) in
            if state.withLock({ $0.isAbandoned }) { return }
            let (checkpoint, directory) = withLog { ($0.currentCheckpoint(durableTo: durableTo), $0.directory) }
            try checkpoint.write(in: directory, services.fileSystem)
            withLog { $0.noteSaved(checkpoint) }
        }
    }

    func withLog<R: Sendable, E: Error>(_ body: (PartitionLog) throws(E) -> R) throws(E) -> R {
        try state.withLock { state -> Result<R, E> in Result { () throws(E) in try body(state.log) } }.get()
    }
}
