// The form of the small files of a data directory: lines of text that a person can read, closed by a checksum line.
// What the lines say is the business of whoever keeps such a file: directory, registry, partition, backup.

internal import DaybookRecords

/// A few lines of text with a kind, a version and a checksum.
package struct ChecksummedText: Equatable {
    package var kind: String
    package var version: Int
    package var lines: [String]

    /// The text with its checksum line, as bytes.
    package func encoded() -> [UInt8] {
        let body = "\(kind) \(version)\n" + lines.map { $0 + "\n" }.joined()
        return Array((body + "checksum \(Self.checksum(body))\n").utf8)
    }

    /// Nil when the text is not whole, or not of this kind.
    package init?(decoding bytes: [UInt8], kind: String) {
        guard let text = String(validating: bytes, as: UTF8.self), text.hasSuffix("\n") else { return nil }
        var lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 2, let last = lines.popLast() else { return nil }
        let body = lines.map { $0 + "\n" }.joined()
        guard last == "checksum \(Self.checksum(body))" else { return nil }
        let head = lines.removeFirst().split(separator: " ")
        guard head.count == 2, head[0] == kind, let version = Int(head[1]) else { return nil }
        self.init(kind: kind, version: version, lines: lines)
    }

    package init(kind: String, version: Int, lines: [String]) {
        self.kind = kind
        self.version = version
        self.lines = lines
    }

    private static func checksum(_ body: String) -> String {
        var body = body
        let value = body.withUTF8 { CRC32C.checksum(UnsafeRawBufferPointer($0)) }
        return String(value, radix: 16)
    }
}

extension String {
    /// The text that stands behind `word` and a space; nil when the line begins otherwise.
    package func value(after word: String) -> String? {
        hasPrefix(word + " ") ? String(dropFirst(word.count + 1)) : nil
    }
}
