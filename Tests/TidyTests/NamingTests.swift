// Names that say nothing are not given, and one thing has one name: the glossary's.

import Testing

@Suite("Naming")
struct NamingTests {
    @Test("no file or type is named for being a helper")
    func empty() {
        expectNone(in: Repository.swift, Self.emptyWordRule)
    }

    @Test("the rule finds names that say nothing")
    func findsEmpty() {
        #expect(count(Self.emptyWordRule, in: "struct SegmentManager {}") == 1)
        #expect(count(Self.emptyWordRule, in: "package final class LogBase {}") == 1)
        #expect(count(Self.emptyWordRule, in: "enum FileUtils {}", at: "Sources/DaybookFiles/File+Helpers.swift") == 2)
        #expect(count(Self.emptyWordRule, in: "struct Base64Text {}\nlet baseOffset = 0\nstruct Implied {}") == 0)
        #expect(count(Self.emptyWordRule, in: "struct CommonName {}") == 1)
    }

    @Test("what other modules see is named as the glossary names it")
    func glossary() {
        expectNone(in: Repository.sources, Self.glossaryRule)
    }

    @Test("the rule finds synonyms in declarations")
    func findsSynonyms() {
        #expect(count(Self.glossaryRule, in: "public struct MessageSet {}") == 1)
        #expect(count(Self.glossaryRule, in: "package func rotateSegment() {}") == 1)
        #expect(count(Self.glossaryRule, in: "public var message: String") == 0)
        #expect(count(Self.glossaryRule, in: "func sync() {}\nvar chunk = 0") == 0)
        #expect(count(Self.glossaryRule, in: "package mutating func sync() {}\n") == 1)
        #expect(count(Self.glossaryRule, in: "public var backlog: Int\npublic var lag: Int") == 1)
    }

    private static let emptyWords: Set = [
        "Common", "Helper", "Helpers", "Impl", "Manager", "Util", "Utilities", "Utils",
    ]

    private static func saysNothing(_ name: some StringProtocol) -> Bool {
        let parts = nameParts(name)
        return parts.contains(where: emptyWords.contains) || parts.last == "Base"
    }

    private static func emptyWordRule(_ file: SourceFile) -> [Finding] {
        let stem = file.name.split(separator: ".").first ?? ""
        let ofFile =
            saysNothing(stem)
            ? [Finding(path: file.path, line: 1, message: "the file's name says nothing about it")] : []
        let ofTypes = file.findings(
            where: { line in
                guard let (keyword, name) = declaration(in: line) else { return false }
                return typeKeywords.contains(keyword) && saysNothing(name)
            }, "the type's name says nothing about it")
        return ofFile + ofTypes
    }

    static let typeKeywords: Set = ["actor", "class", "enum", "protocol", "struct", "typealias"]

    /// What not to say → the glossary's word. Lower case, whole parts of a name.
    private static let synonyms = [
        "backlog": "lag", "chunk": "record batch", "chunks": "record batches", "cleanup": "retention or compaction",
        "gc": "retention or compaction", "hole": "gap", "holes": "gaps", "lso": "last stable offset",
        "purge": "delete records",
        "rotate": "roll", "rotation": "roll", "shard": "segment", "shards": "segments", "sync": "flush",
        "trim": "truncate",
    ]

    /// Only wrong as a noun of ours: an error may well have a message and a file system a block size.
    private static let typeSynonyms = ["block": "record batch", "blocks": "record batches", "message": "record"]

    private static func glossaryRule(_ file: SourceFile) -> [Finding] {
        file.code.enumerated().flatMap { index, line -> [Finding] in
            guard hasWord("public", in: line) || hasWord("package", in: line),
                let (keyword, name) = declaration(in: line)
            else { return [] }
            return nameParts(name).compactMap { part in
                let word = part.lowercased()
                let isType = typeKeywords.contains(keyword)
                guard let better = synonyms[word] ?? (isType ? typeSynonyms[word] : nil) else { return nil }
                return Finding(
                    path: file.path, line: index + 1, message: "\(name): the glossary says \(better), not \(word)")
            }
        }
    }
}
