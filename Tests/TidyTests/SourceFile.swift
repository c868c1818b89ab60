// One file of the repository as the rules see it: its text, its code without comments and strings, its comments alone.
// Rules are pure functions from a SourceFile to findings, so that each can be shown a bad snippet in its own test.

import Foundation

struct SourceFile: Sendable {
    /// Relative to the root of the repository, with forward slashes.
    let path: String
    let text: String
    let lines: [String]
    /// As `lines`, with comments and the contents of strings blanked out; the quotation marks stay.
    let code: [String]
    /// As `lines`, with only the comments left.
    let comments: [String]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        let parts = SwiftText.split(text)
        lines = Self.lines(of: text)
        code = Self.lines(of: parts.code)
        comments = Self.lines(of: parts.comments)
    }

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// `DaybookStorage` for `Sources/DaybookStorage/Segment/Segment.swift`; nil outside Sources.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
    }

    func isUnder(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }

    /// Findings for the code lines that the pattern is found in; lines are numbered from 1.
    func findings(where isBad: (String) -> Bool, in view: KeyPath<SourceFile, [String]> = \.code, _ message: String)
        -> [Finding]
    {
        self[keyPath: view].enumerated().compactMap { index, line in
            isBad(line) ? Finding(path: path, line: index + 1, message: message) : nil
        }
    }

    private static func lines(of text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}

/// A broken rule and where it is broken.
struct Finding: Equatable, CustomStringConvertible, Sendable {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}
