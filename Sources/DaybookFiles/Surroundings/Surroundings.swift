// What a process and a folder are given by the machine: kind of file system, room for files, limits, user.
// Facts only; what is too little is judged by the examination of a directory.

internal import DaybookModel
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Facts about a machine, as seen from one folder.
package struct Surroundings: Sendable {
    package var kind: FileSystemKind
    /// Room in bytes; nil where the system does not tell.
    package var space: FileSystemSpace?
    /// Files that may still be made, and files there can be; nil where the file system sets no limit.
    package var files: (available: Int, total: Int)?
    /// Of this process.
    package var limits: ProcessLimits
    /// Of the process that holds the lock, where one does and may be looked at.
    package var holderLimits: ProcessLimits?
    /// The number of the user that this process runs as.
    package var user: UInt32
    /// Who holds the directory's lock at the moment of the call, as far as the system tells.
    package var lockHolder: @Sendable () -> LockHolder?
    /// Whether the system lists locks with their processes.
    package var listsLocks: Bool

    package init(
        kind: FileSystemKind, files: (available: Int, total: Int)? = nil, limits: ProcessLimits, user: UInt32,
        lockHolder: @escaping @Sendable () -> LockHolder? = { nil },
        listsLocks: Bool = true
    ) {
        self.kind = kind
        self.files = files
        self.limits = limits
        self.user = user
        self.lockHolder = lockHolder
        self.listsLocks = listsLocks
    }

    /// Asks the system about the folder, which must exist, and about the lock file in it, which may be missing. Room is what
    /// `fileSystem` says.
    package static func of(
        _ folder: FilePath, lock: FilePath, in fileSystem: any FileSystem = PosixFileSystem()
    ) throws(FileError) -> Surroundings {
        var room = statvfs()
        _ = try checked(.status, folder) { folder.withPlatformString { statvfs($0, &room) } }
        let files = room.f_files > 0 ? (available: Int(room.f_favail), total: Int(room.f_files)) : nil
        let lockHolder = { @Sendable () -> LockHolder? in
            // What cannot be looked at has no holder that can be seen.
            guard let file = try? FileOwnership.of(lock) else { return nil }
            return LockHolder.of(file)
        }
        var surroundings = Surroundings(
            kind: try .of(folder), files: files, limits: .ofThisProcess, user: geteuid(), lockHolder: lockHolder,
            listsLocks: LockHolder.isListed())
        surroundings.space = try? uninterrupted { () throws(FileError) in try fileSystem.space(at: folder) }
        surroundings.holderLimits = lockHolder().flatMap { ProcessLimits.of($0.process) }
        return surroundings
    }
}

/// What the system lets a process have.
package struct ProcessLimits: Hashable, Sendable {
    /// Descriptors; nil where there is no limit.
    package var openFiles: Int?
    /// What `openFiles` may be raised to; nil where there is no limit.
    package var openFilesCeiling: Int?
    /// The largest file it may write, in bytes; nil where there is no limit. Beyond it a signal ends the process.
    package var fileSize: Int?

    package init(openFiles: Int? = nil, openFilesCeiling: Int? = nil, fileSize: Int? = nil) {
        self.openFiles = openFiles
        self.openFilesCeiling = openFilesCeiling
        self.fileSize = fileSize
    }

    /// The limits of the calling process.
    package static var ofThisProcess: ProcessLimits {
        var (files, size) = (rlimit(), rlimit())
        #if canImport(Darwin)
            let results = (getrlimit(RLIMIT_NOFILE, &files), getrlimit(RLIMIT_FSIZE, &size))
        #else
            let results = (
                getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files),
                getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &size)
            )
        #endif
        // No limit is written as the largest number there is.
        func limit(_ result: Int32, _ value: rlim_t) -> Int? {
            result == 0 && value < rlim_t(Int.max) ? Int(value) : nil
        }
        return ProcessLimits(
            openFiles: limit(results.0, files.rlim_cur), openFilesCeiling: limit(results.0, files.rlim_max),
            fileSize: limit(results.1, size.rlim_cur))
    }

    /// The limits of another process; nil where the system does not tell this one.
    package static func of(_ process: Int32, in fileSystem: any FileSystem = PosixFileSystem()) -> ProcessLimits? {
        guard let text = try? AtomicFile.readAll(FilePath("/proc/\(process)/limits"), in: fileSystem) else {
            return nil
        }
        return ProcessLimits(parsing: String(decoding: text, as: UTF8.self))
    }

    /// Reads Linux' table of limits; nil when it holds no line about open files.
    package init?(parsing text: String) {
        func values(_ title: String) -> (soft: Int?, hard: Int?)? {
            guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(title) }) else { return nil }
            let words = line.dropFirst(title.count).split(separator: " ")
            guard words.count >= 2 else { return nil }
            return (Int(words[0]), Int(words[1]))
        }
        guard let files = values("Max open files") else { return nil }
        (openFiles, openFilesCeiling) = files
        fileSize = values("Max file size")?.soft
    }
}
