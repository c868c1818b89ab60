// The bound on open descriptors: by one thread, by many, and when the process has none left.

import DaybookFiles
import DaybookModel
import DaybookTesting
import Dispatch
import Synchronization
import SystemPackage
import Testing

@Suite("Descriptor pool")
struct DescriptorPoolTests {
    /// Descriptors open at once, counted by what the disk was asked.
    private static func peak(_ trace: [FileCall]) -> Int {
        var (open, peak) = (0, 0)
        for call in trace {
            if call.kind == .open { open += 1 }
            if call.kind == .close { open -= 1 }
            peak = max(peak, open)
        }
        return peak
    }

    @Test("C31 one hundred files and a limit of 4: never more than 4 descriptors, and no byte in the wrong file")
    func bound() throws {
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem()
        let pool = DescriptorPool(fileSystem: disk, limit: 4)
        let files = (0..<100).map { pool.file(at: folder.filePath.appending("f\($0)"), .create) }
        var random = SeededGenerator(seed: 4)
        var sizes = [Int](repeating: 0, count: files.count)
        for _ in 0..<2000 {
            let index = Int.random(in: 0..<files.count, using: &random)
            let count = Int.random(in: 1...40, using: &random)
            try files[index].write(pattern(count, from: sizes[index] + index), at: sizes[index])
            sizes[index] += count
            if Int.random(in: 0..<5, using: &random) == 0 { try files[index].flush() }
        }
        for (index, file) in files.enumerated() {
            #expect(try file.read(100_000) == pattern(sizes[index], from: index))
        }
        #expect(Self.peak(disk.trace) == 4)
        #expect(pool.openCount == 4)
        for file in files { try file.close() }
        #expect(pool.openCount == 0)
    }

    @Test("C21 whatever the pool does, every written byte is flushed by the descriptor that wrote it")
    func flushesByWriter() throws {
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem()
        let pool = DescriptorPool(fileSystem: disk, limit: 3)
        let files = (0..<20).map { pool.file(at: folder.filePath.appending("f\($0)"), .create) }
        var random = SeededGenerator(seed: 21)
        for step in 0..<1000 { try files.randomElement(using: &random)?.write([UInt8(step % 256)], at: step) }
        for file in files { try file.flush() }
        var unflushed: Set<Int> = []
        for call in disk.trace {
            guard let descriptor = call.descriptor else { continue }
            if call.kind == .write { unflushed.insert(descriptor) }
            if call.kind == .flush { unflushed.remove(descriptor) }
            if call.kind == .close { #expect(!unflushed.contains(descriptor)) }
        }
        #expect(unflushed.isEmpty)
    }

    @Test("C31 eight threads over one hundred files: the bound holds but for the files in use")
    func threads() throws {
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem()
        let pool = DescriptorPool(fileSystem: disk, limit: 4)
        let files = (0..<100).map { pool.file(at: folder.filePath.appending("f\($0)"), .create) }
        let failures = Mutex<[FileError]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            var random = SeededGenerator(seed: UInt64(thread))
            for _ in 0..<300 {
                let index = Int.random(in: 0..<files.count, using: &random)
                let found = failure { () throws(FileError) in
                    // Every thread has a place of its own in every file.
                    try files[index].write(pattern(100, from: index), at: thread * 100)
                    if index % 7 == 0 { try files[index].flush() }
                    let bytes = try files[index].read(100, at: thread * 100)
                    if bytes != pattern(100, from: index) {
                        throw FileError(.read, files[index].path, .invalidArgument)
                    }
                }
                if let found { failures.withLock { $0.append(found) } }
            }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(Self.peak(disk.trace) <= 4 + 2 * 8)
        _ = try files[0].status()
        #expect(pool.openCount <= 4 + 8)
        for file in files { try file.close() }
        #expect(pool.openCount == 0)
    }

    @Test("C31 without a descriptor left in the process the pool gives back half of its own and goes on")
    func exhausted() throws {
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem()
        let pool = DescriptorPool(fileSystem: disk, limit: 100)
        for number in 0..<10 { _ = try pool.file(at: folder.filePath.appending("f\(number)"), .create).status() }
        for errno in [Errno.tooManyOpenFiles, .tooManyOpenFilesInSystem] {
            disk.inject(Fault(.fail(errno), [.open]))
            let before = pool.openCount
            let file = pool.file(at: folder.filePath.appending("more"), .create)
            try file.write([1])
            try file.close()
            #expect(pool.openCount == before - before / 2)
        }
        disk.inject(Fault(.fail(.tooManyOpenFiles), [.open], calls: 0..<2))
        let path = folder.filePath.appending("none")
        let found = failure { () throws(FileError) in _ = try pool.file(at: path, .create).status() }
        #expect(found == FileError(.open, path, .tooManyOpenFiles))
    }

    @Test("C31 a call beside the pool finds room as well")
    func room() throws {
        let folder = try TemporaryDirectory()
        let disk = FaultyFileSystem()
        let pool = DescriptorPool(fileSystem: disk, limit: 100)
        let file = pool.file(at: folder.filePath.appending("a"), .create)
        try file.write([1])
        disk.inject(Fault(.fail(.tooManyOpenFiles), [.flushDirectory]))
        try pool.withRoom { () throws(FileError) in try disk.flushDirectory(folder.filePath) }
        #expect(pool.openCount == 0)
        #expect(disk.trace.last { $0.path == file.path && $0.kind == .flush } != nil)
    }

    @Test("a failed open leaves the pool as it was")
    func failedOpen() throws {
        let folder = try TemporaryDirectory()
        let pool = DescriptorPool(fileSystem: PosixFileSystem(), limit: 4)
        let path = folder.filePath.appending("absent")
        let found = failure { () throws(FileError) in _ = try pool.file(at: path, .read).status() }
        #expect(found == FileError(.open, path, .noSuchFileOrDirectory))
        #expect(pool.openCount == 0)
    }

    @Test("the standard limit leaves half of the process's descriptors to others")
    func standardLimit() {
        #expect((8...8192).contains(DescriptorPool.standardLimit))
        #expect(DescriptorPool(fileSystem: PosixFileSystem(), limit: 0).limit == 1)
    }
}
