// Lines out of pieces, cut at every place.

import Testing

@testable import DaybookText

@Suite("Line parser")
struct LineParserTests {
    @Test(
        "lines without their ends",
        arguments: [
            ("a\nb\n", ["a", "b"]), ("a\nb", ["a", "b"]), ("a\r\nb\r\n", ["a", "b"]), ("", []), ("\n\n", ["", ""]),
            ("\r\n", [""]), ("a\rb\n", ["a\rb"]), ("a\r", ["a\r"]), ("one\n\ntwo", ["one", "", "two"]),
        ])
    func parses(_ text: String, _ expected: [String]) throws {
        let bytes = Array(text.utf8)
        for size in 1...max(1, bytes.count) {
            var parser = LineParser(limit: 100)
            var lines: [String] = []
            let take = { (line: UnsafeRawBufferPointer) in String(decoding: line, as: UTF8.self) }
            for start in stride(from: 0, to: bytes.count, by: size) {
                try bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { piece in
                    parser.give(piece)
                    while let line = try parser.next(take) { lines.append(line) }
                }
            }
            if let line = try parser.last(take) { lines.append(line) }
            #expect(lines == expected, "in pieces of \(size)")
            #expect(parser.line == expected.count)
        }
    }

    @Test("a line that is too long is refused before it fills the memory")
    func refuses() {
        var parser = LineParser(limit: 10)
        let bytes = Array("short\nthis one is too long".utf8)
        #expect(throws: LineParser.LineTooLong(line: 2)) {
            try bytes.withUnsafeBytes { piece in
                parser.give(piece)
                while try parser.next({ $0.count }) != nil {}
            }
        }
    }
}
