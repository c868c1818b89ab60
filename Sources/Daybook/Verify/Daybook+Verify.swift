// Verification of a whole data directory: what belongs to all partitions first, then the partitions, several at a time,
// on threads that may block. Changes nothing on disk.

public import DaybookModel
package import DaybookFiles
package import DaybookStorage
internal import Synchronization
package import SystemPackage

extension Daybook {
    /// Reads and checks everything in a data directory: its small files, every batch's structure, checksum and place in
    /// the chain of offsets, every record, and each sidecar against its segment. A snapshot is also compared with its
    /// manifest: what is missing, changed or added is a finding.
    ///
    /// Changes nothing at all, takes no lock, and works beside a live writer: what that has under way is a note, not a
    /// finding. `progress` is called now and then, from several threads, with the bytes checked and the bytes to check.
    /// Throws `.directoryUnusable` when there is no data directory, `.unsupportedFormat`, or `.inputOutput` when
    /// something cannot be read. O(bytes).
    public static func verify(
        _ directory: String,
        progress: @escaping @Sendable (_ checked: ByteCount, _ total: ByteCount) -> Void = { _, _ in }
    ) async throws -> VerificationReport {
        try await verify(directory, fileSystem: PosixFileSystem(), progress: progress)
    }

    /// The same on another file system.
    package static func verify(
        _ directory: String, fileSystem: any FileSystem,
        progress: @escaping @Sendable (_ checked: ByteCount, _ total: ByteCount) -> Void = { _, _ in }
    ) async throws -> VerificationReport {
        let layout = DirectoryLayout(root: FilePath(directory))
        let fileSystem = UninterruptedFileSystem(fileSystem)
        let threads = max(2, processorsCount())
        let workers = WorkerPool(threads: threads)
        defer { workers.stop() }
        let readState = { @Sendable () throws(FileError) in try AtomicFile.read(layout.state, in: fileSystem) }
        for _ in 0..<3 {
            let before = try? await workers.run(readState)
            let report = try await verifyOnce(layout, fileSystem, workers, threads: threads, progress: progress)
            // A writer that came or went meanwhile has changed the rules: what was found may be its work.
            if report.isClean { return report }
            let after = try? await workers.run(readState)
            if before == after { return report }
        }
        return try await verifyOnce(layout, fileSystem, workers, threads: threads, progress: progress)
    }

    /// Verifies one partition's folder by itself, as if nobody had closed the directory and nothing were known of it.
    /// Blocks. Throws `FileError`. O(bytes).
    package static func verify(
        partition identity: LogIdentity, in dataDirectory: FilePath, _ fileSystem: any FileSystem
    ) throws -> VerificationReport {
        let subject = VerificationSubject(
            topicPartition: identity.topicPartition, topicID: identity.topicID, watermark: nil, leaderEpoch: nil,
            wasClosedCleanly: false, hasLiveWriter: false, size: 0)
        var partition = PartitionVerification(
            subject, layout: DirectoryLayout(root: dataDirectory),
            pool: DescriptorPool(fileSystem: fileSystem, limit: 16),
            progress: VerificationProgress(total: 0) { _, _ in })
        return try partition.run()
    }

    private static func verifyOnce(
        _ layout: DirectoryLayout, _ fileSystem: any FileSystem, _ workers: WorkerPool, threads: Int,
        progress: @escaping @Sendable (_ checked: ByteCount, _ total: ByteCount) -> Void
    ) async throws -> VerificationReport {
        let begun = ContinuousClock.now
        do {
            let (first, subjects) = try await workers.run { () throws in
                try DirectoryVerification(layout: layout, fileSystem: fileSystem).run()
            }
            var report = first
            let count = VerificationProgress(total: subjects.reduce(0) { $0 + $1.size }, tell: progress)
            let pool = DescriptorPool(fileSystem: fileSystem)
            let cursor = Cursor(count: subjects.count)
            let parts = try await withThrowingTaskGroup(of: [VerificationReport].self) { group in
                for _ in 0..<threads {
                    group.addTask {
                        try await workers.run { () throws in
                            var parts: [VerificationReport] = []
                            while let index = cursor.next() {
                                var partition = PartitionVerification(
                                    subjects[index], layout: layout, pool: pool, progress: count)
                                parts.append(try partition.run())
                            }
                            return parts
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            for part in parts { report.add(part) }
            report.transactions.compare(&report)
            let sums = report.segments
            report.add(
                try await workers.run { () throws in
                    try ManifestVerification(layout: layout, fileSystem: fileSystem, segments: sums).run()
                })
            report.sort()
            report.duration = begun.duration(to: .now)
            return report
        } catch let error as FileError {
            throw DaybookError(error)
        }
    }
}

/// Counts what has been checked.
final class VerificationProgress: Sendable {
    private let total: Int
    private let checked = Atomic<Int>(0)
    private let tell: @Sendable (ByteCount, ByteCount) -> Void

    init(total: Int, tell: @escaping @Sendable (ByteCount, ByteCount) -> Void) {
        self.total = total
        self.tell = tell
    }

    func add(_ bytes: Int) {
        tell(.bytes(checked.wrappingAdd(bytes, ordering: .relaxed).newValue), .bytes(total))
    }
}
