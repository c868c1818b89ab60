// Where bytes go that are taken out of service: copied with a manifest that says where from, which range, why and when.
// Nothing here is ever deleted by Daybook.

package import DaybookFiles
package import DaybookModel
internal import DaybookRecords
package import SystemPackage

/// The folder `quarantine` of a data directory.
package struct Quarantine: Sendable {
    package let directory: FilePath
    let dataDirectory: FilePath
    let fileSystem: any FileSystem

    package init(dataDirectory: FilePath, fileSystem: any FileSystem) {
        directory = dataDirectory.appending("quarantine")
        self.dataDirectory = dataDirectory
        self.fileSystem = fileSystem
    }

    /// Copies a range of a segment, durably, and returns the path of the copy.
    ///
    /// The name is made of the range and a checksum of its bytes: a crash and a second recovery write the same file again,
    /// and another tail torn off at the same place gets a file of its own. The manifest comes last: a copy with a
    /// manifest is complete.
    @discardableResult
    package func keep(
        _ range: Range<Position>, of file: PooledFile, segment: Offset, identity: LogIdentity, offsets: String,
        reason: String, now: Timestamp
    ) throws(FileError) -> FilePath {
        try createDirectory()
        var checksum: UInt32 = 0
        try forEachStride(of: range, in: file) { bytes, _ in checksum = CRC32C.checksum(bytes, continuing: checksum) }
        let place = "\(SegmentName.log(segment).dropLast(4))-\(range.lowerBound)-\(range.upperBound)"
        let name = "\(identity.topicPartition)-\(place)-\(String(checksum, radix: 16))"
        let copy = directory.appending(name + ".bytes")
        let manifest = directory.appending(name + ".manifest")
        if try fileSystem.exists(manifest) {
            // Whoever wrote it may have been stopped before the names were flushed.
            try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(directory) }
            return copy
        }
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

    /// Copies the bytes of damage found in a segment. As the other `keep`.
    package func keep(
        _ damage: Damage, of segment: Segment, identity: LogIdentity, now: Timestamp
    ) throws(FileError) {
        try keep(
            damage.positions, of: segment.file, segment: segment.baseOffset, identity: identity,
            offsets: "\(damage.offsets.lowerBound)..<\(damage.offsets.upperBound)",
            reason: "corruption: \(damage.reason)", now: now)
    }

    func createDirectory() throws(FileError) {
        do {
            try uninterrupted { () throws(FileError) in try fileSystem.createDirectory(directory) }
        } catch  where error.errno == .fileExists {}
        try uninterrupted { () throws(FileError) in
            try fileSystem.flushDirectory(dataDirectory)
        }
    }

    private func write(_ range: Range<Position>, of file: PooledFile, to path: FilePath) throws(FileError) {
        let copy = try uninterrupted { () throws(FileError) in try fileSystem.open(path, .create) }
        try uninterrupted { () throws(FileError) in try copy.truncate(to: 0) }
        try forEachStride(of: range, in: file) { bytes, position throws(FileError) in
            try copy.writeFully(bytes, at: Position(range.lowerBound.distance(to: position)))
        }
        try uninterrupted { () throws(FileError) in try copy.flush() }
        try copy.close()
    }

    /// Calls `body` with the bytes of a range, as far as the file reaches, a megabyte at a time.
    private func forEachStride(
        of range: Range<Position>, in file: PooledFile,
        _ body: (UnsafeRawBufferPointer, Position) throws(FileError) -> Void
    ) throws(FileError) {
        let size = min(1 << 20, max(1, range.lowerBound.distance(to: range.upperBound)))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { buffer.deallocate() }
        var position = range.lowerBound
        while position < range.upperBound {
            let wanted = min(buffer.count, position.distance(to: range.upperBound))
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
            guard count > 0 else { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]), position)
            position = position.advanced(by: count)
        }
    }
}
