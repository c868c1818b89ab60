// CSV by RFC 4180: every rule of it, whole and cut into pieces at every place, and what is not allowed.

import Testing

@testable import DaybookText

@Suite("CSV parser")
struct CSVParserTests {
    @Test(
        "rows and fields",
        arguments: [
            ("a,b,c\n1,2,3\n", [["a", "b", "c"], ["1", "2", "3"]]),
            ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]),
            ("a,b\n1,2", [["a", "b"], ["1", "2"]]),
            ("\u{FEFF}a,b\n", [["a", "b"]]),
            ("\"a\",\"b,c\"\n", [["a", "b,c"]]),
            ("\"a\nb\",\"c\r\nd\"\n", [["a\nb", "c\r\nd"]]),
            ("\"he said \"\"yes\"\"\",\"\"\"\"\n", [["he said \"yes\"", "\""]]),
            (",,\n\"\",\"\"\n", [["", "", ""], ["", ""]]),
            ("a,", [["a", ""]]), ("a,b\n\nc,d\n", [["a", "b"], [""], ["c", "d"]]),
            ("é,日本\n", [["é", "日本"]]), ("\"x\"", [["x"]]), ("", []), ("\u{FEFF}", []), (" a , \"b\n", nil),
            ("a b\t,c\n", [["a b\t", "c"]]), ("\u{FEFF}\"a\"\n", [["a"]]),
        ] as [(String, [[String]]?)])
    func parses(_ text: String, _ expected: [[String]]?) throws {
        let bytes = Array(text.utf8)
        for size in 1...max(1, bytes.count) {
            let rows = try? rows(bytes, size: size)
            #expect(rows == expected, "in pieces of \(size)")
        }
    }

    @Test(
        "what is not allowed is told with its line",
        arguments: [
            ("a,b\n1,x\"y\n", CSVProblem(kind: .quoteInUnquotedField, line: 2)),
            ("a,b\n\"1\"x,2\n", CSVProblem(kind: .textBehindQuote, line: 2)),
            ("a\n\"1\n2\"\n\"3\"x\n", CSVProblem(kind: .textBehindQuote, line: 4)),
            ("a\n1\n\"2\n3\n4", CSVProblem(kind: .unclosedQuote, line: 3)),
            ("a\rb\n", CSVProblem(kind: .returnWithoutLineFeed, line: 1)),
            ("a\r", CSVProblem(kind: .returnWithoutLineFeed, line: 1)),
            ("a\n\n" + String(repeating: "x", count: 2000) + "\n", CSVProblem(kind: .rowTooLong(limit: 1000), line: 3)),
        ])
    func refuses(_ text: String, _ problem: CSVProblem) {
        let bytes = Array(text.utf8)
        for size in [1, 2, 3, 7, bytes.count] {
            #expect(throws: problem) { try rows(bytes, size: size) }
        }
    }

    @Test("rows know the line where they begin")
    func lines() throws {
        var parser = CSVParser(limit: 1000)
        var lines: [Int] = []
        try Array("a\n\"b\nc\nd\"\ne\n".utf8).withUnsafeBytes { bytes in
            parser.give(bytes)
            while try parser.next() { lines.append(parser.row.line) }
        }
        #expect(lines == [1, 2, 5])
    }

    private func rows(_ bytes: [UInt8], size: Int) throws -> [[String]] {
        var parser = CSVParser(limit: 1000)
        var rows: [[String]] = []
        func take() {
            let row = parser.row
            rows.append((0..<row.fieldsCount).map { String(decoding: row.field($0), as: UTF8.self) })
        }
        for start in stride(from: 0, to: bytes.count, by: size) {
            try bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { piece in
                parser.give(piece)
                while try parser.next() { take() }
            }
        }
        if try parser.finish() { take() }
        return rows
    }
}
