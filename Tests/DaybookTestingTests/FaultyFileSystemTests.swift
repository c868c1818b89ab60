// The failing disk itself: a test that relies on a fault must be able to rely on it.

import DaybookFiles
import DaybookModel
import DaybookTesting
import Synchronization
import SystemPackage
import Testing

@Suite("Faulty file system")
struct FaultyFileSystemTests {
    let folder: TemporaryDirectory
    let path: FilePath

    init() throws {
        folder = try TemporaryDirectory()
        path = folder.filePath.appending("a")
    }

    private func write(_ file: any File, _ count: Int) throws -> Int {
        try [UInt8](repeating: 7, count: count).withUnsafeBytes { try file.write($0, at: .zero) }
    }

    @Test("without faults it is the disk behind it, and records every call")
    func passesThrough() throws {
        let disk = FaultyFileSystem()
        let sub = folder.filePath.appending("sub")
        try disk.createDirectory(sub)
        let file = try disk.open(path, .create)
        #expect(try write(file, 10) == 10)
        try file.flush()
        try file.truncate(to: 4)
        #expect(try file.status().size == 4)
        try file.close()
        try disk.rename(path, to: sub.appending("b"))
        #expect(try disk.entries(of: sub) == ["b"])
        #expect(try disk.status(of: sub).isDirectory)
        try disk.flushDirectory(sub)
        disk.clearTrace()
        try disk.lock(sub.appending("l")).release()
        try disk.removeFile(sub.appending("b"))
        try disk.removeFile(sub.appending("l"))
        try disk.removeDirectory(sub)
        #expect(disk.trace.map(\.kind) == [.lock, .removeFile, .removeFile, .removeDirectory])
        #expect(disk.trace.map(\.number) == [11, 12, 13, 14])
        #expect(disk.callsCount == 15)
    }

    @Test("the n-th matching call fails, and only that one; other kinds and paths do not count")
    func nthCall() throws {
        let disk = FaultyFileSystem(faults: [
            Fault(.fail(.noSpace), [.write], calls: 1..<2) { $0.lastComponent == "a" }
        ])
        let a = try disk.open(path, .create)
        let b = try disk.open(folder.filePath.appending("b"), .create)
        #expect(try write(b, 1) == 1)
        #expect(try write(a, 1) == 1)
        #expect(try write(b, 1) == 1)
        #expect(throws: FileError(.write, path, .noSpace)) { try write(a, 1) }
        #expect(try write(a, 1) == 1)
        #expect(disk.trace.filter { $0.outcome != .done }.map(\.outcome) == [.failed(.noSpace)])
        #expect(disk.trace.map(\.descriptor) == [nil, nil, 1, 0, 1, 0, 0])
    }

    @Test("short reads and writes move the first bytes, a torn write moves some and fails")
    func partial() throws {
        let disk = FaultyFileSystem(faults: [
            Fault(.short(3), [.write]), Fault(.fail(.ioError, after: 5), [.write], calls: 1..<2),
            Fault(.short(2), [.read]),
        ])
        let file = try disk.open(path, .create)
        #expect(try write(file, 10) == 3)
        #expect(try file.status().size == 3)
        #expect(throws: FileError(.write, path, .ioError)) { try write(file, 10) }
        #expect(try file.status().size == 5)
        var buffer = [UInt8](repeating: 0, count: 10)
        #expect(try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: .zero) } == 2)
        #expect(try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: .zero) } == 5)
    }

    @Test("after a crash every call fails, until the disk is healed")
    func crash() throws {
        let disk = FaultyFileSystem(faults: Fault.crash(at: 2, torn: 4))
        let file = try disk.open(path, .create)
        #expect(try write(file, 2) == 2)
        #expect(throws: FileError(.write, path, .ioError)) { try write(file, 10) }
        #expect(throws: FileError(.flush, path, .ioError)) { try file.flush() }
        #expect(throws: FileError(.open, path, .ioError)) { _ = try disk.open(path, .read) }
        #expect(throws: FileError(.rename, path, .ioError)) { try disk.rename(path, to: path) }
        #expect(try PosixFileSystem().status(of: path).size == 4)
        disk.heal()
        #expect(try disk.open(path, .read).status().size == 4)
    }

    @Test("turned off, nothing strikes and nothing is counted")
    func turnedOff() throws {
        let disk = FaultyFileSystem(faults: [Fault(.fail(.ioError), [.open])])
        disk.isEnabled = false
        _ = try disk.open(path, .create)
        disk.isEnabled = true
        #expect(throws: FileError.self) { _ = try disk.open(path, .create) }
        disk.isTracing = false
        _ = try disk.open(path, .create)
        #expect(disk.trace.count == 2)
    }

    @Test("an observer is called before the call, and may make calls itself")
    func observer() throws {
        let disk = FaultyFileSystem()
        let seen = Mutex<[FileCallKind]>([])
        let path = path
        disk.observe { call in
            seen.withLock { $0.append(call.kind) }
            if call.kind == .open { #expect(throws: FileError.self) { _ = try disk.status(of: path) } }
        }
        _ = try disk.open(path, .create)
        #expect(seen.withLock { $0 } == [.open, .status])
    }

    @Test("flushes reach the disk only where that is asked for")
    func flushes() throws {
        for isReal in [false, true] {
            let posix = PosixFileSystem()
            let disk = FaultyFileSystem(posix, flushesForReal: isReal)
            try disk.open(path, .create).flush()
            try disk.flushDirectory(folder.filePath)
            #expect(posix.counters.flushes.current == (isReal ? 2 : 0))
        }
    }
}
