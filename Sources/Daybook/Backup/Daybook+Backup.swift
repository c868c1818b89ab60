// Backup and restore as callers see them: what may be asked for, and the thread on which it is done.
// The steps are those of `BackupRun` and `RestoreRun`.

public import DaybookModel
internal import DaybookFiles
internal import Synchronization
internal import SystemPackage

extension Daybook {
    /// Makes a snapshot of a data directory in the folder `destination`, which gets one folder more for each backup.
    ///
    /// A snapshot is a data directory of its own, with everything that is durable at the moment each partition's turn comes.
    /// Takes no lock on the data directory and writes nothing there; works beside a live writer, in this process or another,
    /// that appends, rolls, removes old segments or replaces them. Segments that an earlier snapshot in `destination` holds,
    /// or that can be linked, are not copied. Durable when it returns; after an error, or a crash, there is no snapshot but
    /// perhaps a folder `….unfinished`, which the next backup removes. O(segments + bytes read or copied).
    ///
    /// Damage in the data directory does not end the backup: its bytes are taken as they are and told in the report.
    /// `progress` is called now and then with the bytes that were read and all there are. Throws `.directoryUnusable`,
    /// `.directoryLocked` while another backup to `destination` is under way, `.unsupportedFormat`,
    /// `.invalidConfiguration`, `.inputOutput`; `CancellationError` soon after its task has been cancelled.
    public static func backup(
        _ directory: String, to destination: String, options: BackupOptions = BackupOptions(),
        progress: @escaping @Sendable (_ done: ByteCount, _ total: ByteCount) -> Void = { _, _ in }
    ) async throws -> BackupReport {
        try await backup(directory, to: destination, options: options, in: Configuration(), progress: progress)
    }

    /// The same on the file system, by the clock and on the threads of a configuration.
    package static func backup(
        _ directory: String, to destination: String, options: BackupOptions, in configuration: Configuration,
        progress: @escaping @Sendable (_ done: ByteCount, _ total: ByteCount) -> Void = { _, _ in }
    ) async throws -> BackupReport {
        let options = try options.validated()
        let limit = RateLimit(options.rateLimit, configuration)
        return try await working(in: configuration, limit) { stop in
            let begun = configuration.clock.elapsed()
            var run = BackupRun(
                directory, to: destination, options, in: configuration, limit: limit, stop: stop, progress: progress)
            var report = try run.run()
            report.duration = configuration.clock.elapsed() - begun
            return report
        }
    }

    /// Makes a snapshot of this directory, with everything that was appended before the call: it is flushed first.
    ///
    /// Appends and reads go on meanwhile. As ``backup(_:to:options:progress:)``.
    public func backup(
        to destination: String, options: BackupOptions = BackupOptions(),
        progress: @escaping @Sendable (_ done: ByteCount, _ total: ByteCount) -> Void = { _, _ in }
    ) async throws -> BackupReport {
        if state.withLock({ $0.isClosed }) { throw DaybookError.closed }
        if !isReadOnly { try await flushAndPublish() }
        return try await Self.backup(
            directory, to: destination, options: options, in: configuration, progress: progress)
    }

    /// Makes a new data directory from a snapshot, or from a folder of snapshots: the newest, or the one called `name`.
    ///
    /// Copies everything and compares every byte with the snapshot's manifest on the way. `directory` must not exist, or be
    /// an empty folder; its parent must be on the same file system. Durable when it returns; after an error, or a crash,
    /// there is no data directory but perhaps a folder `….unfinished` beside it, which the next restore removes.
    ///
    /// The next open for writing begins a new incarnation, whose leader epoch is far above the snapshot's: a reader that had
    /// read on behind the snapshot gets `.divergedHistory`. Throws `.damaged` when the snapshot is not whole, or holds damage
    /// that the source had already, unless `allowsDamage` is set: then what is lost is in the report. Also
    /// `.directoryUnusable`, `.directoryLocked`, `.unsupportedFormat`, `.inputOutput`; `CancellationError`. O(bytes).
    public static func restore(
        _ snapshot: String, at name: String? = nil, to directory: String, allowsDamage: Bool = false,
        rateLimit: ByteCount? = nil,
        progress: @escaping @Sendable (_ done: ByteCount, _ total: ByteCount) -> Void = { _, _ in }
    ) async throws -> RestoreReport {
        try await restore(
            snapshot, at: name, to: directory, allowsDamage: allowsDamage, rateLimit: rateLimit, in: Configuration(),
            progress: progress)
    }

    /// The same on the file system, by the clock and on the threads of a configuration.
    package static func restore(
        _ snapshot: String, at name: String? = nil, to directory: String, allowsDamage: Bool = false,
        rateLimit: ByteCount? = nil, in configuration: Configuration,
        progress: @escaping @Sendable (_ done: ByteCount, _ total: ByteCount) -> Void = { _, _ in }
    ) async throws -> RestoreReport {
        let limit = RateLimit(try BackupOptions(rateLimit: rateLimit).validated().rateLimit, configuration)
        return try await working(in: configuration, limit) { stop in
            let begun = configuration.clock.elapsed()
            var run = try RestoreRun(
                snapshot, at: name, to: directory, allowsDamage: allowsDamage, in: configuration, limit: limit,
                stop: stop, progress: progress)
            var report = try run.run()
            report.duration = configuration.clock.elapsed() - begun
            return report
        }
    }

    /// Runs blocking work on a thread of its own, and stops it when the task is cancelled.
    private static func working<R: Sendable>(
        in configuration: Configuration, _ limit: RateLimit, _ work: @escaping @Sendable (StopFlag) throws -> R
    ) async throws -> R {
        let workers = WorkerPool(threads: 1, or: configuration.executor)
        defer { workers.stop() }
        let stop = StopFlag()
        return try await withTaskCancellationHandler {
            do {
                return try await workers.run { () throws in try work(stop) }
            } catch let error as FileError {
                if stop.isRequested { throw CancellationError() }
                throw DaybookError(error)
            }
        } onCancel: {
            stop.set()
            limit.stop()
        }
    }
}
