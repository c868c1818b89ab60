// The simulated disk while nothing crashes: it answers as a real one does, fails when it is told to, and lets itself be copied.
// What a crash leaves is in `PowerCutModelTests`.

import DaybookFiles
import DaybookModel
import DaybookTesting
import SystemPackage
import Testing

@Suite struct SimulatedDiskTests {
    @Test func `It answers every call as the real disk does`() throws {
        let folder = try TemporaryDirectory()
        defer { try? folder.remove() }
        let disk = SimulatedDisk()
        try disk.createDirectory("/tmp")
        try disk.createDirectory(folder.filePath)
        #expect(try story(disk, folder.filePath) == (try story(PosixFileSystem(), folder.filePath)))
    }

    /// Calls whose answers must not depend on the disk; each answer as text.
    private func story(_ disk: any FileSystem, _ root: FilePath) throws -> [String] {
        var answers: [String] = []
        func note(_ body: () throws -> Any) {
            do { answers.append("\(try body())") } catch { answers.append("\(error)") }
        }
        func path(_ name: String) -> FilePath { root.appending(name) }
        func isDirectory(_ name: String) throws -> Bool { try disk.status(of: path(name)).isDirectory }

        note { try disk.open(path("a"), .read) }
        note { try disk.open(path("a"), .readWrite) }
        let a = try disk.open(path("a"), .create)
        note { try a.put("hello", at: 0) }
        note { try a.put("world", at: 1000) }
        note { try a.text() }
        note { try a.truncate(to: 3) }
        note { try a.truncate(to: 6) }
        note { try a.text() }
        note { try a.status().size }
        note { try a.put("", at: 2000) }
        note { try a.status().size }
        note { try disk.open(path("a"), .read).put("x", at: 0) }
        note { try disk.open(path("a"), .read).truncate(to: 0) }
        note { try disk.createDirectory(path("d")) }
        note { try disk.createDirectory(path("d")) }
        note { try disk.createDirectory(path("a")) }
        note { try disk.createDirectory(path("x/y")) }
        note { try disk.open(path("a/b"), .create) }
        note { try disk.open(path("d"), .create) }
        note { try disk.open(path("d"), .readWrite) }
        note { try isDirectory("d") }
        note { try isDirectory("a") }
        note { try disk.entries(of: root).sorted() }
        note { try disk.entries(of: path("a")) }
        note { try disk.link(path("a"), to: path("d/b")) }
        note { try disk.link(path("a"), to: path("d/b")) }
        note { try disk.link(path("x"), to: path("d/c")) }
        note { try a.put("HE", at: 0) }
        note { try disk.open(path("d/b"), .read).text() }
        note { try disk.rename(path("a"), to: path("d/b")) }
        note { try disk.entries(of: root).sorted() }
        note { try disk.rename(path("a"), to: path("d")) }
        note { try disk.rename(path("d"), to: path("a")) }
        note { try disk.rename(path("x"), to: path("y")) }
        note { try disk.rename(path("d"), to: path("d/e")) }
        note { try disk.removeDirectory(path("d")) }
        note { try disk.removeFile(path("x")) }
        note { try disk.removeFile(path("a")) }
        note { try a.text() }
        note { try a.put("!", at: 6) }
        note { try disk.open(path("d/b"), .read).text() }
        note { try disk.rename(path("d/b"), to: path("c")) }
        note { try disk.createDirectory(path("e")) }
        note { try disk.rename(path("d"), to: path("e")) }
        note { try disk.removeDirectory(path("e")) }
        note { try disk.removeDirectory(path("c")) }
        note { try disk.removeFile(path("c")) }
        note { try disk.flushDirectory(root) }
        note { try disk.flushDirectory(path("gone")) }
        note { try a.flush() }
        note { try a.close() }
        note { try a.close() }
        note { try a.flush() }
        let lock = try disk.lock(path("LOCK"))
        note { _ = try disk.lock(path("LOCK")) }
        lock.release()
        note { _ = try disk.lock(path("LOCK")) }
        note { try disk.space(at: path("gone")) }
        note { try disk.space(at: root).available > 0 }
        return answers
    }

    @Test func `Times of files are those of its clock`() throws {
        let disk = SimulatedDisk(clock: ManualClock(Timestamp(milliseconds: 5000)))
        let file = try disk.open("/a", .create)
        #expect(try file.status().modified == Timestamp(milliseconds: 5000))
        disk.clock.advance(by: .seconds(2))
        try file.put("x", at: 0)
        #expect(try disk.status(of: "/a").modified == Timestamp(milliseconds: 7000))
    }

    @Test func `C34 a full disk takes what there is room for, then refuses, and says how much there is`() throws {
        let disk = SimulatedDisk(capacity: 10)
        let file = try disk.open("/a", .create)
        #expect(try file.put("123456", at: 0) == 6)
        #expect(try disk.space(at: "/a") == FileSystemSpace(available: 4, total: 10))
        #expect(try file.put("abcdef", at: 6) == 4)
        #expect(throws: FileError(.write, "/a", .noSpace)) { try file.put("ef", at: 10) }
        #expect(throws: FileError(.truncate, "/a", .noSpace)) { try file.truncate(to: 11) }
        #expect(try file.put("XX", at: 0) == 2, "what is there can be written again")
        try disk.link("/a", to: "/b")
        #expect(disk.usedBytes == 10, "names share the bytes")
        try disk.removeFile("/a")
        #expect(disk.usedBytes == 10)
        try disk.removeFile("/b")
        #expect(disk.usedBytes == 10, "it is still open")
        #expect(try file.text() == "XX3456abcd")
        try file.close()
        #expect(disk.usedBytes == 0)
        disk.capacity = nil
        #expect(try disk.open("/c", .create).put("0123456789abcdef", at: 0) == 16)
    }

    @Test func `C39 a lock belongs to one life of the process`() throws {
        let disk = SimulatedDisk()
        let lock = try disk.lock("/LOCK")
        #expect(throws: FileError(.lock, "/LOCK", .wouldBlock)) { try disk.lock("/LOCK") }
        disk.restartProcess()
        let later = try disk.lock("/LOCK")
        lock.release()
        #expect(throws: FileError(.lock, "/LOCK", .wouldBlock), "an old lock gives back nothing") {
            try disk.lock("/LOCK")
        }
        later.release()
        try disk.lock("/LOCK").release()
    }

    @Test func `What is left of an ended process can do nothing any more`() throws {
        for ends in [{ (disk: SimulatedDisk) in disk.restartProcess() }, { $0.restart(.everything) }] {
            let disk = SimulatedDisk()
            let life = disk.processFileSystem
            let file = try life.open("/a", .create)
            try file.put("old", at: 0)
            ends(disk)
            let calls = disk.callsCount
            #expect(throws: FileError(.write, "/a", .badFileDescriptor)) { try file.put("new", at: 0) }
            #expect(throws: FileError(.flush, "/a", .badFileDescriptor)) { try file.flush() }
            #expect(throws: FileError(.close, "/a", .badFileDescriptor)) { try file.close() }
            #expect(throws: FileError(.remove, "/a", .ioError)) { try life.removeFile("/a") }
            #expect(disk.callsCount == calls)
            #expect(try disk.open("/a", .read).text() == "old")
        }
    }

    @Test func `The machine's name changes when it starts anew, not when the process does`() throws {
        let disk = SimulatedDisk(seed: 7)
        let first = try #require(SystemIdentity.bootIdentifier(in: disk))
        disk.restartProcess()
        #expect(SystemIdentity.bootIdentifier(in: disk) == first)
        disk.restart()
        #expect(try #require(SystemIdentity.bootIdentifier(in: disk)) != first)
        #expect(SystemIdentity.bootIdentifier(in: SimulatedDisk(seed: 7, tellsBoot: false)) == nil)
        disk.inject(Fault(.fail(.interrupted), [.open]))
        #expect(SystemIdentity.bootIdentifier(in: disk) != nil, "asking goes on after an interruption")
    }

    @Test func `Planned faults refuse, shorten, tear and interrupt calls`() throws {
        let disk = SimulatedDisk()
        let file = try disk.open("/a", .create)
        disk.inject([
            Fault(.fail(.noSpace, after: 2), [.write]), Fault(.short(3), [.write], calls: 1..<2),
            Fault(.fail(.interrupted), [.flush, .close], calls: 0..<2),
            Fault(.short(1), [.read]), Fault(.fail(.tooManyOpenFiles), [.open]),
        ])
        #expect(throws: FileError(.write, "/a", .noSpace)) { try file.put("abcdef", at: 0) }
        #expect(try file.status().size == 2)
        #expect(try file.put("uvwxyz", at: 0) == 3)
        #expect(try file.text(limit: 9) == "uvw", "read on after a short one")
        #expect(throws: FileError(.flush, "/a", .interrupted)) { try file.flush() }
        #expect(throws: FileError(.open, "/b", .tooManyOpenFiles)) { try disk.open("/b", .create) }
        #expect(throws: FileError(.open, "/b", .noSuchFileOrDirectory)) { try disk.open("/b", .read) }
        try file.close()
        #expect(throws: FileError(.write, "/a", .badFileDescriptor), "an interrupted close has closed") {
            try file.put("x", at: 0)
        }
        let coverage = disk.coverage
        for kind in [Coverage.Kind.tornWrite, .shortWrite, .shortRead, .refusedOther] { #expect(coverage[kind] == 1) }
        #expect(coverage[.interrupted] == 2)
        #expect(coverage.description.contains("1  torn write"))
    }

    @Test func `Chance strikes about as often as it is told to, and the same for the same seed`() throws {
        func run(_ seed: UInt64) throws -> (Coverage, [String]) {
            let disk = SimulatedDisk(seed: seed)
            let file = try disk.open("/a", .create)
            disk.rates = FaultRates(
                ioError: 0.01, noSpace: 0.02, interrupted: 0.03, short: 0.04, torn: 0.05, writeBack: 0.01)
            var answers: [String] = []
            for number in 0..<2000 {
                for call in [
                    { try file.put("0123456789", at: number) }, { try file.text(limit: 5).count },
                    { number % 10 == 0 ? try file.flush() : () },
                ] as [() throws -> Any] {
                    do { answers.append("\(try call())") } catch { answers.append("\(error)") }
                }
            }
            disk.heal()
            try file.put("x", at: 0)
            return (disk.coverage, answers)
        }
        let (coverage, answers) = try run(1)
        #expect(try run(1) == (coverage, answers))
        #expect(try run(2).1 != answers)
        #expect((50...250).contains(coverage[.shortWrite] + coverage[.shortRead]))
        #expect((50...150).contains(coverage[.tornWrite]))
        for kind in [
            Coverage.Kind.refusedIO, .refusedSpace, .interrupted, .flushFailure, .writeBackFailure, .shortRead,
        ] { #expect(coverage[kind] > 0, "\(kind)") }
    }

    @Test func `A crash at a call stops that call and all others, and leaves some of a write`() throws {
        var sizes: Set<Int> = []
        for seed in UInt64(0)..<50 {
            let disk = SimulatedDisk(seed: seed)
            let file = try disk.open("/a", .create)
            disk.crash(at: disk.callsCount + 1)
            try file.put("ab", at: 0)
            #expect(!disk.isDown)
            #expect(throws: FileError(.write, "/a", .ioError)) { try file.put("cdef", at: 2) }
            #expect(disk.isDown)
            #expect(throws: FileError(.open, "/b", .ioError)) { try disk.open("/b", .create) }
            #expect(throws: FileError(.flush, "/a", .ioError)) { try file.flush() }
            disk.restartProcess()
            #expect(throws: FileError(.open, "/b", .noSuchFileOrDirectory)) { try disk.open("/b", .read) }
            sizes.insert(try disk.status(of: "/a").size)
        }
        #expect(sizes == [2, 3, 4, 5, 6])
    }

    @Test func `A copy goes its own way`() throws {
        let disk = SimulatedDisk()
        let file = try disk.open("/a", .create)
        try file.put("both", at: 0)
        _ = try disk.lock("/LOCK")
        let copy = disk.copy()
        try file.put("mine", at: 0)
        #expect(try copy.open("/a", .read).text() == "both")
        try copy.lock("/LOCK").release()
        copy.restart(.nothing)
        #expect(try copy.entries(of: "/") == [])
        #expect(try disk.open("/a", .read).text() == "mine")
    }

    @Test func `C1 rot changes bytes for programs and on the disk`() throws {
        let disk = SimulatedDisk()
        let file = try disk.open("/a", .create)
        try file.put("aaaa", at: 0)
        try file.flush()
        try disk.flushDirectory("/")
        try file.put("b", at: 3)
        #expect(try disk.corrupt("/a", at: 1..<4, .flip(1)) == 3)
        #expect(try file.text() == "a``c")
        #expect(try disk.corrupt("/a", at: 0..<1, .zero) == 1)
        #expect(try disk.corrupt("/a", at: 4..<10) == 0, "there is nothing to change")
        disk.restart(.nothing)
        #expect(try disk.open("/a", .read).text() == "\0```")
        #expect(disk.coverage[.bitRot] == 3)
        #expect(throws: FileError.self) { try disk.corrupt("/none", at: 0..<1) }
    }
}
