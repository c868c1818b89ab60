// What no call of ours to the system may be: a flush that ends in the drive's cache, or a file mapped into memory.

import Testing

@Suite("System calls")
struct SystemCallTests {
    @Test("C24 on Apple systems every flush is a full one")
    func flushes() {
        expectNone(in: Repository.sources, Self.flushRule)
        let full = Repository.sources.flatMap { file in file.code.filter { hasWord("F_FULLFSYNC", in: $0) } }
        #expect(full.count >= 2, "files and folders")
    }

    @Test("the rule finds a flush that Apple's systems would take lightly")
    func findsFlushes() {
        let guarded = "#if canImport(Darwin)\nfcntl(fd, F_FULLFSYNC)\n#else\nfdatasync(fd)\n#endif"
        #expect(count(Self.flushRule, in: guarded) == 0)
        #expect(count(Self.flushRule, in: "fsync(fd)") == 1)
        #expect(count(Self.flushRule, in: "#if canImport(Darwin)\nfsync(fd)\n#endif") == 1)
        #expect(count(Self.flushRule, in: "#if canImport(Glibc)\nfsync(fd)\n#else\nfsync(fd)\n#endif") == 1)
        #expect(count(Self.flushRule, in: "#if DEBUG\n#else\nfsync(fd)\n#endif") == 1)
        #expect(count(Self.flushRule, in: guarded + "\nfsync(fd)") == 1)
        #expect(count(Self.flushRule, in: "// fsync(fd)\nfile.fsync()") == 0)
    }

    @Test("C29 no file is mapped into memory")
    func mappings() {
        expectNone(in: Repository.sources, Self.mappingRule)
    }

    @Test("the rule finds a mapping")
    func findsMappings() {
        #expect(count(Self.mappingRule, in: "let p = mmap(nil, 1, 2, 3, fd, 0)") == 1)
        #expect(count(Self.mappingRule, in: "try Data(contentsOf: url, options: .mappedIfSafe)") == 1)
        #expect(count(Self.mappingRule, in: "try Data(contentsOf: url, options: [.alwaysMapped])") == 1)
        #expect(count(Self.mappingRule, in: "// never mmap\nlet isMapped = true") == 0)
    }

    /// Finds `fsync` and `fdatasync` wherever the code might be compiled for an Apple system.
    private static func flushRule(_ file: SourceFile) -> [Finding] {
        // For each condition that is open: whether what stands here is surely not for Apple's systems.
        var isElsewhere: [(here: Bool, otherwise: Bool)] = []
        return file.code.enumerated().compactMap { index, line in
            let text = line.drop { $0 == " " }
            if text.hasPrefix("#if ") {
                isElsewhere.append((isOther(text), text.contains("canImport(Darwin)")))
            } else if text.hasPrefix("#else"), let last = isElsewhere.popLast() {
                isElsewhere.append((last.otherwise || isOther(text), last.otherwise))
            } else if text.hasPrefix("#endif") {
                _ = isElsewhere.popLast()
            }
            let flushes = calls(in: line).contains { $0.before.isEmpty && ["fsync", "fdatasync"].contains($0.name) }
            guard flushes, !isElsewhere.contains(where: \.here) else { return nil }
            return Finding(path: file.path, line: index + 1, message: "on Apple systems F_FULLFSYNC flushes")
        }
    }

    private static func isOther(_ condition: Substring) -> Bool {
        condition.contains("canImport(Glibc)") || condition.contains("canImport(Musl)")
            || condition.contains("os(Linux)")
    }

    private static func mappingRule(_ file: SourceFile) -> [Finding] {
        let words = ["mmap", "mmap64", "mappedIfSafe", "alwaysMapped"]
        return file.findings(
            where: { line in words.contains { hasWord($0, in: line) } },
            "a mapped file that becomes shorter, or a full disk under it, ends the process")
    }
}
