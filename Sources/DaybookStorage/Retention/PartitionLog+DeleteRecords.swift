// Dropping the oldest records, in steps that a crash may part: the log start offset rises and is written down by the
// caller, then whole segments leave the log, then their files leave the disk. Nobody may stop half way and lose more.

package import DaybookFiles
package import DaybookModel
internal import SystemPackage

extension PartitionLog {
    /// Raises the log start offset; readers get a gap below it from now on. Nothing on disk changes. The checkpoint, which
    /// the caller writes down, knows the producers from now on as they were where the first segment begins that stays.
    ///
    /// Throws `.offsetOutOfRange` above the recovery point: what is not durable cannot be given up for good; and `.file`
    /// when the producers cannot be found out. The log start is then as before. An offset at or below it changes nothing.
    package func raiseLogStart(to offset: Offset) throws(StorageError) {
        guard offset <= recoveryPoint else {
            throw .offsetOutOfRange(offset, available: logStartOffset..<recoveryPoint)
        }
        let start = max(logStartOffset, offset)
        do throws(FileError) { try rememberProducers(from: start) } catch { throw .file(error) }
        logStartOffset = start
        checkInvariant()
    }

    /// Takes the segments out of the log that lie wholly below the log start, and says which files are to be removed.
    ///
    /// None while no checkpoint on disk says that log start and the producers behind them: after a crash both would be
    /// missing. The last file of a log is never removed before another
    /// one stands there: its name is what keeps offsets from being given a second time. Where the active segment goes, its
    /// successor's file is made here, durably. O(segments).
    package func takeExpiredSegments() throws(StorageError) -> ExpiredSegments {
        guard savedLogStart >= logStartOffset, savedProducersOffset >= segments[0].baseOffset else {
            return ExpiredSegments(directory: directory, baseOffsets: [], pool: pool)
        }
        let active = activeSegment
        if !active.facts.isEmpty, active.nextOffset <= logStartOffset, !active.hasUnflushedBytes, poison == nil {
            roll()
        }
        let count = zip(segments, segments.dropFirst()).prefix {
            $0.nextOffset <= logStartOffset && !$0.hasUnflushedBytes && $1.baseOffset <= savedProducersOffset
        }.count
        if count == segments.count - 1, count > 0, activeSegment.facts.isEmpty {
            do throws(FileError) { try makeName(of: activeSegment) } catch { throw .file(error) }
        }
        let expired = Array(segments.prefix(count))
        segments.removeFirst(count)
        leftovers.formUnion(expired.map(\.baseOffset))
        checkInvariant()
        return ExpiredSegments(directory: directory, baseOffsets: leftovers.sorted(), pool: pool)
    }

    /// Takes note that the files of these segments are gone.
    package func noteRemoved(_ expired: ExpiredSegments) { leftovers.subtract(expired.baseOffsets) }

    private func makeName(of segment: Segment) throws(FileError) {
        try segment.file.truncate(to: segment.size.rawValue)
        try segment.file.flush()
        try pool.withRoom { () throws(FileError) in try pool.fileSystem.flushDirectory(directory) }
    }
}

/// Segments that are no part of the log any more and whose files are still on disk.
package struct ExpiredSegments: Sendable {
    fileprivate let directory: FilePath
    fileprivate let baseOffsets: [Offset]
    fileprivate let pool: DescriptorPool

    package var isEmpty: Bool { baseOffsets.isEmpty }
    package var count: Int { baseOffsets.count }

    /// Removes the files, the sidecar first: a segment without one costs a scan, a sidecar without one is of no use to
    /// anybody. May be repeated after an error or a crash. Needs no lock. O(segments).
    package func remove() throws(FileError) {
        guard !isEmpty else { return }
        for baseOffset in baseOffsets {
            for name in [SegmentName.sidecar(baseOffset), SegmentName.log(baseOffset)] {
                try pool.fileSystem.removeIfPresent(directory.appending(name))
            }
        }
        try pool.withRoom { () throws(FileError) in try pool.fileSystem.flushDirectory(directory) }
    }
}
