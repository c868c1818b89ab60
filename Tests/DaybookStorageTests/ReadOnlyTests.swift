// Opening for reading changes nothing on disk, not even to repair, and works beside a live writer.

import DaybookFiles
import DaybookModel
import DaybookStorage
import DaybookTesting
import SystemPackage
import Testing

@Suite("Read-only")
struct ReadOnlyTests {
    /// Names, bytes and dates of everything below the folder.
    private struct Trace: Equatable {
        var files: [String: [UInt8]] = [:]
        var dates: [String: Timestamp] = [:]

        init(_ stage: LogStage) throws {
            files = try stage.snapshot()
            for name in files.keys {
                dates[name] = try PosixFileSystem().status(of: stage.path(name)).modified
            }
            for folder in try Disk.names(stage.folder.filePath) {
                dates[folder] = try PosixFileSystem().status(of: stage.folder.filePath.appending(folder)).modified
            }
            dates[""] = try PosixFileSystem().status(of: stage.folder.filePath).modified
        }
    }

    private func readOnly(_ before: LogStage.Before) -> LogStage.Before {
        var before = before
        before.isReadOnly = true
        return before
    }

    @Test("C40 whatever is wrong with a log, opening it for reading and reading it all changes nothing")
    func nothingChanges() throws {
        for spoil in 0..<6 {
            let stage = try LogStage()
            let log = try stage.open().log
            let model = try log.fill(10, size: 60, clock: stage.clock)
            try log.close()
            let end = log.logEndOffset
            var lost: [Range<Offset>] = []
            switch spoil {
            case 0: break
            case 1: try stage.removeSidecars()
            case 2: try Disk.append([UInt8](repeating: 3, count: 200), to: log.activeSegment.file.path)
            case 3:
                var bytes = try Disk.read(stage.log(0))
                bytes[100] ^= 1
                try Disk.write(bytes, to: stage.log(0))
                lost = [Offset(0)..<Offset(2)]
            case 4:
                let middle = log.segments[1]
                try Disk.remove(middle.file.path)
                lost = [middle.baseOffset..<middle.nextOffset]
            default: try Disk.write([1, 2, 3], to: stage.sidecar(0))
            }
            for before in [LogStage.Before.unknown, .durable(end), .clean, .killed] {
                let trace = try Trace(stage)
                let disk = FaultyFileSystem()
                let (reader, _) = try stage.open(readOnly(before), on: disk)
                #expect(
                    try reader.content(maximumBytes: [1, 5000]).contents == model.without(lost).contents, "way \(spoil)"
                )
                _ = try reader.offset(forTimestamp: .none, limit: reader.recoveryPoint)
                try reader.close()
                #expect(try Trace(stage) == trace, "way \(spoil)")
                #expect(disk.trace.allSatisfy { !FileCallKind.changing.contains($0.kind) })
            }
        }
    }

    @Test("C40 a log opened for reading opens no file for writing")
    func access() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        try log.fill(10, size: 60, clock: stage.clock)
        let posix = ReadingFileSystem()
        let reader = try stage.open(readOnly(.durable(log.recoveryPoint)), on: posix).log
        #expect(try reader.content().count == 20)
        // A log that does not exist yet is not made either.
        let empty = try LogStage()
        let none = try empty.open(readOnly(.unknown), on: posix).log
        #expect(try none.content().isEmpty)
        #expect(try Disk.names(empty.directory).isEmpty)
    }

    @Test("C40 C43 beside a live writer, at any moment of it: a prefix of what it wrote, up to the known watermark")
    func live() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        var model: [Entry] = []
        for step in 0..<40 {
            model += try log.fill(1, size: 50, flush: step % 3 == 0, clock: stage.clock)
            if step % 5 == 0 {
                // The writer is in the midst of a write.
                try Disk.append([UInt8](repeating: 0, count: 30), to: log.activeSegment.file.path)
            }
            let known = log.recoveryPoint
            let (reader, report) = try stage.open(readOnly(.durable(known)))
            #expect(reader.recoveryPoint == known)
            #expect(
                try reader.content(below: reader.recoveryPoint).contents
                    == model.filter { $0.offsets.lowerBound < known }.contents)
            #expect(try reader.content().contents == model.contents)
            #expect((report.tornTail != nil) == (step % 5 == 0))
            if step % 5 == 0 { try Disk.truncate(log.activeSegment.file.path, to: log.activeSegment.size.rawValue) }
        }
        #expect(try log.content() == model)
        #expect(try Disk.names(stage.folder.filePath) == ["orders-0"], "no quarantine was made")
    }

    @Test("a reader that stays open reads on after the writer has cut, rolled and flushed")
    func staysOpen() throws {
        let stage = try LogStage()
        let log = try stage.open().log
        let model = try log.fill(3, clock: stage.clock)
        let reader = try stage.open(readOnly(.durable(log.recoveryPoint))).log
        try log.fill(20, size: 60, clock: stage.clock)
        #expect(try reader.content(below: reader.recoveryPoint).contents == model.contents)
        #expect(reader.damage.isEmpty)
    }
}

/// Refuses to open a file for anything but reading.
private struct ReadingFileSystem: FileSystem {
    private let base = PosixFileSystem()

    func open(_ path: FilePath, _ access: FileAccess) throws(FileError) -> any File {
        guard access == .read else { throw FileError(.open, path, .readOnlyFileSystem) }
        return try base.open(path, access)
    }

    func status(of path: FilePath) throws(FileError) -> FileStatus { try base.status(of: path) }
    func entries(of directory: FilePath) throws(FileError) -> [String] { try base.entries(of: directory) }
    func createDirectory(_ path: FilePath) throws(FileError) {
        throw FileError(.createDirectory, path, .readOnlyFileSystem)
    }
    func rename(_ path: FilePath, to: FilePath) throws(FileError) {
        throw FileError(.rename, path, .readOnlyFileSystem)
    }
    func removeFile(_ path: FilePath) throws(FileError) { throw FileError(.remove, path, .readOnlyFileSystem) }
    func removeDirectory(_ path: FilePath) throws(FileError) { throw FileError(.remove, path, .readOnlyFileSystem) }
    func flushDirectory(_ path: FilePath) throws(FileError) {
        throw FileError(.flushDirectory, path, .readOnlyFileSystem)
    }
    func link(_ existing: FilePath, to new: FilePath) throws(FileError) {
        throw FileError(.link, new, .readOnlyFileSystem)
    }
    func space(at path: FilePath) throws(FileError) -> FileSystemSpace { try base.space(at: path) }
    func lock(_ path: FilePath) throws(FileError) -> any FileLock { throw FileError(.lock, path, .readOnlyFileSystem) }
}
