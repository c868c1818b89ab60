// The real disk: locks, names, counters, and what closed files answer.

import DaybookFiles
import DaybookModel
import DaybookTesting
import SystemPackage
import Testing

@Suite("Posix file system")
struct PosixFileSystemTests {
    let folder: TemporaryDirectory
    let disk = PosixFileSystem()

    init() throws { folder = try TemporaryDirectory() }

    @Test("C39 a second opener is refused, within one process too, until the first one lets go")
    func lock() throws {
        let path = folder.filePath.appending("LOCK")
        let first = try disk.lock(path)
        for _ in 0..<2 {
            let found = failure { () throws(FileError) in _ = try PosixFileSystem().lock(path) }
            #expect(found?.errno == .wouldBlock)
        }
        first.release()
        let second = try disk.lock(path)
        #expect(failure { () throws(FileError) in _ = try disk.lock(path) }?.errno == .wouldBlock)
        second.release()
    }

    @Test("C39 a lock ends with its last reference, and the file is never removed")
    func lockFileStays() throws {
        let path = folder.filePath.appending("LOCK")
        do { _ = try disk.lock(path) }
        #expect(try disk.exists(path))
        let held = try disk.lock(path)
        withExtendedLifetime(held) {}
        held.release()
        #expect(try disk.exists(path))
        #expect(try disk.entries(of: folder.filePath) == ["LOCK"])
    }

    @Test("C39 a lock file that was there before is taken over, with its content")
    func staleLockFile() throws {
        let path = folder.filePath.appending("LOCK")
        try disk.open(path, .create).writeAll(pattern(5))
        let lock = try disk.lock(path)
        #expect(try disk.status(of: path).size == 5)
        lock.release()
    }

    @Test("names are listed without . and .., and folders are told from files")
    func names() throws {
        let sub = folder.filePath.appending("sub")
        try disk.createDirectory(sub)
        try disk.open(folder.filePath.appending("ä file"), .create).writeAll(pattern(7))
        #expect(try Set(disk.entries(of: folder.filePath)) == ["sub", "ä file"])
        #expect(try disk.status(of: sub).isDirectory)
        let status = try disk.status(of: folder.filePath.appending("ä file"))
        #expect(!status.isDirectory && status.size == 7 && status.modified.rawValue > 1_600_000_000_000)
        #expect(failure { () throws(FileError) in try disk.createDirectory(sub) }?.errno == .fileExists)
        try disk.rename(sub, to: folder.filePath.appending("moved"))
        try disk.removeDirectory(folder.filePath.appending("moved"))
        try disk.removeFile(folder.filePath.appending("ä file"))
        #expect(try disk.entries(of: folder.filePath) == [])
        #expect(try !disk.exists(sub))
    }

    @Test("access is what was asked for")
    func access() throws {
        let path = folder.filePath.appending("a")
        #expect(
            failure { () throws(FileError) in _ = try disk.open(path, .readWrite) }?.errno == .noSuchFileOrDirectory)
        try disk.open(path, .create).writeAll(pattern(10))
        let reader = try disk.open(path, .read)
        #expect(failure { () throws(FileError) in try reader.writeAll([1]) }?.errno == .badFileDescriptor)
        #expect(try disk.open(path, .create).readAll(100) == pattern(10), "creating leaves what is there")
    }

    @Test("a closed file answers with an error, and closing again with nothing")
    func closed() throws {
        let file = try disk.open(folder.filePath.appending("a"), .create)
        try file.close()
        try file.close()
        // The number may belong to another file by now.
        let other = try disk.open(folder.filePath.appending("b"), .create)
        #expect(failure { () throws(FileError) in try file.writeAll([1]) }?.errno == .badFileDescriptor)
        #expect(failure { () throws(FileError) in _ = try file.readAll(1) }?.errno == .badFileDescriptor)
        #expect(failure { () throws(FileError) in try file.flush() }?.errno == .badFileDescriptor)
        #expect(failure { () throws(FileError) in try file.truncate(to: 0) }?.errno == .badFileDescriptor)
        #expect(failure { () throws(FileError) in _ = try file.status() }?.errno == .badFileDescriptor)
        #expect(try other.status().size == 0)
    }

    @Test("counters count calls and bytes")
    func counters() throws {
        let counters = disk.counters
        let path = folder.filePath.appending("a")
        let file = try disk.open(path, .create)
        try file.writeAll(pattern(100))
        try file.writeAll(pattern(20), at: 100)
        _ = try file.readAll(500)
        try file.flush()
        _ = try file.status()
        try file.truncate(to: 3)
        try file.close()
        try disk.flushDirectory(folder.filePath)
        #expect(counters.opens.current == 2)
        #expect(counters.writes.current == 2)
        #expect(counters.bytesWritten.current == 120)
        #expect(counters.reads.current == 2, "one read, and one that found the end")
        #expect(counters.bytesRead.current == 120)
        #expect(counters.flushes.current == 2)
        #expect(counters.others.current == 3)
    }

    @Test("the start of the machine has one name, on Linux")
    func boot() throws {
        #if os(Linux)
            let name = try #require(SystemIdentity.bootIdentifier())
            #expect(name.utf8.count == 36)
            #expect(SystemIdentity.bootIdentifier() == name)
        #endif
        let refusing = FaultyFileSystem(faults: [Fault(.fail(.notPermitted), [.open])])
        #expect(SystemIdentity.bootIdentifier(in: refusing) == nil)
    }
}
