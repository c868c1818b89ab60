// A simulated disk as one process sees it: its calls work until that process or the machine ends, and never again.
// What a call changes is in `DiskTree`; whether it fails is decided in `DiskState`.

internal import DaybookFiles
internal import DaybookModel
internal import Synchronization
internal import SystemPackage

/// The file system of one process life.
struct DiskLife: FileSystem {
    let disk: SimulatedDisk
    let number: Int

    static let bootPath: FilePath = "/proc/sys/kernel/random/boot_id"

    /// Makes one call under the disk's lock.
    private func call<Result: Sendable>(
        _ kind: FileCallKind, _ path: FilePath,
        _ body: (inout DiskState, Timestamp) throws(Errno) -> Result
    ) throws(FileError) -> Result {
        let now = disk.clock.now()
        return try disk.state.withLock { state in
            Swift.Result { () throws(FileError) in
                _ = try state.begin(kind, path, life: number)
                do throws(Errno) {
                    return try body(&state, now)
                } catch {
                    throw FileError(kind.operation, path, error)
                }
            }
        }.get()
    }

    func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        if access == .read, path == Self.bootPath {
            return try call(.open, path) { state, _ throws(Errno) -> any File in
                guard state.tellsBoot else { throw .noSuchFileOrDirectory }
                return BootIdentifierFile(disk.bootIdentifier(state.startsCount), path: path)
            }
        }
        let descriptor = try call(.open, path) { state, now throws(Errno) in
            let file = access == .create ? try state.tree.create(path, now: now) : try state.tree.file(path)
            return state.open(file, access)
        }
        return SimulatedDiskFile(self, descriptor: descriptor, path: path)
    }

    func status(of path: FilePath) throws(FileError) -> FileStatus {
        try call(.status, path) { state, _ throws(Errno) in state.tree.status(try state.tree.node(path)) }
    }

    func entries(of directory: FilePath) throws(FileError) -> [String] {
        try call(.entries, directory) { state, _ throws(Errno) in
            state.tree.entries(try state.tree.directory(directory))
        }
    }

    func createDirectory(_ path: FilePath) throws(FileError) {
        try call(.createDirectory, path) { state, now throws(Errno) in
            try state.tree.createDirectory(path, now: now)
        }
    }

    func rename(_ source: FilePath, to destination: FilePath) throws(FileError) {
        try call(.rename, source) { state, now throws(Errno) in
            try state.tree.rename(source, to: destination, now: now)
        }
    }

    func link(_ existing: FilePath, to new: FilePath) throws(FileError) {
        try call(.link, new) { state, now throws(Errno) in
            try state.tree.link(existing, to: new, now: now)
        }
    }

    func removeFile(_ path: FilePath) throws(FileError) {
        try call(.removeFile, path) { state, now throws(Errno) in try state.tree.removeFile(path, now: now) }
    }

    func removeDirectory(_ path: FilePath) throws(FileError) {
        try call(.removeDirectory, path) { state, now throws(Errno) in
            try state.tree.removeDirectory(path, now: now)
        }
    }

    func flushDirectory(_ path: FilePath) throws(FileError) {
        try call(.flushDirectory, path) { state, _ throws(Errno) in
            state.tree.flushDirectory(try state.tree.directory(path))
        }
    }

    func lock(_ path: FilePath) throws(FileError) -> any FileLock {
        let file = try call(.lock, path) { state, now throws(Errno) in
            let file = try state.tree.create(path, now: now)
            guard state.locks.insert(file).inserted else { throw .wouldBlock }
            return file
        }
        return SimulatedLock(self, file: file)
    }

    func space(at path: FilePath) throws(FileError) -> FileSystemSpace {
        try call(.space, path) { state, _ throws(Errno) in
            _ = try state.tree.node(path)
            let total = state.capacity ?? 1 << 50
            return FileSystemSpace(available: max(0, total - state.tree.usedBytes), total: total)
        }
    }
}

/// A lock that ends with its life.
private final class SimulatedLock: FileLock {
    private let life: DiskLife
    private let file: Int

    init(_ life: DiskLife, file: Int) {
        self.life = life
        self.file = file
    }

    func release() {
        life.disk.state.withLock { state in
            if state.life == life.number { state.locks.remove(file) }
        }
    }

    deinit { release() }
}
