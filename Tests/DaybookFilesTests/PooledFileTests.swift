// A file's promises about flushing, whatever the pool and other threads do meanwhile.

import DaybookFiles
import DaybookModel
import DaybookTesting
import Dispatch
import Synchronization
import SystemPackage
import Testing

@Suite("Pooled file")
struct PooledFileTests {
    let folder: TemporaryDirectory
    let disk = FaultyFileSystem()
    let pool: DescriptorPool
    let file: PooledFile

    init() throws {
        folder = try TemporaryDirectory()
        pool = DescriptorPool(fileSystem: disk, limit: 1)
        file = pool.file(at: folder.filePath.appending("a"), .create)
    }

    private func use(_ name: String) throws {
        let other = pool.file(at: folder.filePath.appending(name), .create)
        _ = try other.status()
        _ = try pool.file(at: folder.filePath.appending(name + "-more"), .create).status()
    }

    private var calls: [FileCallKind: [Int]] {
        Dictionary(grouping: disk.trace.filter { $0.path == file.path }, by: \.kind)
            .mapValues { $0.map { $0.descriptor ?? -1 } }
    }

    @Test("C21 eviction flushes a dirty file through the descriptor that wrote")
    func evictionFlushes() throws {
        try file.write(pattern(10))
        try use("b")
        #expect(calls[.write] == [0])
        #expect(calls[.flush] == [0])
        #expect(calls[.close] == [0])
        try file.flush()
        #expect(calls[.flush] == [0], "all is flushed, and no fresh descriptor was asked to say so")
        #expect(try file.read(100) == pattern(10))
    }

    @Test("a clean file is evicted without a flush")
    func cleanEviction() throws {
        _ = try file.status()
        try use("b")
        #expect(calls[.flush] == nil)
        #expect(calls[.close] == [0])
    }

    @Test("C20 a failed flush is final for the file, however often it is tried")
    func stickyFailure() throws {
        try file.write(pattern(10))
        disk.inject(Fault(.fail(.ioError), [.flush]))
        let expected = FileError(.flush, file.path, .ioError)
        for _ in 0..<3 { #expect(failure { () throws(FileError) in try file.flush() } == expected) }
        #expect(calls[.flush] == [0], "the system is not asked again: it would say yes")
        try file.write(pattern(10), at: 10)
        #expect(failure { () throws(FileError) in try file.flush() } == expected)
        #expect(try file.read(100) == pattern(10) + pattern(10), "reads go on")
    }

    @Test("C20 a flush that failed when the pool closed the file is reported by the next flush")
    func evictionFailure() throws {
        try file.write(pattern(10))
        disk.inject(Fault(.fail(.noSpace), [.flush]))
        try use("b")
        let expected = FileError(.flush, file.path, .noSpace)
        for _ in 0..<2 { #expect(failure { () throws(FileError) in try file.flush() } == expected) }
    }

    @Test("C21 bytes written while a flush is under way wait for the next flush")
    func writeDuringFlush() throws {
        try file.write(pattern(10))
        let file = file
        disk.observe { call in
            if call.kind == .flush { #expect(throws: Never.self) { try file.write(pattern(5), at: 10) } }
        }
        try file.flush()
        disk.observe(nil)
        try file.flush()
        #expect(calls[.flush]?.count == 2)
        try file.flush()
        #expect(calls[.flush]?.count == 2)
    }

    @Test("C21 a flush that begins while a write is under way does not take its mark away")
    func flushDuringWrite() throws {
        try file.write(pattern(10))
        let file = file
        let isFirst = Atomic(true)
        disk.observe { call in
            guard call.kind == .write, isFirst.exchange(false, ordering: .relaxed) else { return }
            #expect(throws: Never.self) { try file.flush() }
        }
        try file.write(pattern(5), at: 10)
        disk.observe(nil)
        try file.flush()
        let kinds = disk.trace.map(\.kind).filter { $0 == .write || $0 == .flush }
        #expect(kinds == [.write, .write, .flush, .flush], "the second write is recorded before it is made")
    }

    @Test("C20 whoever finds a flush under way waits for it and hears of its failure")
    func secondFlusher() throws {
        for round in 0..<50 {
            let file = pool.file(at: folder.filePath.appending("r\(round)"), .create)
            try file.write(pattern(10))
            let group = DispatchGroup()
            let second = Mutex<FileError?>(nil)
            disk.inject(Fault(.fail(.ioError), [.flush]))
            disk.observe { call in
                guard call.kind == .flush else { return }
                let hasBegun = DispatchSemaphore(value: 0)
                DispatchQueue.global().async(group: group) {
                    hasBegun.signal()
                    let found = failure { () throws(FileError) in try file.flush() }
                    second.withLock { $0 = found }
                }
                hasBegun.wait()
                for _ in 0..<5000 { _ = disk.callsCount }
            }
            #expect(failure { () throws(FileError) in try file.flush() } != nil)
            group.wait()
            disk.observe(nil)
            disk.heal()
            #expect(second.withLock { $0 } == FileError(.flush, file.path, .ioError), "round \(round)")
        }
    }

    @Test("C21 closing before the flush is never answered with success later")
    func closedUnflushed() throws {
        try file.write(pattern(10))
        try file.close()
        #expect(failure { () throws(FileError) in try file.flush() } == FileError(.flush, file.path, .canceled))
        #expect(try file.read(100) == pattern(10))
        #expect(failure { () throws(FileError) in try file.flush() } == FileError(.flush, file.path, .canceled))
    }

    @Test("closing while another call is under way leaves that call its descriptor")
    func closeDuringRead() throws {
        try file.write(pattern(10))
        try file.flush()
        let file = file
        disk.observe { call in
            if call.kind == .read { #expect(throws: Never.self) { try file.close() } }
        }
        #expect(try file.read(100) == pattern(10))
        disk.observe(nil)
        #expect(pool.openCount == 0)
        #expect(try file.read(100) == pattern(10))
        #expect(pool.openCount == 1)
    }

    @Test("a file that is used is not evicted, and one that was used gets a second round")
    func pinned() throws {
        let (file, pool, folder) = (file, pool, folder)
        try file.write(pattern(10))
        disk.observe { call in
            guard call.kind == .read, call.path == file.path else { return }
            let other = pool.file(at: folder.filePath.appending("b"), .create)
            #expect(throws: Never.self) { _ = try other.status() }
            #expect(pool.openCount == 2, "the limit is soft")
        }
        #expect(try file.read(100) == pattern(10))
        #expect(calls[.close] == nil)
    }

    @Test("closing twice, or what was never opened, is nothing")
    func closeTwice() throws {
        try file.close()
        _ = try file.status()
        try file.close()
        try file.close()
        #expect(pool.openCount == 0)
    }
}
