// Who holds a data directory, since when, and how it is: asked of the process that has it open where that can be reached, and
// seen from outside otherwise. Judging the directory and the machine is the doctor's.

internal import DaybookFiles
public import DaybookModel
internal import SystemPackage

/// The state of a data directory.
public struct DirectoryStatus: Sendable {
    /// The process that has the directory open for writing.
    public struct Holder: Sendable {
        /// Nil where the system does not tell: the process is in another container or on another machine.
        public internal(set) var process: Int32?
        public internal(set) var name: String?
        /// As the process says; nil where it cannot be asked.
        public internal(set) var release: String?
        /// When it opened the directory, as it says; nil where it cannot be asked.
        public internal(set) var since: Timestamp?
        /// Why it cannot be asked; nil where it answers at its control socket.
        public internal(set) var unreachable: DaybookError?
    }

    public let directory: String
    /// Nil where nobody has it open for writing.
    public internal(set) var holder: Holder?
    /// Whether the last writer closed it properly; nil while one has it open.
    public internal(set) var wasClosedCleanly: Bool?
    /// As the holder says, or as seen from outside: then nothing is known of partitions that the disk has failed.
    public internal(set) var description: DaybookDescription
}

extension Daybook {
    /// Who holds a data directory and how it is. Changes nothing and works beside a live writer; takes the lock for an instant
    /// where nobody holds it.
    ///
    /// Throws `.directoryUnusable` when there is no data directory, and what opening for reading throws where the holder cannot
    /// be asked.
    public static func status(of directory: String) async throws -> DirectoryStatus {
        let layout = DirectoryLayout(root: FilePath(directory))
        let worker = WorkerPool(threads: 1)
        defer { worker.stop() }
        var contact: Contact?
        var unreachable: DaybookError?
        do {
            contact = try await worker.run { () throws in try Contact(layout) }
        } catch let error as DaybookError {
            // Seen from outside it is still a directory.
            unreachable = error
        }
        if case .live(let client) = contact {
            defer { client.close() }
            let answer = try await client.perform(DescribeDaybook.verb)
            return DirectoryStatus(
                directory: layout.root.string, holder: await worker.run { DirectoryStatus.Holder(client.live) },
                wasClosedCleanly: nil, description: try DaybookDescription(controlValue: answer))
        }
        let reader = try await open(directory, configuration: Configuration(access: .readOnly))
        let description = try await DescribeDaybook().run(on: reader) { _ in }
        let wasClosedCleanly = reader.recovery.wasClosedCleanly
        try await reader.close()
        var holder = try await worker.run { () throws in try DirectoryStatus.Holder.look(layout) }
        if holder != nil, let contact {
            unreachable = await worker.run { contact.explanation(layout) }
        }
        holder?.unreachable = unreachable
        return DirectoryStatus(
            directory: layout.root.string, holder: holder,
            wasClosedCleanly: holder == nil ? wasClosedCleanly : nil, description: description)
    }
}

extension DirectoryStatus.Holder {
    init(_ live: LiveProcess) {
        self.init(process: live.process, name: nil, release: live.release, since: live.since, unreachable: nil)
        name = live.process.flatMap { LockHolder.name(of: $0) }
    }

    /// Who holds the lock, as far as can be seen; nil where nobody does. Blocks.
    static func look(_ layout: DirectoryLayout) throws -> Self? {
        guard let lock = try FileOwnership.of(layout.lock) else { return nil }
        let fileSystem = UninterruptedFileSystem(PosixFileSystem())
        for _ in 0..<3 {
            if let holder = LockHolder.of(lock) {
                return Self(process: holder.process, name: holder.name, release: nil, since: nil, unreachable: nil)
            }
            do throws(FileError) {
                // For an instant. Who opens the directory at that instant tries again.
                try fileSystem.lock(layout.lock).release()
                return nil
            } catch {
                guard error.errno == .wouldBlock else { return nil }
            }
        }
        return Self(process: nil, name: nil, release: nil, since: nil, unreachable: nil)
    }
}
