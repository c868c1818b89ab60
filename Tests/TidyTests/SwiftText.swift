// Tells code, comments and string contents of Swift text apart, well enough for rules that look at words.
// It knows nested block comments, multi-line and raw strings. Code inside an interpolation counts as string content.

enum SwiftText {
    /// Two texts of the same lines as the original: the code with quotation marks but empty strings, and the comments.
    static func split(_ text: String) -> (code: String, comments: String) {
        var scanner = Scanner(bytes: Array(text.utf8))
        scanner.run()
        return (String(decoding: scanner.code, as: UTF8.self), String(decoding: scanner.comments, as: UTF8.self))
    }
}

private struct Scanner {
    let bytes: [UInt8]
    var code: [UInt8] = []
    var comments: [UInt8] = []
    private var index = 0

    private static let quote = UInt8(ascii: "\"")
    private static let newline = UInt8(ascii: "\n")
    private static let hash = UInt8(ascii: "#")
    private static let backslash = UInt8(ascii: "\\")
    private static let blank = UInt8(ascii: " ")

    private enum Kind { case code, comment, string }

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func run() {
        while index < bytes.count {
            if starts(with: "//") {
                while index < bytes.count, bytes[index] != Self.newline { take(1, as: .comment) }
            } else if starts(with: "/*") {
                blockComment()
            } else if bytes[index] == Self.quote || bytes[index] == Self.hash, let hashes = stringOpening() {
                string(hashes: hashes)
            } else {
                take(1, as: .code)
            }
        }
    }

    /// The number of `#` before a quotation mark that opens here; nil where none does.
    private func stringOpening() -> Int? {
        var end = index
        while end < bytes.count, bytes[end] == Self.hash { end += 1 }
        return end < bytes.count && bytes[end] == Self.quote ? end - index : nil
    }

    private mutating func string(hashes: Int) {
        take(hashes, as: .code)
        let isMultiline = starts(with: "\"\"\"")
        let quotes = isMultiline ? 3 : 1
        take(quotes, as: .code)
        let closing = String(repeating: "\"", count: quotes) + String(repeating: "#", count: hashes)
        let escape = "\\" + String(repeating: "#", count: hashes)
        while index < bytes.count {
            if starts(with: closing) { return take(quotes + hashes, as: .code) }
            // A line's end closes what was not closed: better one odd line than a file swallowed.
            if !isMultiline, bytes[index] == Self.newline { return }
            take(starts(with: escape) ? hashes + 2 : 1, as: .string)
        }
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if starts(with: "/*") {
                depth += 1
                take(2, as: .comment)
            } else if starts(with: "*/") {
                depth -= 1
                take(2, as: .comment)
            } else {
                take(1, as: .comment)
            }
        } while depth > 0 && index < bytes.count
    }

    private func starts(with word: String) -> Bool {
        bytes[index...].starts(with: word.utf8)
    }

    private mutating func take(_ count: Int, as kind: Kind) {
        for _ in 0..<min(count, bytes.count - index) {
            let byte = bytes[index]
            index += 1
            code.append(kind == .code || byte == Self.newline ? byte : Self.blank)
            comments.append(kind == .comment || byte == Self.newline ? byte : Self.blank)
        }
    }
}
