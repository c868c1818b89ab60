// One segment of a log: its file, its sums, its index while that is loaded, and what is known to be damaged in it.
// The last segment of a log is the active one; only it grows.

package import DaybookFiles
package import DaybookModel
package import SystemPackage

/// A run of bytes of a segment that is not what was written, and the offsets that are lost with it.
package struct Damage: Hashable, Sendable {
    package let positions: Range<Position>
    package let offsets: Range<Offset>
    package let reason: InvalidBatch

    package init(positions: Range<Position>, offsets: Range<Offset>, reason: InvalidBatch) {
        self.positions = positions
        self.offsets = offsets
        self.reason = reason
    }
}

/// A segment. Owned by one `PartitionLog`; not thread-safe, except for `file`.
package final class Segment {
    package let baseOffset: Offset
    package let file: PooledFile
    package let sidecar: SidecarFile
    /// Sums over all batches of the segment.
    package var facts: SegmentFacts
    /// The producers behind the segment, once it is closed and while its sidecar does not tell them.
    package var producers: ProducerStateTable?
    /// The first offset of the oldest transaction that is open behind the segment, once it is closed: records before it are
    /// judged by markers in this segment and those before.
    package var firstOpenOffset: Offset?
    /// Nil while nobody has needed it since the segment was opened; the active segment always has one.
    package var index: SegmentIndex?
    /// The transactions aborted in here, once a reader has asked; only of a sealed segment, which does not change.
    var aborted: [AbortedTransaction]?
    package var isSealed = false
    /// Everything before this has been flushed.
    package var flushedSize = Position.zero
    /// Bytes that an earlier process wrote and nobody is known to have flushed: written once more before they are
    /// flushed, because a page that failed to reach the disk looks clean to a process that was not told.
    package var inherited: Range<Position>?
    /// In the order of positions; never overlapping.
    package var damage: [Damage] = []
    /// Whether every byte has been looked at since the segment was opened.
    package var isScanned = false

    package init(
        baseOffset: Offset, identity: LogIdentity, directory: FilePath, pool: DescriptorPool, access: FileAccess
    ) {
        self.baseOffset = baseOffset
        self.facts = SegmentFacts(baseOffset: baseOffset)
        file = pool.file(at: directory.appending(SegmentName.log(baseOffset)), access)
        sidecar = SidecarFile(identity: identity, baseOffset: baseOffset, directory: directory, pool: pool)
    }

    package var size: Position { facts.size }
    package var nextOffset: Offset { facts.nextOffset }
    package var hasUnflushedBytes: Bool { flushedSize < facts.size }

    /// The damage that swallows `offset`.
    package func damage(containing offset: Offset) -> Damage? { damage.first { $0.offsets.contains(offset) } }
}
