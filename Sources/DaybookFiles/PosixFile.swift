// One open file of the real disk.
// Made by `PosixFileSystem.open`; no other file calls pread, pwrite or fdatasync.

import DaybookModel
import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A descriptor, with the path it was opened by for the sake of messages.
final class PosixFile: File {
    private let descriptor: Int32
    let path: FilePath
    private let counters: IOCounters
    private let isOpen = Atomic(true)

    init(descriptor: Int32, path: FilePath, counters: IOCounters) {
        self.descriptor = descriptor
        self.path = path
        self.counters = counters
    }

    deinit {
        // Nobody is left to hear of a failure here; whoever needs to hear calls `close`.
        if isOpen.load(ordering: .relaxed) { _ = libcClose(descriptor) }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int {
        try requireOpen(.read)
        counters.reads.add(1)
        let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(position.rawValue))
        guard count >= 0 else { throw FileError(.read, path, Errno(rawValue: errno)) }
        counters.bytesRead.add(count)
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int {
        try requireOpen(.write)
        counters.writes.add(1)
        let count = pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(position.rawValue))
        guard count >= 0 else { throw FileError(.write, path, Errno(rawValue: errno)) }
        counters.bytesWritten.add(count)
        return count
    }

    func truncate(to size: Int) throws(FileError) {
        try requireOpen(.truncate)
        counters.others.add(1)
        _ = try checked(.truncate, path) { ftruncate(descriptor, off_t(size)) }
    }

    func flush() throws(FileError) {
        try requireOpen(.flush)
        counters.flushes.add(1)
        #if canImport(Darwin)
            // On Apple systems fsync stops at the drive's cache; only F_FULLFSYNC empties that too.
            _ = try checked(.flush, path) { fcntl(descriptor, F_FULLFSYNC) }
        #else
            // fdatasync also writes the length, which is what makes appended bytes reachable.
            _ = try checked(.flush, path) { fdatasync(descriptor) }
        #endif
    }

    func status() throws(FileError) -> FileStatus {
        try requireOpen(.status)
        counters.others.add(1)
        var status = stat()
        _ = try checked(.status, path) { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    func close() throws(FileError) {
        guard isOpen.exchange(false, ordering: .relaxed) else { return }
        counters.others.add(1)
        // An interrupted close has closed: the number may already be another file's.
        guard libcClose(descriptor) == 0 || errno == EINTR else {
            throw FileError(.close, path, Errno(rawValue: errno))
        }
    }

    /// The system may have given the number of a closed descriptor to another file.
    private func requireOpen(_ operation: FileError.Operation) throws(FileError) {
        guard isOpen.load(ordering: .relaxed) else { throw FileError(operation, path, .badFileDescriptor) }
    }
}

private func libcClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
