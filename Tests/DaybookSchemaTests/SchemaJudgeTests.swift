// Random schemas and documents, judged by ourselves and by an implementation that shares nothing with ours: jsonschema,
// from PyPI, run by Tests/Judge/schema_judge.py. Patterns and formats are left out: the dialects of their judges differ.

import Foundation
import Testing

@testable import DaybookSchema

@Suite("Schemas and their judge")
struct SchemaJudgeTests {
    @Test(
        "random documents fare as with jsonschema", .enabled(if: SchemaJudge.interpreter != nil, SchemaJudge.absence),
        arguments: [false, true])
    func agrees(isDraft7: Bool) async throws {
        var random = RandomSchema(seed: isDraft7 ? 7 : 2020, isDraft7: isDraft7)
        let cases = (0..<400).map { _ in (random.schema(), (0..<12).map { _ in random.document(depth: 3) }) }
        let verdicts = try await SchemaJudge.verdicts(of: cases)
        var accepted = 0
        for ((schema, documents), verdicts) in zip(cases, verdicts) {
            let compiled = try JSONSchema(schema.utf8)
            for (document, verdict) in zip(documents, verdicts) {
                let value = try JSONValue(parsing: document.utf8)
                #expect(compiled.accepts(value) == verdict, "\(schema) on \(document)")
                accepted += verdict ? 1 : 0
            }
        }
        // Were nearly all refused or accepted, agreement would mean little.
        #expect((1_000...3_800).contains(accepted), "\(accepted) of 4,800 documents are valid")
    }
}

/// Asks the judge, in a process of its own.
private enum SchemaJudge {
    static let interpreter = ProcessInfo.processInfo.environment["DAYBOOK_PYTHON"].flatMap { $0.isEmpty ? nil : $0 }
    static let absence: Comment = "DAYBOOK_PYTHON names no Python with jsonschema (tools/test prepares one)"

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func verdicts(of cases: [(String, [String])]) async throws -> [[Bool]] {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Judge/schema_judge.py")
        let folder = FileManager.default.temporaryDirectory.appending(path: "daybook-schemas-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (source, target) = (folder.appending(path: "input"), folder.appending(path: "output"))
        let texts = cases.map { "{\"schema\": \($0.0), \"documents\": [\($0.1.joined(separator: ","))]}" }
        try Data("[\(texts.joined(separator: ",\n"))]".utf8).write(to: source)
        let process = Process()
        process.executableURL = URL(filePath: interpreter ?? "")
        process.arguments = ["-B", script.standardizedFileURL.path(), source.path(), target.path()]
        process.standardInput = FileHandle.nullDevice
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        guard process.terminationStatus == 0 else {
            throw Failure(description: "jsonschema ended with status \(process.terminationStatus)")
        }
        return try JSONDecoder().decode([[Bool]].self, from: Data(contentsOf: target))
    }
}

/// Makes schemas and documents over few names and values, so that they often concern each other. The same seed makes the
/// same ones.
private struct RandomSchema {
    private var state: UInt64
    private let isDraft7: Bool
    private let names = ["a", "b", "c", "x/y"]
    private let numbers = ["0", "1", "2", "3", "1.0", "2.5", "-1", "0.01", "19.99", "1e2"]
    private let strings = ["\"\"", "\"a\"", "\"bc\"", "\"日本\"", "\"\\ud83d\\ude00\""]

    init(seed: UInt64, isDraft7: Bool) {
        state = seed
        self.isDraft7 = isDraft7
    }

    /// SplitMix64.
    private mutating func below(_ limit: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((bits ^ bits >> 31) >> 1) % limit
    }

    private mutating func one(of choices: [String]) -> String { choices[below(choices.count)] }

    mutating func document(depth: Int) -> String {
        switch below(depth > 0 ? 10 : 6) {
        case 0: return "null"
        case 1: return one(of: ["true", "false"])
        case 2, 3: return one(of: numbers)
        case 4, 5: return one(of: strings)
        case 6, 7: return "[\(list(3) { $0.document(depth: depth - 1) })]"
        default: return "{\(members(4) { $0.document(depth: depth - 1) })}"
        }
    }

    mutating func schema() -> String {
        let dialect =
            isDraft7 ? "http://json-schema.org/draft-07/schema#" : "https://json-schema.org/draft/2020-12/schema"
        let definitions = isDraft7 ? "definitions" : "$defs"
        return """
            {"$schema": "\(dialect)", "\(definitions)": {"d": \(part(depth: 1, mayRefer: false))}, \(keywords(depth: 3))}
            """
    }

    private mutating func part(depth: Int, mayRefer: Bool = true) -> String {
        switch below(12) {
        case 0: "true"
        case 1: "false"
        case 2 where mayRefer: "{\"$ref\": \"#/\(isDraft7 ? "definitions" : "$defs")/d\"}"
        default: "{\(keywords(depth: depth, mayRefer: mayRefer))}"
        }
    }

    private mutating func keywords(depth: Int, mayRefer: Bool = true) -> String {
        var chosen: [String: String] = [:]
        for _ in 0...below(3) {
            let (keyword, value) = keyword(depth: depth, mayRefer: mayRefer)
            chosen[keyword] = value
        }
        return chosen.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ")
    }

    private mutating func keyword(depth: Int, mayRefer: Bool) -> (String, String) {
        func sub(_ self: inout Self) -> String { self.part(depth: depth - 1, mayRefer: mayRefer) }
        switch below(depth > 0 ? 26 : 13) {
        case 0:
            return (
                "type",
                one(of: [
                    "\"integer\"", "\"number\"", "\"string\"", "[\"object\", \"null\"]", "[\"array\", \"integer\"]",
                ])
            )
        case 1: return ("enum", "[\(document(depth: 1)), \(document(depth: 0)), \(document(depth: 0))]")
        case 2: return ("const", document(depth: 1))
        case 3: return ("minimum", one(of: numbers))
        case 4: return ("exclusiveMaximum", one(of: numbers))
        case 5: return ("multipleOf", one(of: ["1", "2", "0.01", "0.5"]))
        case 6: return ("minLength", "\(below(3))")
        case 7: return ("maxLength", "\(below(3))")
        case 8: return (one(of: ["minItems", "maxItems"]), "\(below(4))")
        case 9: return ("uniqueItems", one(of: ["true", "false"]))
        case 10: return (one(of: ["minProperties", "maxProperties"]), "\(below(4))")
        case 11: return ("required", "[\"\(one(of: names))\"]")
        case 12:
            let names = "{\"a\": [\"b\"], \"c\": [\"a\", \"x/y\"]}"
            return (isDraft7 ? "dependencies" : "dependentRequired", names)
        case 13, 14: return ("properties", "{\(members(3, sub))}")
        case 15: return ("additionalProperties", sub(&self))
        case 16: return ("propertyNames", "{\"maxLength\": \(1 + below(3))}")
        case 17: return ("items", isDraft7 && below(2) == 0 ? "[\(sub(&self)), \(sub(&self))]" : sub(&self))
        case 18: return isDraft7 ? ("additionalItems", sub(&self)) : ("prefixItems", "[\(sub(&self)), \(sub(&self))]")
        case 19: return ("contains", sub(&self))
        case 20: return isDraft7 ? ("contains", sub(&self)) : (one(of: ["minContains", "maxContains"]), "\(below(3))")
        case 21: return (one(of: ["allOf", "anyOf", "oneOf"]), "[\(sub(&self)), \(sub(&self))]")
        case 22: return ("not", sub(&self))
        case 23: return ("if", sub(&self))
        case 24: return ("then", sub(&self))
        default: return ("else", sub(&self))
        }
    }

    private mutating func list(_ limit: Int, _ make: (inout Self) -> String) -> String {
        var elements: [String] = []
        for _ in 0..<below(limit + 1) { elements.append(make(&self)) }
        return elements.joined(separator: ", ")
    }

    private mutating func members(_ limit: Int, _ make: (inout Self) -> String) -> String {
        var members: [String: String] = [:]
        for _ in 0..<below(limit + 1) { members[one(of: names)] = make(&self) }
        return members.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ")
    }
}
