// Mistakes that logs have shipped with, each as a file system that makes the engine above it commit one. A simulation that
// does not notice them proves nothing: its own tests run every one of them until it is caught.

package import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization
internal import SystemPackage

/// A mistake.
package enum BrokenVariant: String, Sendable, CaseIterable {
    /// Appends are acknowledged without any flush.
    case neverFlushes
    /// Appends are acknowledged by the flush of the append before.
    case acknowledgesBeforeFlush
    /// Names of new files are not made durable.
    case neverFlushesFolders
    /// Flushes through a descriptor of its own, which is not told of what failed before it was opened.
    case flushesThroughFreshDescriptor
    /// A flush that failed is tried again, and the second answer believed.
    case believesSecondFlush
    /// What recovery found is shown without having been flushed.
    case servesRecoveredBytesUnflushed
    /// Small files are replaced by files whose bytes are not durable.
    case replacesWithoutFlush
    /// Batches are taken whatever their checksum says.
    case skipsChecksums
    /// Everything invalid is cut like a torn tail, whether it was once durable or not.
    case cutsBelowRecoveryPoint
    /// What was only in the page cache counts after a restart of the machine.
    case mistakesRestartForKill
    /// What an index file says of its segment counts as durable, whether the segment's bytes were flushed or not.
    case trustsIndex
    /// A write that moved less than it should counts as whole.
    case ignoresShortWrites
    /// A write that failed half way is not taken back.
    case keepsFailedWrites
    /// A name is given to the new file only after the old one has lost it.
    case replacesInTwoSteps

    /// `base` as an engine with this mistake would use it.
    package func wrap(_ base: any FileSystem) -> any FileSystem {
        BrokenFileSystem(variant: self, base: base)
    }
}

/// A file system that commits one mistake.
private struct BrokenFileSystem: FileSystem {
    let variant: BrokenVariant
    let base: any FileSystem

    func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        let name = path.lastComponent?.string ?? ""
        if variant == .mistakesRestartForKill, name == "boot_id" { return ConstantFile(path: path) }
        let file = try base.open(path, access)
        if variant == .cutsBelowRecoveryPoint, access != .read || name == "watermarks",
            name == "watermarks" || !name.hasSuffix(".log") && name.first?.isNumber == true
        {
            return BlankFile(base: file)
        }
        return BrokenFile(variant: variant, base: file, fileSystem: base)
    }

    func status(of path: FilePath) throws(FileError) -> FileStatus { try base.status(of: path) }
    func entries(of directory: FilePath) throws(FileError) -> [String] { try base.entries(of: directory) }
    func createDirectory(_ path: FilePath) throws(FileError) { try base.createDirectory(path) }
    func rename(_ source: FilePath, to destination: FilePath) throws(FileError) {
        if variant == .replacesInTwoSteps {
            do { try base.removeFile(destination) } catch  where error.errno == .noSuchFileOrDirectory {}
            try base.flushDirectory(destination.removingLastComponent())
        }
        try base.rename(source, to: destination)
    }
    func link(_ existing: FilePath, to new: FilePath) throws(FileError) { try base.link(existing, to: new) }
    func removeFile(_ path: FilePath) throws(FileError) { try base.removeFile(path) }
    func removeDirectory(_ path: FilePath) throws(FileError) { try base.removeDirectory(path) }
    func flushDirectory(_ path: FilePath) throws(FileError) {
        if variant != .neverFlushesFolders { try base.flushDirectory(path) }
    }
    func lock(_ path: FilePath) throws(FileError) -> any FileLock { try base.lock(path) }
    func space(at path: FilePath) throws(FileError) -> FileSystemSpace { try base.space(at: path) }
}

/// A file whose calls commit one mistake.
private final class BrokenFile: File {
    let variant: BrokenVariant
    let base: any File
    let fileSystem: any FileSystem
    /// Bytes that were there before this descriptor wrote.
    private let sizeBefore = Atomic<Int>(-1)
    private let hasGrown = Atomic<Bool>(false)

    init(variant: BrokenVariant, base: any File, fileSystem: any FileSystem) {
        self.variant = variant
        self.base = base
        self.fileSystem = fileSystem
    }

    var path: FilePath { base.path }
    private var isLog: Bool { path.string.hasSuffix(".log") }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int {
        let count = try base.read(into: buffer, at: position)
        if variant == .skipsChecksums, isLog { Self.makeChecksums(in: buffer, count: count) }
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int {
        if variant == .servesRecoveredBytesUnflushed, isLog {
            if sizeBefore.load(ordering: .relaxed) < 0 {
                sizeBefore.store(try base.status().size, ordering: .relaxed)
            }
            if position.rawValue + bytes.count > sizeBefore.load(ordering: .relaxed) {
                hasGrown.store(true, ordering: .relaxed)
            }
        }
        if variant == .trustsIndex, path.string.hasSuffix(SegmentName.sidecarSuffix) {
            return try writeAsFlushed(bytes, at: position)
        }
        let count = try base.write(bytes, at: position)
        return variant == .ignoresShortWrites ? bytes.count : count
    }

    func truncate(to size: Int) throws(FileError) {
        if variant != .keepsFailedWrites || !isLog { try base.truncate(to: size) }
    }

    func flush() throws(FileError) {
        switch variant {
        case .neverFlushes: return
        case .acknowledgesBeforeFlush where isLog:
            // What was written lately is left for the next one.
            if hasGrown.exchange(true, ordering: .relaxed) {
                hasGrown.store(false, ordering: .relaxed)
                try base.flush()
            }
        case .flushesThroughFreshDescriptor:
            let other = try fileSystem.open(path, .readWrite)
            try other.flush()
            try other.close()
        case .believesSecondFlush:
            do { try base.flush() } catch { try base.flush() }
        case .servesRecoveredBytesUnflushed where isLog:
            if hasGrown.load(ordering: .relaxed) { try base.flush() }
        case .replacesWithoutFlush where path.string.hasSuffix(".new"): return
        default: try base.flush()
        }
    }

    func status() throws(FileError) -> FileStatus { try base.status() }
    func close() throws(FileError) { try base.close() }

    /// Writes a sidecar's block as one about bytes that were flushed.
    private func writeAsFlushed(
        _ bytes: UnsafeRawBufferPointer, at position: Position
    ) throws(FileError) -> Int {
        guard bytes.count >= SidecarLayout.body else { return try base.write(bytes, at: position) }
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { block.deallocate() }
        block.copyMemory(from: bytes)
        block[SidecarLayout.flags + 1] |= UInt8(SidecarLayout.flushedFlag)
        let before = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: block[..<SidecarLayout.checksum]))
        let behind = UnsafeRawBufferPointer(rebasing: block[SidecarLayout.topicId...])
        let checksum = CRC32C.checksum(behind, continuing: before)
        block.storeBytes(of: checksum.bigEndian, toByteOffset: SidecarLayout.checksum, as: UInt32.self)
        return try base.write(UnsafeRawBufferPointer(block), at: position)
    }

    /// Gives the batches in a buffer the checksums that their bytes now have.
    private static func makeChecksums(in buffer: UnsafeMutableRawBufferPointer, count: Int) {
        var start = 0
        while start + BatchLayout.records <= count {
            let length = Int32(bigEndian: buffer.loadUnaligned(fromByteOffset: start + 8, as: Int32.self))
            let end = start + 12 + Int(length)
            guard length >= 49, end <= count, buffer[start + 16] == 2 else { return }
            let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[start + 21..<end]))
            buffer.storeBytes(of: checksum.bigEndian, toByteOffset: start + 17, as: UInt32.self)
            start = end
        }
    }
}

/// A file that always looks empty.
private final class BlankFile: File {
    let base: any File
    init(base: any File) { self.base = base }
    var path: FilePath { base.path }
    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int { 0 }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int { bytes.count }
    func truncate(to size: Int) throws(FileError) {}
    func flush() throws(FileError) {}
    func status() throws(FileError) -> FileStatus { try base.status() }
    func close() throws(FileError) { try base.close() }
}

/// A file that says the same on every machine at every time.
private final class ConstantFile: File {
    let path: FilePath
    init(path: FilePath) { self.path = path }
    private static let text = Array("always-the-same".utf8)

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Position) throws(FileError) -> Int {
        let rest = Self.text.dropFirst(position.rawValue).prefix(buffer.count)
        buffer.copyBytes(from: rest)
        return rest.count
    }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Position) throws(FileError) -> Int {
        throw FileError(.write, path, .permissionDenied)
    }
    func truncate(to size: Int) throws(FileError) { throw FileError(.truncate, path, .permissionDenied) }
    func flush() throws(FileError) {}
    func status() throws(FileError) -> FileStatus {
        FileStatus(isDirectory: false, size: Self.text.count, modified: .none)
    }
    func close() throws(FileError) {}
}
