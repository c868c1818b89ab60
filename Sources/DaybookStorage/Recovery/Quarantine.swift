// Where bytes go that are taken out of service: copied with a manifest that says where from, which range, why and when.
// Nothing here is ever deleted by Daybook.

package import DaybookFiles
package import DaybookModel
package import SystemPackage

/// The folder `quarantine` of a data directory.
package struct Quarantine: Sendable {
    package let directory: FilePath
    let fileSystem: any FileSystem

    package init(dataDirectory: FilePath, fileSystem: any FileSystem) {
        directory = dataDirectory.appending("quarantine")
        self.fileSystem = fileSystem
    }

    /// Copies a range of a segment, durably, and returns the path of the copy.
    ///
    /// The name is made of the range, so that a crash and a second recovery write the same file again. The manifest
    /// comes last: a copy with a manifest is complete.
    @discardableResult
    package func keep(
        _ range: Range<Position>, of file: PooledFile, segment: Offset, identity: LogIdentity, offsets: String,
        reason: String, now: Timestamp
    ) throws(FileError) -> FilePath {
        try createDirectory()
        let name =
            "\(identity.topicPartition)-\(SegmentName.log(segment).dropLast(4))-\(range.lowerBound)-\(range.upperBound)"
        let copy = directory.appending(name + ".bytes")
        let manifest = directory.appending(name + ".manifest")
        if try fileSystem.exists(manifest) { return copy }
        try write(range, of: file, to: copy)
        let text = """
            daybook-quarantine 1
            file \(file.path)
            topic-partition \(identity.topicPartition)
            topic-id \(String(identity.topicID, radix: 16))
            positions \(range.lowerBound)..<\(range.upperBound)
            offsets \(offsets)
            reason \(reason)
            time-ms \(now.rawValue)

            """
        try AtomicFile.replace(manifest, with: Array(text.utf8), in: fileSystem)
        return copy
    }

    private func createDirectory() throws(FileError) {
        do {
            try fileSystem.createDirectory(directory)
            try fileSystem.flushDirectory(directory.removingLastComponent())
        } catch  where error.errno == .fileExists {}
    }

    private func write(_ range: Range<Position>, of file: PooledFile, to path: FilePath) throws(FileError) {
        let copy = try fileSystem.open(path, .create)
        try copy.truncate(to: 0)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let wanted = min(buffer.count, position.distance(to: range.upperBound))
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
            guard count > 0 else { break }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            try copy.writeFully(bytes, at: Position(range.lowerBound.distance(to: position)))
            position = position.advanced(by: count)
        }
        try copy.flush()
        try copy.close()
    }
}
