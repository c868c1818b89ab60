// Things that no line of ours does, whatever the reason. Where a reason can justify it, the rule asks to read the reason.

import Testing

@Suite("Banned code")
struct BannedCodeTests {
    @Test("no try! anywhere")
    func forcedTry() {
        expectNone(in: Repository.swift, Self.forcedTryRule)
    }

    @Test("the rule finds try!")
    func findsForcedTry() {
        #expect(count(Self.forcedTryRule, in: "let x = try! f()") == 1)
        #expect(count(Self.forcedTryRule, in: "let x = try f() // not try!\nlet y = \"try!\"") == 0)
    }

    @Test("no try? around flush, close and rename")
    func ignoredFailure() {
        expectNone(in: Repository.sources, Self.ignoredFailureRule)
    }

    @Test("the rule finds an ignored failure")
    func findsIgnoredFailure() {
        #expect(count(Self.ignoredFailureRule, in: "try? file.flush()") == 1)
        #expect(count(Self.ignoredFailureRule, in: "defer { _ = try? closeAll() }") == 1)
        #expect(count(Self.ignoredFailureRule, in: "let x = try? parse(); isClosed = true") == 0)
    }

    @Test("nothing is left to do in what is committed")
    func unfinished() {
        expectNone(in: Repository.swift, Self.unfinishedRule)
    }

    @Test("the rule finds unfinished work")
    func findsUnfinished() {
        #expect(count(Self.unfinishedRule, in: "f() // TODO: later") == 1)
        #expect(count(Self.unfinishedRule, in: "/* FIXME */") == 1)
        #expect(count(Self.unfinishedRule, in: "// see TODOs.md\nlet text = \"TODO\"") == 0)
    }

    @Test("C36 no FileHandle in sources")
    func fileHandle() {
        expectNone(in: Repository.sources, Self.fileHandleRule)
    }

    @Test("the rule finds FileHandle")
    func findsFileHandle() {
        #expect(count(Self.fileHandleRule, in: "let input = FileHandle.standardInput") == 1)
        #expect(count(Self.fileHandleRule, in: "struct LogFileHandle {}") == 0)
    }

    @Test("what the compiler is told to believe is argued for")
    func unchecked() {
        expectNone(in: Repository.sources, Self.uncheckedRule)
    }

    @Test("the rule finds unargued claims")
    func findsUnchecked() {
        let far = String(repeating: "\n", count: 6)
        #expect(
            count(Self.uncheckedRule, in: "// Safety: set once, before any thread.\nnonisolated(unsafe) var x = 0") == 0
        )
        #expect(count(Self.uncheckedRule, in: "nonisolated(unsafe) var x = 0") == 1)
        #expect(count(Self.uncheckedRule, in: "// Safety: far away.\n\(far)final class C: @unchecked Sendable {}") == 1)
        #expect(count(Self.uncheckedRule, in: "let text = \"Safety:\"\nfinal class C: @unchecked Sendable {}") == 1)
    }

    private static func forcedTryRule(_ file: SourceFile) -> [Finding] {
        file.findings(where: { $0.contains("try!") }, "no try!: handle the error or let it out")
    }

    private static func ignoredFailureRule(_ file: SourceFile) -> [Finding] {
        file.findings(
            where: { line in
                guard let ignoring = line.firstRange(of: "try?") else { return false }
                return calls(in: String(line[ignoring.upperBound...])).contains { call in
                    nameParts(call.name).contains { ["flush", "close", "rename"].contains($0.lowercased()) }
                }
            },
            "a failed flush, close or rename is never ignored")
    }

    private static func unfinishedRule(_ file: SourceFile) -> [Finding] {
        let isUnfinished = { (line: String) in hasWord("TODO", in: line) || hasWord("FIXME", in: line) }
        return file.findings(where: isUnfinished, in: \.comments, "do it now or write an issue")
    }

    private static func fileHandleRule(_ file: SourceFile) -> [Finding] {
        file.findings(where: { hasWord("FileHandle", in: $0) }, "FileHandle hides errors: use the file-system seam")
    }

    private static func uncheckedRule(_ file: SourceFile) -> [Finding] {
        file.code.enumerated().compactMap { index, line in
            guard line.contains("nonisolated(unsafe)") || line.contains("@unchecked Sendable") else { return nil }
            let near = file.comments[max(0, index - 6)...index]
            guard !near.contains(where: { $0.contains("Safety:") }) else { return nil }
            return Finding(
                path: file.path, line: index + 1, message: "say why it is safe: a comment \"Safety: …\" just above")
        }
    }
}
