// Types and functions that other modules see say their contract. Properties and initialisers may speak for themselves, and what
// a protocol asks for is told at the protocol.

import Testing

@Suite("Documentation")
struct DocumentationTests {
    @Test("public and package types and functions have a documentation comment")
    func holds() {
        let promised = Set(Repository.sources.flatMap(Self.requirements))
        expectNone(in: Repository.sources) { Self.rule($0, promised: promised) }
    }

    @Test("the rule finds what is not documented")
    func finds() {
        let rule = { Self.rule($0, promised: ["status"]) }
        #expect(count(rule, in: "package func append() {}") == 1)
        #expect(count(rule, in: "@inlinable\npublic struct Log {") == 1)
        #expect(count(rule, in: "/// A log.\n@inlinable\npublic struct Log {") == 0)
        #expect(count(rule, in: "package func status() {}\npublic let size: Int\nfunc own() {}") == 0)
        #expect(count(rule, in: "public static func < (a: Self, b: Self) -> Bool") == 0)
    }

    @Test("requirements are what stands in a protocol's braces")
    func findsRequirements() {
        let text =
            "package protocol File {\n    /// Bytes.\n    func size() -> Int\n}\nstruct S {\n    func other() {}\n}\n"
        #expect(Self.requirements(SourceFile(path: "a.swift", text: text)) == ["size"])
    }

    /// Asked for by protocols of the standard library.
    private static let standard: Set = ["encode", "hash", "next", "makeIterator", "makeAsyncIterator"]

    private static func rule(_ file: SourceFile, promised: Set<String>) -> [Finding] {
        file.code.indices.compactMap { index in
            let line = file.code[index]
            guard hasWord("public", in: line) || hasWord("package", in: line), !line.contains("import "),
                let (keyword, name) = declaration(in: line),
                NamingTests.typeKeywords.contains(keyword) || (keyword == "func" && !isOperator(line)),
                !promised.contains(name), !standard.contains(name)
            else { return nil }
            let above = file.lines[..<index].last { !$0.drop(while: \.isWhitespace).hasPrefix("@") }
            guard above?.drop(while: \.isWhitespace).hasPrefix("///") != true else { return nil }
            return Finding(path: file.path, line: index + 1, message: "\(keyword) \(name) does not say its contract")
        }
    }

    private static func isOperator(_ line: String) -> Bool {
        line.contains(/func\s+[^\w\s]/)
    }

    /// Names of the functions that the file's protocols ask for. Formatted code closes a brace where its line began.
    private static func requirements(_ file: SourceFile) -> [String] {
        var names: [String] = []
        var closing: String?
        for line in file.code {
            let indent = line.prefix(while: { $0 == " " })
            if let end = closing {
                if line.hasPrefix(end) { closing = nil }
                if let (keyword, name) = declaration(in: line), keyword == "func" { names.append(name) }
            } else if let (keyword, _) = declaration(in: line), keyword == "protocol", !line.contains("}") {
                closing = indent + "}"
            }
        }
        return names
    }
}
