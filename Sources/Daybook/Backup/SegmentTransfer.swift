// Bytes of segments on their way: linked, copied, read again; hashed whenever they pass by, held back by the rate limit,
// stopped when nobody wants the result any more. Used by backup and restore, on threads that may block.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import Synchronization
internal import SystemPackage

/// Whether somebody wants the work to end. Thread-safe.
final class StopFlag: Sendable {
    private let isSet = Atomic<Bool>(false)
    func set() { isSet.store(true, ordering: .relaxed) }
    var isRequested: Bool { isSet.load(ordering: .relaxed) }
}

/// What passed by.
struct PassedBytes: Equatable {
    var size = 0
    /// CRC-32C.
    var hash: UInt32 = 0
}

/// Moves the bytes of whole files. Every call may block, and throws `canceled` once the work has been stopped.
struct SegmentTransfer: Sendable {
    let fileSystem: any FileSystem
    let limit: RateLimit
    let stop: StopFlag
    let progress: VerificationProgress

    private var stride: Int { min(1 << 20, max(4096, (limit.bytesPerSecond ?? .max) / 10)) }

    /// Copies the first `count` bytes of a file, or as many as there are, into a new one, durably but for its name.
    ///
    /// What was called `destination` before is left alone by its other names: it is replaced and never written to. After
    /// an error there may be a part of the copy.
    func copy(_ source: FilePath, to destination: FilePath, count: Int = .max) throws(FileError) -> PassedBytes {
        let file = try uninterrupted { () throws(FileError) in try fileSystem.open(source, .read) }
        try fileSystem.removeIfThere(destination)
        let copy = try uninterrupted { () throws(FileError) in try fileSystem.open(destination, .create) }
        let passed = try read(file, count: count) { bytes, position throws(FileError) in
            try copy.writeFully(bytes, at: position)
        }
        try uninterrupted { () throws(FileError) in try copy.flush() }
        try copy.close()
        try file.close()
        return passed
    }

    /// Reads a whole file.
    func hash(_ path: FilePath) throws(FileError) -> PassedBytes {
        let file = try uninterrupted { () throws(FileError) in try fileSystem.open(path, .read) }
        let passed = try read(file, count: .max) { _, _ in }
        try file.close()
        return passed
    }

    /// Gives a file a second name. False where the file systems have no such links, or not from one to the other; what
    /// is called `new` already is an error.
    func link(_ existing: FilePath, to new: FilePath) throws(FileError) -> Bool {
        do {
            try uninterrupted { () throws(FileError) in try fileSystem.link(existing, to: new) }
            return true
        } catch {
            switch error.errno {
            case .improperLink, .tooManyLinks, .notPermitted, .permissionDenied, .notSupported, .noFunction,
                .readOnlyFileSystem:
                return false
            default: throw error
            }
        }
    }

    /// Writes a new small file, durably but for its name. As `copy`.
    func write(_ bytes: [UInt8], to destination: FilePath) throws(FileError) {
        try fileSystem.removeIfThere(destination)
        let file = try uninterrupted { () throws(FileError) in try fileSystem.open(destination, .create) }
        try bytes.withUnsafeBytes { buffer -> Result<Void, FileError> in
            Result { () throws(FileError) in try file.writeFully(buffer, at: .zero) }
        }.get()
        try uninterrupted { () throws(FileError) in try file.flush() }
        try file.close()
    }

    private func read(
        _ file: any File, count: Int, _ body: (UnsafeRawBufferPointer, Position) throws(FileError) -> Void
    ) throws(FileError) -> PassedBytes {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(stride, max(1, count)), alignment: 16)
        defer { buffer.deallocate() }
        var passed = PassedBytes()
        while passed.size < count {
            if stop.isRequested { throw FileError(.read, file.path, .canceled) }
            let wanted = min(buffer.count, count - passed.size)
            limit.take(wanted)
            let place = Position(passed.size)
            let got = try file.readFully(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: place)
            if got == 0 { break }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<got])
            try body(bytes, place)
            passed.hash = CRC32C.checksum(bytes, continuing: passed.hash)
            passed.size += got
            progress.add(got)
        }
        return passed
    }
}
