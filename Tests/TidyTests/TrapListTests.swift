// Every bug of Tests/traps.tsv that can happen here has a test whose name begins with its number, so that nobody has to
// remember which are covered. `tools/traps` shows the list.

import Testing

@Suite("List of traps")
struct TrapListTests {
    @Test("every row that applies has a test, and every number in a test's name has a row")
    func holds() throws {
        let list = try #require(Repository.texts.first { $0.path == "Tests/traps.tsv" })
        let rows = try #require(Self.rows(list.lines))
        #expect(Set(rows.map(\.number)).count == rows.count, "a number stands there twice")
        #expect(rows.count > 70)
        let numbers = Set(Repository.tests.flatMap { Self.numbers(in: $0.text) })
        let open = rows.filter { $0.applies && !numbers.contains($0.number) }.map(\.number)
        #expect(open.isEmpty, "rows without a test: \(open)")
        let strangers = numbers.subtracting(rows.map(\.number))
        #expect(strangers.isEmpty, "not in the list: \(strangers)")
    }

    @Test("numbers are those that the name of a test begins with")
    func finds() {
        // Put together here, so that this very file names no row.
        let (one, other) = ("C1", "C13b")
        #expect(Self.numbers(in: "@Test func `\(one) \(other) nothing is cut`() {}") == [one, other])
        #expect(Self.numbers(in: "@Test(\n    \"\(one) each call \(other) fails\", arguments: [1])") == [one])
        #expect(Self.numbers(in: "func `a C4 batch`() {}; let text = \"C5 is no test\"; // C6").isEmpty)
    }

    @Test("a row has a number, a title, and a word on whether it applies")
    func parses() {
        let rows = Self.rows(["# a comment", "C1\tbytes rot\tapplies", "C2\tlag\tlater: consumers"])
        #expect(rows?.map(\.number) == ["C1", "C2"])
        #expect(rows?.map(\.applies) == [true, false])
        #expect(Self.rows(["C1\tbytes rot"]) == nil)
        #expect(Self.rows(["C1\tbytes rot\tsometimes"]) == nil)
        #expect(Self.rows(["1\tbytes rot\tapplies"]) == nil)
    }

    private struct Row {
        let number: String
        let applies: Bool
    }

    /// Nil when a line is none of ours.
    private static func rows(_ lines: [String]) -> [Row]? {
        var rows: [Row] = []
        for line in lines where !line.isEmpty && !line.hasPrefix("#") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == 3, isNumber(fields[0]), !fields[1].isEmpty,
                fields[2] == "applies" || fields[2].hasPrefix("later: ")
            else { return nil }
            rows.append(Row(number: String(fields[0]), applies: fields[2] == "applies"))
        }
        return rows
    }

    private static func numbers(in text: String) -> Set<String> {
        let name = /func `([^`]+)`|@Test\(\s*"([^"]+)"/
        return Set(
            text.matches(of: name).flatMap { match in
                (match.1 ?? match.2 ?? "").split(separator: " ").prefix(while: isNumber).map(String.init)
            })
    }

    private static func isNumber(_ word: Substring) -> Bool { word.wholeMatch(of: /C\d+b?/) != nil }
}
