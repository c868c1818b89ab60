// A trap is for a programmer's mistake, and it tells the programmer in a sentence which mistake it was.

import Testing

@Suite("Traps")
struct TrapTests {
    @Test("every trap says a sentence")
    func holds() {
        expectNone(in: Repository.sources, Self.rule)
    }

    @Test("the rule finds a trap without a sentence")
    func finds() {
        #expect(count(Self.rule, in: "fatalError()") == 1)
        #expect(count(Self.rule, in: "fatalError(\"unreachable\")") == 1)
        #expect(count(Self.rule, in: "precondition(count > 0)") == 1)
        #expect(count(Self.rule, in: "precondition(\n    isOpen(\"the log is a b c\"),\n    count > 0)") == 0)
        #expect(count(Self.rule, in: "fatalError(\n    \"The segment \\(name) is sealed.\")") == 0)
        #expect(count(Self.rule, in: "preconditionFailure(\"An offset is never negative.\")") == 0)
        #expect(count(Self.rule, in: "// fatalError()\nself.fatalErrors(3)") == 0)
    }

    private static func rule(_ file: SourceFile) -> [Finding] {
        file.code.enumerated().flatMap { index, line -> [Finding] in
            calls(in: line).compactMap { call in
                guard ["fatalError", "preconditionFailure", "precondition"].contains(call.name),
                    !hasSentence(file, line: index, column: call.after)
                else { return nil }
                let message = "\(call.name) wants a sentence: what the caller did wrong"
                return Finding(path: file.path, line: index + 1, message: message)
            }
        }
    }

    /// True where the arguments that open here hold a string of three words or more, on this line or on the next ones.
    private static func hasSentence(_ file: SourceFile, line: Int, column: Int) -> Bool {
        var depth = 1
        var isInString = false
        var words = 0
        for index in line..<min(line + 12, file.lines.count) {
            let start = index == line ? column : 0
            // Comments and strings are blanked byte by byte, so a column means the same in both.
            let code = Array(file.code[index].utf8)
            let text = Array(file.lines[index].utf8)
            var wasBlank = true
            for (code, text) in zip(code, text).dropFirst(start) {
                if code == UInt8(ascii: "\"") { isInString.toggle() }
                if isInString {
                    if text != UInt8(ascii: " "), wasBlank { words += 1 }
                    wasBlank = text == UInt8(ascii: " ")
                } else if code == UInt8(ascii: "(") {
                    depth += 1
                } else if code == UInt8(ascii: ")") {
                    depth -= 1
                    if depth == 0 { return words >= 3 }
                }
            }
        }
        return words >= 3
    }
}
