// Repair: a plan first, which changes nothing, and then exactly that plan. What verification finds and recovery lives with
// is mended, so that the log is whole again; bytes are moved to quarantine and never destroyed.

internal import DaybookModel
package import DaybookFiles
internal import DaybookStorage
internal import SystemPackage

extension Daybook {
    /// Finds out what there is to repair in a data directory. Changes nothing at all.
    ///
    /// Throws `.directoryLocked` beside a live writer, `.directoryUnusable` when there is no data directory,
    /// `.unsupportedFormat`, or `.inputOutput` when something cannot be read. O(bytes), and again for partitions in which
    /// something is wrong.
    public static func planRepair(_ directory: String) async throws -> RepairPlan {
        try await planRepair(directory, fileSystem: PosixFileSystem(), clock: SystemTime())
    }

    /// Carries out a plan, in its order, and leaves the directory to recovery: the next open raises the leader epoch.
    ///
    /// Takes the directory's lock; throws `.directoryLocked` beside a live writer, `.planOutdated` when the directory is
    /// not what it was when the plan was made, and then nothing has been changed, or `.inputOutput`. After an error or a
    /// crash no byte is lost, the directory can be opened, and a new plan says what is left to do.
    public static func repair(_ plan: RepairPlan) async throws -> RepairReport {
        try await repair(plan, fileSystem: PosixFileSystem(), clock: SystemTime())
    }

    /// The same on another file system, at another time.
    package static func planRepair(
        _ directory: String, fileSystem: any FileSystem, clock: any TimeSource
    ) async throws -> RepairPlan {
        let layout = DirectoryLayout(root: FilePath(directory))
        let workers = WorkerPool(threads: 1)
        defer { workers.stop() }
        let appearance = try await inRepair {
            try await workers.run { () throws in
                if try fileSystem.exists(layout.lock) { try refuseBesideWriter(layout, fileSystem) }
                return try fileSystem.exists(layout.root) ? DirectoryAppearance(layout.root, fileSystem).lines : []
            }
        }
        let verified = try await verify(directory, fileSystem: fileSystem)
        if verified.hasLiveWriter { throw lockedError(layout) }
        return try await inRepair {
            try await workers.run { () throws in
                var plan = try DirectoryRepairPlanning(
                    layout: layout, pool: DescriptorPool(fileSystem: fileSystem), verified: verified, now: clock.now()
                ).run()
                plan.appearance = appearance
                return plan
            }
        }
    }

    /// The same on another file system, at another time.
    package static func repair(
        _ plan: RepairPlan, fileSystem: any FileSystem, clock: any TimeSource
    ) async throws -> RepairReport {
        let begun = ContinuousClock.now
        let layout = DirectoryLayout(root: FilePath(plan.directory))
        let workers = WorkerPool(threads: 1)
        defer { workers.stop() }
        try await inRepair {
            try await workers.run { () throws in
                if plan.isEmpty { return }
                let lock = try lockForRepair(layout, fileSystem)
                defer { lock.release() }
                guard try DirectoryAppearance(layout.root, fileSystem).lines == plan.appearance else {
                    throw DaybookError(
                        .planOutdated,
                        "The data directory \(layout.root) has changed since the repair was planned; plan it again")
                }
                try carryOut(plan, layout, fileSystem, clock.now())
            }
        }
        return RepairReport(actions: plan.actions, duration: begun.duration(to: .now))
    }

    private static func carryOut(
        _ plan: RepairPlan, _ layout: DirectoryLayout, _ fileSystem: any FileSystem, _ now: Timestamp
    ) throws(FileError) {
        let pool = DescriptorPool(fileSystem: fileSystem)
        let quarantine = Quarantine(dataDirectory: layout.root, fileSystem: fileSystem)
        for action in plan.actions {
            switch action.work {
            case .partition(let identity, let indexInterval, let work):
                try PartitionRepair(
                    identity: identity, directory: layout.partition(identity.topicPartition), pool: pool,
                    quarantine: quarantine, indexInterval: indexInterval, now: now
                ).run(work)
            case .setAside(let file, let reason):
                try quarantine.move(layout.root.appending(file), reason: reason, now: now)
            case .replace(let file, let bytes):
                let path = layout.root.appending(file)
                if try AtomicFile.read(path, in: fileSystem) == bytes { continue }
                try quarantine.keepCopy(of: path, reason: action.reason, now: now)
                try AtomicFile.replace(path, with: bytes, in: fileSystem)
            }
        }
    }

    // MARK: the lock

    private static func lockForRepair(
        _ layout: DirectoryLayout, _ fileSystem: any FileSystem
    ) throws -> any FileLock {
        do {
            return try fileSystem.lock(layout.lock)
        } catch {
            guard error.errno == .wouldBlock else { throw error }
            throw lockedError(layout)
        }
    }

    /// Takes the lock for a moment. Where it cannot be written to, as on a read-only file system, nobody writes.
    private static func refuseBesideWriter(_ layout: DirectoryLayout, _ fileSystem: any FileSystem) throws {
        do {
            try fileSystem.lock(layout.lock).release()
        } catch {
            if error.errno == .wouldBlock { throw lockedError(layout) }
        }
    }

    private static func lockedError(_ layout: DirectoryLayout) -> DaybookError {
        DaybookError(
            .directoryLocked, "Another process writes to \(layout.root); stop it first, then repair the directory")
    }

    private static func inRepair<R: Sendable>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let error as FileError {
            throw DaybookError(error)
        }
    }
}

/// Names, sizes and times of everything in a data directory, to see whether anything has changed.
struct DirectoryAppearance {
    let lines: [String]

    /// Looks at the directory and its folders; the lock file does not count. O(files).
    init(_ root: FilePath, _ fileSystem: any FileSystem) throws(FileError) {
        var lines: [String] = []
        var folders = [root]
        while let folder = folders.popLast() {
            for name in try fileSystem.entries(of: folder) where name != "LOCK" {
                let path = folder.appending(name)
                let status = try uninterrupted { () throws(FileError) in try fileSystem.status(of: path) }
                if status.isDirectory { folders.append(path) }
                let size = status.isDirectory ? "folder" : "\(status.size) \(status.modified.rawValue)"
                lines.append("\(path) \(size)")
            }
        }
        self.lines = lines.sorted()
    }
}
