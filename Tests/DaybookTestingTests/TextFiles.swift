// Text in files, for tests of disks.

import DaybookFiles
import DaybookModel

extension File {
    /// Writes once; returns how many bytes.
    @discardableResult
    func put(_ text: String, at position: Int) throws -> Int {
        try Array(text.utf8).withUnsafeBytes { try write($0, at: Position(position)) }
    }

    /// What the file holds, up to `limit` bytes.
    func text(limit: Int = 5000) throws -> String { String(decoding: try bytes(limit: limit), as: UTF8.self) }

    func bytes(limit: Int = 5000) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = try bytes.withUnsafeMutableBytes { try readFully(into: $0, at: .zero) }
        return Array(bytes.prefix(count))
    }
}
