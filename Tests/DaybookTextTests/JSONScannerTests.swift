// JSON by RFC 8259: what is JSON, what is not, and what paths find. Agrees with Foundation's parser, which is the judge.

import Foundation
import Testing

@testable import DaybookText

@Suite("JSON scanner")
struct JSONScannerTests {
    private static let valid = [
        "{}", "[]", "null", "true", "false", "0", "-0", "1.5", "-1e10", "1E+2", "12e-3", "\"\"", "\"a\\n\\u00e9\\/\"",
        "{\"a\":1}", " { \"a\" : [ 1 , 2 , { } ] } ", "[1,[2,[3]]]", "\"日本\"", "\"\\ud83d\\ude00\"", "\t\r\n1\n",
        "{\"\":\"\"}", "[true,false,null]", "{\"a\":{\"b\":{\"c\":[]}}}", "\"\u{7f}\"",
    ]
    private static let invalid = [
        "", " ", "{", "}", "[", "[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}", "[1 2]", "{\"a\" 1}", "{\"a\":}", "{1:2}",
        "01", "-", "1.", ".5", "1e", "+1", "0x10", "NaN", "Infinity", "tru", "nul", "truefalse", "\"", "\"\\x\"",
        "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "\"a\tb\"", "1 2", "{} {}", "[1]]", "\"a\"b", "//1", "[,1]", "{,}",
        "{\"a\":1 \"b\":2}", "\u{FEFF}1",
    ]

    @Test("what is JSON", arguments: valid)
    func accepts(_ text: String) throws {
        _ = try scan(text)
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    @Test("what is not JSON", arguments: invalid)
    func refuses(_ text: String) {
        #expect(throws: JSONProblem.self) { try scan(text) }
    }

    @Test("bytes that are not UTF-8 are told with their place")
    func notUTF8() {
        let bytes: [UInt8] = [UInt8(ascii: "\""), 0xC3, 0x28, UInt8(ascii: "\"")]
        #expect(throws: JSONProblem(reason: "the bytes are not UTF-8", place: 1)) {
            try bytes.withUnsafeBytes { bytes throws(JSONProblem) in try JSONScanner.scan(bytes) }
        }
    }

    @Test("nesting is bounded")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try scan(nested(512))
        #expect(throws: JSONProblem.self) { try scan(nested(513)) }
        #expect(throws: JSONProblem.self) { try scan(String(repeating: "[", count: 1_000_000)) }
    }

    @Test("every truncation of a text is refused")
    func truncated() throws {
        let text = "{\"a\":[1,2.5e3,\"x\\u00e9\\n\"],\"b\":{\"c\":null,\"d\":true}}"
        for count in 0..<text.utf8.count {
            #expect(throws: JSONProblem.self) { try scan(String(decoding: Array(text.utf8)[..<count], as: UTF8.self)) }
        }
    }

    @Test(
        "what a path finds",
        arguments: [
            ("{\"id\":\"x\"}", "id", "x"), ("{\"order\":{\"id\":17}}", "order.id", "17"),
            ("{\"lines\":[{\"sku\":\"A\"},{\"sku\":\"B\"}]}", "lines[1].sku", "B"),
            ("[[1,2],[3,4]]", "[1][0]", "3"), ("{\"a.b\":{\"c\":true}}", "[\"a.b\"].c", "true"),
            ("{\"a\":null}", "a", nil), ("{\"b\":1}", "a", nil), ("{\"a\":[1]}", "a[1]", nil),
            ("{\"x\":{\"a\":1},\"a\":2}", "a", "2"), ("{\"a\":1,\"a\":2}", "a", "2"),
            ("{\"a\":{\"b\":1},\"a\":{}}", "a.b", nil), ("{\"\\u0061\":\"\\u00e9\\t\"}", "a", "é\t"),
            ("{\"a\":\"\\ud83d\\ude00\"}", "a", "😀"), ("{\"a\":\"\\ud83d\"}", "a", "\u{FFFD}"),
            ("{\"ä\":1.50}", "ä", "1.50"), ("5", "a", nil), ("{\"a\":\"\"}", "a", ""),
        ] as [(String, String, String?)])
    func finds(_ text: String, _ path: String, _ expected: String?) throws {
        let bytes = Array(text.utf8)
        let found = try bytes.withUnsafeBytes { bytes in
            switch try JSONScanner.scan(bytes, path: JSONPath(path)) {
            case .string(let range, _): String(decoding: JSONScanner.unescaped(bytes, range), as: UTF8.self)
            case .scalar(let range): String(decoding: bytes[range], as: UTF8.self)
            case .object, .array: "container"
            case nil, .null: String?.none
            }
        }
        #expect(found == expected)
    }

    @Test("objects and arrays are told as such")
    func containers() throws {
        for (text, expected) in [("{\"a\":{}}", JSONFound.object), ("{\"a\":[1]}", .array)] {
            let found = try Array(text.utf8).withUnsafeBytes { try JSONScanner.scan($0, path: JSONPath("a")) }
            #expect(found == expected)
        }
    }

    @Test(
        "a name that stands in one object twice is refused where somebody asks for it",
        arguments: [
            (#"{"a":1,"b":{"a":2},"a":3}"#, 19), (#"[{"a":1,"\u0061":2}]"#, 8), (#"{"é":1,"é":2}"#, 8),
            (#"{"b":[{"x":1,"x":2}]}"#, 13),
        ])
    func repeatedNames(text: String, place: Int) throws {
        let bytes = Array(text.utf8)
        let problem = #expect(throws: JSONProblem.self) {
            try bytes.withUnsafeBytes { try JSONScanner.scan($0, refusesRepeatedNames: true) }
        }
        #expect(problem?.place == place)
        _ = try scan(text)
        _ = try Array(#"{"a":{"a":1},"A":[{"a":1},{"a":2}]}"#.utf8).withUnsafeBytes {
            try JSONScanner.scan($0, refusesRepeatedNames: true)
        }
    }

    @Test("what is no path", arguments: ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a[\"b]", "a[1]b"])
    func refusesPath(_ text: String) {
        #expect(throws: (any Error).self) { try JSONPath(text) }
    }

    @Test("paths are steps")
    func paths() throws {
        #expect(try JSONPath("a.b").steps == [.member(Array("a".utf8)), .member(Array("b".utf8))])
        #expect(
            try JSONPath("a[2][\"x]\"]").steps == [.member(Array("a".utf8)), .element(2), .member(Array("x]".utf8))])
    }

    private func scan(_ text: String) throws -> JSONFound? {
        try Array(text.utf8).withUnsafeBytes { try JSONScanner.scan($0) }
    }
}
