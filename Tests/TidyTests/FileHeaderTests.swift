// Whoever opens a source file is told in two to six lines what lives there.

import Testing

@Suite("File header")
struct FileHeaderTests {
    @Test("every source file says in 2 to 6 comment lines what lives there")
    func holds() {
        expectNone(in: Repository.sources, Self.rule)
    }

    @Test("the rule finds a missing, a short and a long header")
    func finds() {
        let header = { (count: Int) in String(repeating: "// Words.\n", count: count) + "\nstruct S {}\n" }
        #expect([2, 6].map { count(Self.rule, in: header($0)) } == [0, 0])
        #expect([0, 1, 7].map { count(Self.rule, in: header($0)) } == [1, 1, 1])
        #expect(count(Self.rule, in: "/// Of the type.\n/// Not of the file.\nstruct S {}\n") == 1)
        #expect(count(Self.rule, in: "//\n//\nstruct S {}\n") == 1)
    }

    private static func rule(_ file: SourceFile) -> [Finding] {
        let header = file.lines.prefix { $0.hasPrefix("//") && !$0.hasPrefix("///") }
        let saying = header.filter { $0.contains(where: \.isLetter) }
        guard !(2...6).contains(header.count) || saying.count < 2 else { return [] }
        return [Finding(path: file.path, line: 1, message: "begin with 2 to 6 lines of // that say what lives here")]
    }
}
