// Looking at sealed bytes that nobody has read for long: each segment's bytes against the hash in its sidecar. What does
// not match is looked at batch by batch, by `PartitionLog.examine`.

internal import DaybookFiles
package import DaybookModel
internal import DaybookRecords

/// One sealed segment to read.
package struct ScrubSubject: Sendable {
    let file: PooledFile
    let hash: UInt32
    package let baseOffset: Offset
    package let nextOffset: Offset
    /// Bytes to read.
    package let size: Int
    /// Damage is known in it already.
    package let isDamaged: Bool

    /// Whether the bytes are those that were sealed. `pace` is called before each piece is read and throws to stop.
    /// Needs no lock. O(size).
    package func isSound(pace: (Int) throws -> Void) throws -> Bool {
        guard try file.status().size == size else { return false }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(size, 1), 1 << 18), alignment: 16)
        defer { buffer.deallocate() }
        var position = Position.zero
        var computed: UInt32 = 0
        while position.rawValue < size {
            let wanted = min(buffer.count, size - position.rawValue)
            try pace(wanted)
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
            guard count == wanted else { return false }
            computed = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[..<count]), continuing: computed)
            position = position.advanced(by: count)
        }
        return computed == hash
    }
}

extension PartitionLog {
    /// The first sealed, durable segment that begins at or behind `offset`; nil when there is none. O(log segments).
    package func scrubSubject(from offset: Offset) -> ScrubSubject? {
        let index = segments.partitioningIndex { $0.baseOffset >= offset }
        guard index < segments.count - 1, !segments[index].hasUnflushedBytes else { return nil }
        let segment = segments[index]
        return ScrubSubject(
            file: segment.file, hash: segment.facts.hash, baseOffset: segment.baseOffset,
            nextOffset: segments[index + 1].baseOffset, size: segment.size.rawValue,
            isDamaged: !segment.damage.isEmpty)
    }

    /// Whether the segment is no part of the log any more.
    package func isOutdated(_ subject: ScrubSubject) -> Bool { !segments.contains { $0.file === subject.file } }
}
