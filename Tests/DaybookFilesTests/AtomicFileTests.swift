// Replacing a small file: whole old or whole new content, wherever the crash falls.

import DaybookFiles
import DaybookModel
import DaybookTesting
import SystemPackage
import Testing

@Suite("Atomic file")
struct AtomicFileTests {
    private func replace(_ path: FilePath, with bytes: [UInt8], in disk: any FileSystem) -> FileError? {
        failure { () throws(FileError) in try AtomicFile.replace(path, with: bytes, in: disk) }
    }

    @Test("C12 C13 after a crash at any step, torn writes included, the old or the new content is there, whole")
    func crashes() throws {
        let old = pattern(300)
        let new = pattern(900, from: 7)
        var wasOld = false
        var wasNew = false
        for step in 0..<20 {
            for torn in [0, 1, 450, 900] {
                let folder = try TemporaryDirectory()
                let path = folder.filePath.appending("state")
                try AtomicFile.replace(path, with: old, in: PosixFileSystem())
                let disk = FaultyFileSystem(faults: Fault.crash(at: step, torn: torn))
                let isRefused = replace(path, with: new, in: disk) != nil
                let content = try AtomicFile.read(path, in: PosixFileSystem())
                #expect(content == old || content == new)
                if !isRefused { #expect(content == new) }
                wasOld = wasOld || content == old
                wasNew = wasNew || content == new
                // What the crash left is no hindrance.
                try AtomicFile.replace(path, with: [1], in: PosixFileSystem())
                #expect(try AtomicFile.read(path, in: PosixFileSystem()) == [1])
                #expect(try PosixFileSystem().entries(of: folder.filePath) == ["state"])
            }
        }
        #expect(wasOld && wasNew)
    }

    @Test("C22 bytes are flushed before the rename and the folder after it")
    func order() throws {
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem()
        try AtomicFile.replace(folder.filePath.appending("state"), with: pattern(10), in: disk)
        #expect(disk.trace.map(\.kind) == [.removeFile, .open, .write, .flush, .close, .rename, .flushDirectory])
    }

    @Test("C12 C22 a rename that a power cut left half done does not lead the next replacement into the file itself")
    func bothNames() throws {
        let folder = try TemporaryDirectory()
        let path = folder.filePath.appending("state")
        for number in 0..<20 {
            try AtomicFile.replace(path, with: pattern(300), in: PosixFileSystem())
            try PosixFileSystem().link(path, to: folder.filePath.appending("state.new"))
            let disk = FaultyFileSystem(faults: Fault.crash(at: number, torn: 7))
            let isRefused = replace(path, with: pattern(20, from: 9), in: disk) != nil
            let content = try AtomicFile.read(path, in: PosixFileSystem())
            #expect(content == pattern(300) || content == pattern(20, from: 9), "crash at call \(number)")
            if !isRefused { return #expect(number > 4) }
            try PosixFileSystem().removeIfPresent(folder.filePath.appending("state.new"))
        }
        Issue.record("no end of calls")
    }

    @Test("C26 each call refused once: an error, and old or new content", arguments: [Errno.ioError, .noSpace])
    func refused(errno: Errno) throws {
        for kind in FileCallKind.allCases {
            let folder = try TemporaryDirectory()
            let path = folder.filePath.appending("state")
            try AtomicFile.replace(path, with: [1], in: PosixFileSystem())
            let disk = FaultyFileSystem(faults: [Fault(.fail(errno), [kind])])
            let found = replace(path, with: [2], in: disk)
            #expect((found != nil) == disk.trace.contains { $0.outcome != .done })
            #expect([[1], [2]].contains(try AtomicFile.read(path, in: PosixFileSystem())))
        }
    }

    @Test("an absent file is nil, an empty one is empty, one that is too large is refused before memory is taken")
    func reads() throws {
        let folder = try TemporaryDirectory()
        let path = folder.filePath.appending("state")
        let disk = PosixFileSystem()
        #expect(try AtomicFile.read(path, in: disk) == nil)
        try AtomicFile.replace(path, with: [], in: disk)
        #expect(try AtomicFile.read(path, in: disk) == [])
        try AtomicFile.replace(path, with: pattern(100), in: disk)
        #expect(try AtomicFile.read(path, limit: 100, in: disk) == pattern(100))
        let found = failure { () throws(FileError) in _ = try AtomicFile.read(path, limit: 99, in: disk) }
        #expect(found == FileError(.read, path, .fileTooLarge))
        // A sparse file of a terabyte.
        try disk.open(path, .readWrite).truncate(to: 1 << 40)
        #expect(failure { () throws(FileError) in _ = try AtomicFile.read(path, in: disk) }?.errno == .fileTooLarge)
    }

    @Test("a read that is refused is an error, not an absent file")
    func refusedRead() throws {
        let folder = try TemporaryDirectory()
        let path = folder.filePath.appending("state")
        try AtomicFile.replace(path, with: [1], in: PosixFileSystem())
        for kind in [FileCallKind.open, .fileStatus, .read, .close] {
            let disk = FaultyFileSystem(faults: [Fault(.fail(.ioError), [kind])])
            #expect(failure { () throws(FileError) in _ = try AtomicFile.read(path, in: disk) }?.errno == .ioError)
        }
    }
}
