// Examines the machine under a data directory and the directory itself, on a thread that may block. What is judged, and
// how, is in the files beside this one; every byte is read by `verify`, not here.

package import DaybookFiles
internal import DaybookModel
package import SystemPackage

extension Daybook {
    /// Examines a data directory, which may still be empty, and the machine under it: how long a flush takes, what the file
    /// system promises, room and limits, the lock, owners, the clock, and what retention, scrubbing and crashes have left.
    ///
    /// Works beside a live writer. Writes one file of at most 512 KiB, `doctor.tmp`, to the directory and removes it again,
    /// whatever happens; with `measuresFlushes` false it writes nothing. Opens no log and changes nothing else. Takes
    /// the lock for an instant where nobody holds it.
    /// Throws `.directoryUnusable` when there is no data directory; everything else that fails is a finding.
    /// O(files), and 128 flushes.
    public static func examine(_ directory: String, measuresFlushes: Bool = true) async throws -> DoctorReport {
        try await examine(
            directory, fileSystem: PosixFileSystem(), clock: SystemTime(), measuresFlushes: measuresFlushes)
    }

    /// The same on another file system, by another clock, and on another machine. `adjust` may change what the machine said
    /// of itself; `ownership` answers whose a file is.
    package static func examine(
        _ directory: String, fileSystem: any FileSystem, clock: any TimeSource, measuresFlushes: Bool = true,
        adjust: @escaping @Sendable (inout Surroundings) -> Void = { _ in },
        ownership: @escaping @Sendable (FilePath) throws(FileError) -> FileOwnership? = FileOwnership.of
    ) async throws -> DoctorReport {
        let layout = DirectoryLayout(root: FilePath(directory))
        let worker = WorkerPool(threads: 1)
        defer { worker.stop() }
        return try await worker.run { () throws in
            guard try fileSystem.exists(layout.root) else {
                throw DaybookError(.directoryUnusable, "There is no data directory \(layout.root)")
            }
            var surroundings: Surroundings
            do {
                surroundings = try Surroundings.of(layout.root, lock: layout.lock, in: fileSystem)
            } catch {
                throw DaybookError(
                    .directoryUnusable, "The data directory \(layout.root) cannot be looked at: \(error)", cause: error)
            }
            adjust(&surroundings)
            return try Examination(
                layout: layout, fileSystem: fileSystem, clock: clock, surroundings: surroundings, ownership: ownership
            ).run(measuresFlushes: measuresFlushes)
        }
    }
}
