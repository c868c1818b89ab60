// The files of this repository, read once. The root is found from where this very file was compiled.
// `expectNone` is how a rule is held against them.

import Foundation
import Testing

enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().standardizedFileURL

    /// Every Swift file under Sources.
    static let sources = swiftFiles(under: "Sources")

    /// Every Swift file under Tests.
    static let tests = swiftFiles(under: "Tests")

    /// Every Swift file of ours.
    static let swift = sources + tests + swiftFiles(under: "Benchmarks") + [read("Package.swift")].compactMap(\.self)

    /// Everything that is text and would be committed, Swift or not.
    static let texts = paths(under: "").compactMap(read)

    /// Files that are not UTF-8 are no text and are left out.
    private static func read(_ path: String) -> SourceFile? {
        guard let data = try? Data(contentsOf: root.appending(path: path)), data.count < 2_000_000,
            let text = String(data: data, encoding: .utf8)
        else { return nil }
        return SourceFile(path: path, text: text)
    }

    private static func swiftFiles(under folder: String) -> [SourceFile] {
        paths(under: folder).filter { $0.hasSuffix(".swift") }.compactMap(read)
    }

    /// Paths of files, sorted, without what is built or belongs to git.
    private static func paths(under folder: String) -> [String] {
        let skipped: Set = [".git", ".build", ".swiftpm", "bin", "__pycache__"]
        let start = folder.isEmpty ? root : root.appending(path: folder)
        let keys: Set<URLResourceKey> = [.isDirectoryKey, .isRegularFileKey]
        guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: Array(keys)) else {
            return []
        }
        var found: [String] = []
        for case let url as URL in walk {
            let values = try? url.resourceValues(forKeys: keys)
            let isSkipped = skipped.contains(url.lastPathComponent) || url.lastPathComponent.hasPrefix(".build")
            if values?.isDirectory == true, isSkipped {
                walk.skipDescendants()
            } else if values?.isRegularFile == true, !isSkipped {  // in a worktree `.git` is a file
                found.append(String(url.standardizedFileURL.path().dropFirst(root.path().count)))
            }
        }
        return found.sorted()
    }
}

/// Fails with a list of the places where the files break the rule.
func expectNone(
    in files: [SourceFile], sourceLocation: SourceLocation = #_sourceLocation, _ rule: (SourceFile) -> [Finding]
) {
    #expect(!files.isEmpty, "the rule looked at nothing", sourceLocation: sourceLocation)
    let findings = files.flatMap(rule)
    guard !findings.isEmpty else { return }
    let list = findings.prefix(40).map(\.description).joined(separator: "\n")
    Issue.record("\(findings.count) found:\n\(list)", sourceLocation: sourceLocation)
}

/// The number of findings in a snippet, for a rule's own test.
func count(_ rule: (SourceFile) -> [Finding], in text: String, at path: String = "Sources/DaybookStorage/Snippet.swift")
    -> Int
{
    rule(SourceFile(path: path, text: text)).count
}
