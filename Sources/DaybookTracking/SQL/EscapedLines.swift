// Pairs of texts in one column: a line for each, with a tab between the two. People can read it, and nothing that a text may
// contain is lost.

/// Lines of pairs.
enum EscapedLines {
    static func text(_ pairs: [(String, String)]) -> String {
        pairs.map { escaped($0) + "\t" + escaped($1) }.joined(separator: "\n")
    }

    /// Lines that are no pairs are left out.
    static func pairs(_ text: String) -> [(String, String)] {
        text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            return parts.count == 2 ? (plain(parts[0]), plain(parts[1])) : nil
        }
    }

    private static func escaped(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            // Swift takes it and a line feed behind it for one character, at which no line would end.
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    private static func plain(_ text: Substring) -> String {
        var result = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in text.unicodeScalars {
            if !isEscaped, scalar == "\\" {
                isEscaped = true
                continue
            }
            let meant: Unicode.Scalar = scalar == "t" ? "\t" : scalar == "n" ? "\n" : scalar == "r" ? "\r" : scalar
            result.append(isEscaped ? meant : scalar)
            isEscaped = false
        }
        return String(result)
    }
}
