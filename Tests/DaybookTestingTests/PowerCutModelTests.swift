// What a power cut may do to the simulated disk, sentence by sentence: what it must never take, and what it must be able to.
// A disk that lost too little would let bugs pass; one that lost too much would find bugs that are none.

import DaybookFiles
import DaybookModel
import DaybookTesting
import SystemPackage
import Testing

@Suite struct PowerCutModelTests {
    /// What may become of `disk`: every cut, and many draws.
    private func outcomes(_ disk: SimulatedDisk, draws: UInt64 = 400) -> [SimulatedDisk] {
        PowerCut.allCases.flatMap { cut in
            (0..<(cut == .drawn ? draws : 1)).map { seed in
                let copy = disk.copy()
                copy.restart(cut, seed: seed)
                return copy
            }
        }
    }

    private func text(_ path: FilePath, _ disk: SimulatedDisk) -> String? {
        do { return try disk.open(path, .read).text() } catch { return nil }
    }

    private func names(_ disk: SimulatedDisk, _ path: FilePath = "/") throws -> [String] { try disk.entries(of: path) }

    /// A file of `text` under a durable name, with durable bytes.
    private func durable(_ text: String, _ path: FilePath = "/a", on disk: SimulatedDisk) throws -> any File {
        let file = try disk.open(path, .create)
        try file.put(text, at: 0)
        try file.flush()
        try disk.flushDirectory(path.removingLastComponent())
        return file
    }

    // MARK: bytes

    @Test func `What was flushed, under a name that was, survives every cut`() throws {
        let disk = SimulatedDisk()
        let content = String(repeating: "durable ", count: 300)
        let file = try durable(content, on: disk)
        try file.put("more", at: content.utf8.count)
        for disk in outcomes(disk) { #expect(text("/a", disk)?.hasPrefix(content) == true) }
    }

    @Test func `C5 of the sectors written since the last flush any subset survives`() throws {
        let disk = SimulatedDisk()
        let file = try durable(String(repeating: "o", count: 3 * 512), on: disk)
        try file.put(String(repeating: "n", count: 3 * 512), at: 0)
        var subsets: Set<String> = []
        for disk in outcomes(disk, draws: 1000) {
            let bytes = try disk.open("/a", .read).bytes()
            #expect(bytes.count == 3 * 512)
            let sectors = stride(from: 0, to: bytes.count, by: 512).map { bytes[$0..<$0 + 512] }
            let kinds = sectors.map { sector in
                sector.allSatisfy { $0 == UInt8(ascii: "n") }
                    ? "n" : sector.allSatisfy { $0 == UInt8(ascii: "o") } ? "o" : "?"
            }
            subsets.insert(kinds.joined())
        }
        for first in ["n", "o"] {
            for second in ["n", "o"] { for third in ["n", "o"] { #expect(subsets.contains(first + second + third)) } }
        }
        #expect(subsets.contains { $0.contains("?") })
    }

    @Test func `C19 in place of what is lost stand old bytes, zeros, garbage or another file's bytes`() throws {
        let disk = SimulatedDisk()
        let frame = String(repeating: "frame", count: 200)
        _ = try durable(frame, "/other", on: disk)
        let file = try durable("", on: disk)
        try file.put(String(repeating: "n", count: 1000), at: 0)
        var found: Set<String> = []
        var coverage = Coverage()
        for disk in outcomes(disk) {
            #expect(text("/other", disk) == frame, "a file that is at rest is left alone")
            coverage += disk.coverage
            let content = try #require(text("/a", disk))
            if content.contains(String(repeating: "frame", count: 40)) { found.insert("foreign") }
            if content.count == 1000, content.allSatisfy({ $0 == "\0" }) { found.insert("zeros") }
            if content == String(repeating: "n", count: 1000) { found.insert("all") }
            if content.isEmpty { found.insert("nothing") }
        }
        #expect(found == ["foreign", "zeros", "all", "nothing"])
        for kind in Coverage.Kind.allCases where "\(kind)".hasPrefix("sector") && kind != .sectorAbandoned {
            #expect(coverage[kind] > 0, "\(kind)")
        }
    }

    @Test func `Durable bytes in a sector that is appended to stay`() throws {
        let disk = SimulatedDisk()
        let file = try durable("durable", on: disk)
        try file.put(String(repeating: "x", count: 2000), at: 7)
        for disk in outcomes(disk) { #expect(text("/a", disk)?.hasPrefix("durable") == true) }
    }

    @Test func `A length is the old one, the new one or one between, whatever its bytes`() throws {
        let disk = SimulatedDisk()
        let file = try durable("1234", on: disk)
        try file.put("5678", at: 4)
        let grown = outcomes(disk).map { text("/a", $0) ?? "none" }
        #expect(Set(grown.map(\.utf8.count)).isSuperset(of: [4, 5, 6, 7, 8]))
        #expect(grown.contains("1234\0\0\0\0"), "the length came, the bytes did not")
        try file.truncate(to: 2)
        let cut = outcomes(disk).map { text("/a", $0) ?? "none" }
        #expect(cut.contains("1234") && cut.contains("12"))
        try file.flush()
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["12"])
    }

    @Test func `A file cut and written anew may come back as it was, in part or whole`() throws {
        let disk = SimulatedDisk()
        let file = try durable(String(repeating: "o", count: 1024), on: disk)
        try file.truncate(to: 0)
        try file.put(String(repeating: "n", count: 1024), at: 0)
        let found = Set(outcomes(disk).map { text("/a", $0) ?? "none" })
        let (old, new) = (String(repeating: "o", count: 512), String(repeating: "n", count: 512))
        #expect(found.isSuperset(of: [old + old, new + new, old + new, new + old, ""]))
    }

    // MARK: names

    @Test func `C22 a name survives surely only once its folder was flushed, whatever became of the bytes`() throws {
        let disk = SimulatedDisk()
        let file = try disk.open("/a", .create)
        try file.put("x", at: 0)
        try file.flush()
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["x", nil])
        try disk.flushDirectory("/")
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["x"])
        try disk.removeFile("/a")
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["x", nil])
        try disk.flushDirectory("/")
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == [nil])
    }

    @Test func `Of several names any subset survives`() throws {
        let disk = SimulatedDisk()
        for name in ["a", "b", "c"] { _ = try disk.open(FilePath("/\(name)"), .create) }
        #expect(Set(try outcomes(disk).map { try names($0) }).count == 8)
        try disk.link("/a", to: "/d")
        #expect(Set(try outcomes(disk).map { try names($0) }).count == 16)
    }

    @Test func `A folder that is lost takes along what is in it, flushed or not`() throws {
        let disk = SimulatedDisk()
        try disk.createDirectory("/d")
        _ = try durable("x", "/d/a", on: disk)
        #expect(Set(outcomes(disk).map { text("/d/a", $0) }) == ["x", nil])
        try disk.flushDirectory("/")
        #expect(Set(outcomes(disk).map { text("/d/a", $0) }) == ["x"])
        try disk.removeFile("/d/a")
        try disk.flushDirectory("/d")
        try disk.removeDirectory("/d")
        #expect(Set(try outcomes(disk).map { try names($0) }) == [["d"], []])
    }

    @Test func `A name that a rename replaces is the old file or the new one, never neither`() throws {
        let disk = SimulatedDisk()
        _ = try durable("old", on: disk)
        let new = try disk.open("/a.new", .create)
        try new.put("new", at: 0)
        try new.flush()
        try disk.rename("/a.new", to: "/a")
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["old", "new"])
        try disk.flushDirectory("/")
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["new"])
        #expect(Set(try outcomes(disk).map { try names($0) }) == [["a"]])
    }

    @Test func `Renames change places unless the folder is flushed between them`() throws {
        for isFlushed in [false, true] {
            let disk = SimulatedDisk()
            _ = try durable("1", "/a", on: disk)
            _ = try durable("2", "/b", on: disk)
            try disk.rename("/a", to: "/x")
            if isFlushed { try disk.flushDirectory("/") }
            try disk.rename("/b", to: "/y")
            let found = Set(try outcomes(disk).map { try names($0) })
            #expect(found.contains(["a", "y"]) == !isFlushed)
            #expect(found.contains(["b", "x"]) && found.contains(["x", "y"]))
            // No rename loses a file: it has its old name, its new one, or both.
            for names in found {
                #expect(names.contains("a") || names.contains("x"))
                #expect(names.contains("b") || names.contains("y"))
            }
        }
    }

    @Test func `Of two renames to one name the older may come last`() throws {
        let disk = SimulatedDisk()
        _ = try durable("1", "/a", on: disk)
        _ = try durable("2", "/b", on: disk)
        _ = try durable("0", "/c", on: disk)
        try disk.rename("/a", to: "/c")
        try disk.rename("/b", to: "/c")
        let found = Set(outcomes(disk, draws: 2000).map { [text("/c", $0), text("/b", $0)] })
        #expect(found.contains(["1", nil]), "the older one won")
        #expect(found.isSuperset(of: [["0", "2"], ["1", "2"], ["2", nil]]))
        #expect(!found.contains { $0[0] == nil })
    }

    @Test func `A file moved to another folder is in one of them or in both, whichever is flushed`() throws {
        for flushed in [nil, "/d", "/e"] as [FilePath?] {
            let disk = SimulatedDisk()
            try disk.createDirectory("/d")
            try disk.createDirectory("/e")
            try disk.flushDirectory("/")
            _ = try durable("x", "/d/a", on: disk)
            try disk.rename("/d/a", to: "/e/a")
            if let flushed { try disk.flushDirectory(flushed) }
            for disk in outcomes(disk) {
                let (old, new) = (text("/d/a", disk), text("/e/a", disk))
                #expect(old == "x" || new == "x")
                if flushed != nil { #expect(new == "x") }
                if flushed == "/d" { #expect(old == nil) }
            }
        }
    }

    @Test func `A folder that is renamed has one name`() throws {
        for isFlushed in [false, true] {
            let disk = SimulatedDisk()
            try disk.createDirectory("/d")
            try disk.createDirectory("/e")
            _ = try durable("x", "/d/a", on: disk)
            try disk.flushDirectory("/")
            try disk.rename("/d", to: "/e/d")
            if isFlushed { try disk.flushDirectory("/e") }
            let found = Set(outcomes(disk).map { [text("/d/a", $0), text("/e/d/a", $0)] })
            #expect(found == (isFlushed ? [[nil, "x"]] : [["x", nil], [nil, "x"]]))
        }
    }

    // MARK: flushes that fail

    @Test func `C20 what a failed flush gave up is seen and never becomes durable, unless it is written again`() throws
    {
        let disk = SimulatedDisk()
        let file = try durable("old", on: disk)
        try file.put("new, and longer", at: 0)
        disk.inject(Fault(.fail(.ioError), [.flush]))
        #expect(throws: FileError(.flush, "/a", .ioError)) { try file.flush() }
        #expect(try file.text() == "new, and longer")
        try file.flush()
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["old" + String(repeating: "\0", count: 12)])
        disk.restartProcess()
        let again = try disk.open("/a", .readWrite)
        #expect(try again.text() == "new, and longer")
        try again.flush()
        #expect(text("/a", outcomes(disk)[0])?.hasPrefix("old") == true)
        try again.put("new, and longer", at: 0)
        try again.flush()
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["new, and longer"])
    }

    @Test func `C21 a failed flush is told once to each descriptor that was open, and to none opened later`() throws {
        let disk = SimulatedDisk()
        let (first, second) = (try disk.open("/a", .create), try disk.open("/a", .readWrite))
        try first.put("x", at: 0)
        disk.inject(Fault(.fail(.noSpace), [.flush]))
        #expect(throws: FileError(.flush, "/a", .noSpace)) { try first.flush() }
        try disk.open("/a", .readWrite).flush()
        try first.flush()
        #expect(throws: FileError(.flush, "/a", .ioError)) { try second.flush() }
        try second.flush()
    }

    @Test func `A write-back that fails unasked is told by the next flush of each open descriptor`() throws {
        let disk = SimulatedDisk()
        let file = try durable("old", on: disk)
        try file.put("new", at: 0)
        disk.rates = FaultRates(writeBack: 1)
        _ = try file.status()
        disk.rates = .none
        let fresh = try disk.open("/a", .readWrite)
        try fresh.flush()
        #expect(throws: FileError(.flush, "/a", .ioError)) { try file.flush() }
        try file.flush()
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["old"])
    }

    @Test func `An interrupted flush has given up nothing, nor has one that a crash prevents`() throws {
        let disk = SimulatedDisk()
        let file = try durable("old", on: disk)
        try file.put("new", at: 0)
        disk.inject(Fault(.fail(.interrupted), [.flush]))
        #expect(throws: FileError(.flush, "/a", .interrupted)) { try file.flush() }
        let copy = disk.copy()
        copy.crash()
        #expect(throws: FileError.self) { try copy.open("/a", .read) }
        copy.restart(.everything)
        #expect(text("/a", copy) == "new")
        try file.flush()
        #expect(Set(outcomes(disk).map { text("/a", $0) }) == ["new"])
    }

    // MARK: the whole

    @Test func `The same seed leaves the same disk, and after a cut nothing is at risk`() throws {
        func run(_ seed: UInt64) throws -> SimulatedDisk {
            let disk = SimulatedDisk(seed: seed)
            for number in 0..<20 {
                let file = try disk.open(FilePath("/\(number)"), .create)
                try file.put(String(repeating: "\(number)", count: 1000), at: 0)
                if number % 3 == 0 { try file.flush() }
                if number % 4 == 0 { try disk.rename(FilePath("/\(number)"), to: FilePath("/r\(number % 8)")) }
            }
            disk.restart()
            return disk
        }
        func content(_ disk: SimulatedDisk) throws -> [String: [UInt8]] {
            try Dictionary(
                uniqueKeysWithValues: disk.entries(of: "/").map {
                    ($0, try disk.open(FilePath("/\($0)"), .read).bytes())
                })
        }
        var different: Set<[String: [UInt8]]> = []
        for seed in UInt64(0)..<20 {
            let disk = try run(seed)
            let before = try content(disk)
            #expect(try content(run(seed)) == before)
            // Two names of one file share its bytes.
            #expect(disk.usedBytes == Set(before.values).reduce(0) { $0 + $1.count })
            for disk in outcomes(disk, draws: 5) { #expect(try content(disk) == before) }
            different.insert(before)
        }
        #expect(different.count > 10)
    }
}
