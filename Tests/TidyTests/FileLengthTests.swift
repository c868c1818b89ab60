// A file has one noun and fits into a reader's head: 400 lines at most, in tests 500.

import Testing

@Suite("File length")
struct FileLengthTests {
    @Test("no file is longer than its limit")
    func holds() {
        expectNone(in: Repository.swift, Self.rule)
    }

    @Test("the rule finds a file that is too long")
    func finds() {
        let lines = { (count: Int) in String(repeating: "//\n", count: count) }
        #expect(count(Self.rule, in: lines(400)) == 0)
        #expect(count(Self.rule, in: lines(401)) == 1)
        #expect(count(Self.rule, in: lines(500), at: "Tests/DaybookTests/Long.swift") == 0)
        #expect(count(Self.rule, in: lines(501), at: "Tests/DaybookTests/Long.swift") == 1)
    }

    private static func rule(_ file: SourceFile) -> [Finding] {
        let limit = file.isUnder("Tests") ? 500 : 400
        guard file.lines.count > limit else { return [] }
        return [
            Finding(
                path: file.path, line: limit + 1,
                message: "\(file.lines.count) lines, at most \(limit): split it by noun")
        ]
    }
}
