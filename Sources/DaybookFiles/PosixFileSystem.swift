// The real disk. This folder is the only caller of libc's file functions.
// One method is one call: what is to be repeated is repeated by the extensions of the seam.

internal import DaybookModel
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The operating system's file system. Counts its calls in `counters`.
package struct PosixFileSystem: FileSystem {
    package let counters: IOCounters

    package init(counters: IOCounters = IOCounters()) { self.counters = counters }

    package func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        counters.opens.add(1)
        let flags =
            switch access {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            }
        let descriptor = try checked(.open, path) { path.withPlatformString { libcOpen($0, flags | O_CLOEXEC, 0o644) } }
        return PosixFile(descriptor: descriptor, path: path, counters: counters)
    }

    package func status(of path: FilePath) throws(FileError) -> FileStatus {
        counters.others.add(1)
        var status = stat()
        _ = try checked(.status, path) { path.withPlatformString { stat($0, &status) } }
        return FileStatus(status)
    }

    package func entries(of directory: FilePath) throws(FileError) -> [String] {
        counters.others.add(1)
        guard let stream = directory.withPlatformString({ opendir($0) }) else {
            throw FileError(.list, directory, Errno(rawValue: errno))
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw FileError(.list, directory, Errno(rawValue: errno)) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    package func createDirectory(_ path: FilePath) throws(FileError) {
        counters.others.add(1)
        _ = try checked(.createDirectory, path) { path.withPlatformString { mkdir($0, 0o755) } }
    }

    package func rename(_ source: FilePath, to destination: FilePath) throws(FileError) {
        counters.others.add(1)
        _ = try checked(.rename, source) {
            source.withPlatformString { from in destination.withPlatformString { to in libcRename(from, to) } }
        }
    }

    package func link(_ existing: FilePath, to new: FilePath) throws(FileError) {
        counters.others.add(1)
        _ = try checked(.link, new) {
            existing.withPlatformString { from in new.withPlatformString { to in libcLink(from, to) } }
        }
    }

    package func removeFile(_ path: FilePath) throws(FileError) {
        counters.others.add(1)
        _ = try checked(.remove, path) { path.withPlatformString { unlink($0) } }
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        counters.others.add(1)
        _ = try checked(.remove, path) { path.withPlatformString { rmdir($0) } }
    }

    package func flushDirectory(_ path: FilePath) throws(FileError) {
        counters.opens.add(1)
        let descriptor = try checked(.flushDirectory, path) {
            path.withPlatformString { libcOpen($0, O_RDONLY | O_CLOEXEC, 0) }
        }
        defer { _ = libcClose(descriptor) }
        counters.flushes.add(1)
        #if canImport(Darwin)
            // As for files: a name that stops at the drive's cache is lost in a power cut, and the file with it.
            _ = try checked(.flushDirectory, path) { fcntl(descriptor, F_FULLFSYNC) }
        #else
            // Not fdatasync, which may leave out what a folder is made of.
            _ = try checked(.flushDirectory, path) { fsync(descriptor) }
        #endif
    }

    package func lock(_ path: FilePath) throws(FileError) -> any FileLock {
        counters.opens.add(1)
        let descriptor = try checked(.lock, path) {
            path.withPlatformString { libcOpen($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o644) }
        }
        do {
            _ = try checked(.lock, path) { flock(descriptor, LOCK_EX | LOCK_NB) }
        } catch {
            _ = libcClose(descriptor)
            throw error
        }
        return PosixLock(descriptor: descriptor)
    }

    package func space(at path: FilePath) throws(FileError) -> FileSystemSpace {
        counters.others.add(1)
        var status = statvfs()
        _ = try checked(.status, path) { path.withPlatformString { statvfs($0, &status) } }
        // What is free only for the superuser does not count: a service should not run as one.
        let block = Int(status.f_frsize)
        return FileSystemSpace(available: Int(status.f_bavail) * block, total: Int(status.f_blocks) * block)
    }
}

/// A lock by `flock(2)`: the kernel gives it back when the process ends, however it ends.
private final class PosixLock: FileLock {
    private let descriptor: Int32
    init(descriptor: Int32) { self.descriptor = descriptor }
    /// Closing the descriptor gives the lock back; the file stays, so that there is only ever one to lock.
    func release() { _ = flock(descriptor, LOCK_UN) }
    deinit { _ = libcClose(descriptor) }
}

/// Runs a call that returns −1 and sets errno when it fails.
func checked(
    _ operation: FileError.Operation, _ path: FilePath, _ call: () -> Int32
) throws(FileError) -> Int32 {
    let result = call()
    guard result >= 0 else { throw FileError(operation, path, Errno(rawValue: errno)) }
    return result
}

// The protocol's methods have the names of libc's functions; these spell out which one is meant.
private func libcOpen(_ path: UnsafePointer<CChar>, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }
private func libcClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func libcRename(_ from: UnsafePointer<CChar>, _ to: UnsafePointer<CChar>) -> Int32 { rename(from, to) }

private func libcLink(_ from: UnsafePointer<CChar>, _ to: UnsafePointer<CChar>) -> Int32 { link(from, to) }

extension FileStatus {
    init(_ status: stat) {
        #if canImport(Darwin)
            let modified = status.st_mtimespec
        #else
            let modified = status.st_mtim
        #endif
        self.init(
            isDirectory: status.st_mode & S_IFMT == S_IFDIR, size: Int(status.st_size),
            modified: Timestamp(milliseconds: Int64(modified.tv_sec) * 1000 + Int64(modified.tv_nsec) / 1_000_000))
    }
}
