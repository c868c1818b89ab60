// Whole reads and writes over calls that are interrupted, short, or refused.

import DaybookFiles
import DaybookModel
import DaybookTesting
import SystemPackage
import Testing

@Suite("Transfer")
struct TransferTests {
    @Test("C26 a whole write goes on after interruptions and short counts at every call", arguments: 0..<6)
    func writes(call: Int) throws {
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem(faults: [
            Fault(.short(100), [.write], calls: 0..<20), Fault(.fail(.interrupted), [.write], calls: call..<call + 3),
        ])
        // The first fault that wants a call has it: interruptions come first here.
        disk.heal()
        disk.inject([
            Fault(.fail(.interrupted), [.write], calls: call..<call + 3), Fault(.short(100), [.write], calls: 0..<20),
        ])
        let file = try disk.open(folder.filePath.appending("a"), .create)
        try file.writeAll(pattern(777), at: 13)
        #expect(try file.readAll(10_000, at: 13) == pattern(777))
        #expect(disk.trace.filter { $0.kind == .write }.count == 8 + 3)
    }

    @Test("C26 a whole read goes on after interruptions and short counts at every call", arguments: 0..<6)
    func reads(call: Int) throws {
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem()
        let file = try disk.open(folder.filePath.appending("a"), .create)
        try file.writeAll(pattern(777))
        disk.inject([
            Fault(.fail(.interrupted), [.read], calls: call..<call + 3), Fault(.short(100), [.read], calls: 0..<20),
        ])
        #expect(try file.readAll(777) == pattern(777))
        #expect(disk.trace.filter { $0.kind == .read }.count == 8 + 3)
    }

    @Test("a read ends at the end of the file and says how far it came")
    func end() throws {
        let folder = try TemporaryDirectory()
        let file = try PosixFileSystem().open(folder.filePath.appending("a"), .create)
        try file.writeAll(pattern(10))
        #expect(try file.readAll(100, at: 4) == pattern(6, from: 4))
        #expect(try file.readAll(100, at: 10) == [])
        #expect(try file.readAll(100, at: 1000) == [])
    }

    @Test("C26 a refused call is an error that names operation, path and reason", arguments: [Errno.ioError, .noSpace])
    func refusal(errno: Errno) throws {
        let folder = try TemporaryDirectory()
        let path = folder.filePath.appending("a")
        let disk = FaultyFileSystem()
        let file = try disk.open(path, .create)
        disk.inject([Fault(.short(5), [.write]), Fault(.fail(errno), [.write], calls: 1..<2)])
        #expect(failure { () throws(FileError) in try file.writeAll(pattern(20)) } == FileError(.write, path, errno))
        #expect(try file.readAll(100) == pattern(5), "what was written before the refusal is there")
        disk.inject(Fault(.fail(errno), [.read]))
        #expect(failure { () throws(FileError) in _ = try file.readAll(20) } == FileError(.read, path, errno))
    }

    @Test("C26 a disk that takes nothing and reports no error is an error")
    func nothing() throws {
        let folder = try TemporaryDirectory()
        let path = folder.filePath.appending("a")
        let disk = FaultyFileSystem(faults: [Fault(.short(0), [.write], calls: 0..<Int.max)])
        let file = try disk.open(path, .create)
        #expect(failure { () throws(FileError) in try file.writeAll([1]) } == FileError(.write, path, .ioError))
    }

    @Test("C26 interruptions of any other call of a pooled file are gone through", arguments: FileCallKind.allCases)
    func others(kind: FileCallKind) throws {
        guard kind != .close, kind != .lock else { return }
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem(faults: [Fault(.fail(.interrupted), [kind], calls: 0..<3)])
        let pool = DescriptorPool(fileSystem: disk, limit: 4)
        let path = folder.filePath.appending("a")
        let file = pool.file(at: path, .create)
        try file.write(pattern(50))
        try file.truncate(to: 40)
        try file.flush()
        #expect(try file.status().size == 40)
        #expect(try file.read(100) == pattern(40))
        try file.close()
        try AtomicFile.replace(path, with: [1, 2, 3], in: disk)
        #expect(try AtomicFile.read(path, in: disk) == [1, 2, 3])
        #expect(try disk.exists(path))
    }

    @Test("messages say what a person can do")
    func messages() {
        #expect(FileError(.write, "/data/a", .noSpace).description.contains("free some space"))
        #expect(FileError(.open, "/data/a", .tooManyOpenFiles).description.contains("ulimit -n"))
        #expect(FileError(.flushDirectory, "/data", .ioError).description.hasPrefix("Could not flush the folder /data"))
    }
}
