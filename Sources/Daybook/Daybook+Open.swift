// Beginning and end of an opened data directory.
// The steps in between are those of `DirectoryOpening`; a partition closes itself.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import Synchronization

extension Daybook {
    /// Opens a data directory: takes its lock, recovers what a crash left, and is ready for appends and reads.
    ///
    /// What recovery found is in `recovery`. With `.readOnly` nothing on disk is changed and a live writer may be at work.
    /// Opening for writing has the process ignore `SIGXFSZ`, which would end it at the limit on the size of files, unless
    /// the program has installed a handler: the append then fails with `.diskFull`. Processes started later inherit that.
    ///
    /// Throws `.directoryLocked`, `.directoryUnusable`, `.diskFull`, `.unsupportedFormat` or `.invalidConfiguration`; the
    /// directory is then as it was, or recovered as far as it went, and can be opened again.
    public static func open(_ directory: String, configuration: Configuration = Configuration()) async throws -> Daybook
    {
        let opening = DirectoryOpening(directory, try configuration.validated())
        let daybook = Daybook(try await opening.run())
        if !daybook.isReadOnly {
            try await daybook.finishDeletions()
            try await daybook.endOpenTransactions()
            await daybook.control.start(daybook)
        }
        daybook.scheduleHousekeeping()
        return daybook
    }

    /// Flushes everything, closes the files and gives back the lock. Later calls throw `.closed`; a second `close` does
    /// nothing. Commands of other processes that are under way are cancelled, and have two seconds to come to their end.
    ///
    /// Throws when something could not be made durable; the next open then recovers as after a crash.
    public func close() async throws {
        await transactions.close()
        // Commits that were handed over and not waited for are as good as those that were.
        if !isReadOnly, !state.withLock({ $0.isClosed }) { await settleCommits() }
        let partitions = state.withLock { state -> [Partition]? in
            if state.isClosed { return nil }
            state.isClosed = true
            return state.partitionsInOrder
        }
        guard let partitions else { return }
        groupCoordinator.close()
        control.beginClosing()
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await close(partitions)) } catch { outcome = .failure(error) }
        // As long as the socket is there the directory is this process's.
        await control.finishClosing()
        lock?.release()
        try outcome.get()
    }

    private func close(_ partitions: [Partition]) async throws {
        housekeeping.stop()
        // A change of topics that has begun ends before the lock is given back; none begins any more.
        let daybook = self
        await services.io.run { daybook.topicChanges.withLock { _ in daybook.topicWatchers.notify() } }
        let refused = await withTaskGroup(of: TopicPartition?.self, returning: [TopicPartition].self) { group in
            for partition in partitions {
                group.addTask { await partition.close() ? nil : partition.topicPartition }
            }
            var refused: [TopicPartition] = []
            for await case let partition? in group { refused.append(partition) }
            return refused
        }
        guard !isReadOnly else { return }
        if let first = refused.min() {
            throw DaybookError(
                .partitionFailed,
                "\(refused.count) partitions could not be made durable, \(first) among them; the next open recovers them",
                topicPartition: first)
        }
        var clean = stateOnDisk.reserving(to: producerIDs.next)
        clean.isClean = true
        do {
            try await services.io.run { [layout, fileSystem, services, clean] () throws(FileError) in
                try services.watermarks.flush()
                try services.watermarks.close()
                try AtomicFile.replace(layout.state, with: clean.encoded(), in: fileSystem)
            }
        } catch {
            throw DaybookError(error)
        }
    }

    /// Flushes, and writes down how far everything is durable, so that readers in other processes see it at once.
    ///
    /// Throws what `flush` throws, and `.inputOutput` or `.diskFull` where it could not be written down: everything is durable
    /// then, and readers in other processes may not see the newest of it.
    func flushAndPublish() async throws {
        try requireWritable()
        try await flush()
        let partitions = state.withLock { $0.partitionsInOrder }
        try await services.io.run { () throws(DaybookError) in
            for partition in partitions {
                if let error = partition.publishWatermark(isFinal: true) {
                    throw DaybookError(error, partition.topicPartition)
                }
            }
        }
    }

    /// Makes everything appended so far durable, in all partitions.
    public func flush() async throws {
        let partitions = state.withLock { $0.partitionsInOrder }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for partition in partitions where partition.state.withLock({ $0.log.needsFlush }) {
                group.addTask { try await partition.flush() }
            }
            try await group.waitForAll()
        }
    }
}
