// A path into a JSON value, as `--key-field` takes it: names with points between them, numbers of array elements in
// brackets, and names with other characters in brackets and quotation marks: `order.id`, `lines[0].sku`, `["a.b"].c`.

/// The text is no path.
package struct JSONPathProblem: Error, Equatable, CustomStringConvertible {
    package let text: String

    package var description: String {
        "\"\(text)\" is no path into JSON; write it like order.id, lines[0].sku or [\"a.b\"]"
    }
}

/// The way from a JSON value to one inside it.
package struct JSONPath: Equatable, Sendable, CustomStringConvertible {
    /// One step further in.
    package enum Step: Equatable, Sendable {
        case member([UInt8])
        case element(Int)
    }

    package let steps: [Step]
    /// The text it was read from.
    package let description: String

    /// Reads a path. O(count).
    package init(_ text: String) throws(JSONPathProblem) {
        description = text
        var steps: [Step] = []
        var rest = text[...]
        while !rest.isEmpty {
            if rest.hasPrefix("[") {
                steps.append(try Self.bracket(&rest))
            } else {
                if !steps.isEmpty {
                    guard rest.removeFirst() == "." else { throw Self.malformed(text) }
                }
                let name = rest.prefix { $0 != "." && $0 != "[" }
                guard !name.isEmpty else { throw Self.malformed(text) }
                steps.append(.member(Array(name.utf8)))
                rest = rest.dropFirst(name.count)
            }
        }
        guard !steps.isEmpty else { throw Self.malformed(text) }
        self.steps = steps
    }

    private static func bracket(_ rest: inout Substring) throws(JSONPathProblem) -> Step {
        let text = String(rest)
        rest.removeFirst()
        if rest.hasPrefix("\"") {
            rest.removeFirst()
            guard let end = rest.firstRange(of: "\"]") else { throw malformed(text) }
            defer { rest = rest[end.upperBound...] }
            return .member(Array(rest[..<end.lowerBound].utf8))
        }
        guard let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end]), index >= 0 else {
            throw malformed(text)
        }
        rest = rest[rest.index(after: end)...]
        return .element(index)
    }

    private static func malformed(_ text: String) -> JSONPathProblem { JSONPathProblem(text: text) }
}
