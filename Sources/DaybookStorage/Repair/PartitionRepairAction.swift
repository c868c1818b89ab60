// What there is to be done to make one partition whole again, as values: planned by `PartitionRepairPlanning`, shown to
// a person by the engine, carried out by `PartitionRepair`. Each can be done again after a crash in the midst of it.

package import DaybookModel

/// One thing to do in a partition's folder.
package enum PartitionRepairAction: Hashable, Sendable {
    /// The folder is missing.
    case createFolder
    /// The checkpoint is damaged: a copy goes to quarantine, and this one takes its place. `isFromCopy`: only one of its two
    /// copies is damaged, and this is the other one.
    case writeCheckpoint(PartitionCheckpoint, isFromCopy: Bool)
    /// A swap of segments that a crash interrupted is gone on with.
    case finishSwap(SegmentSwap)
    /// A file is moved to quarantine, with the reason.
    case setAside(file: String, reason: String)
    /// A segment is written anew, or for the first time.
    case rewrite(SegmentRewrite)
    /// A sidecar is made anew from its segment; what was there is copied to quarantine.
    case rebuildSidecar(SidecarRebuilding)
}

/// A segment to be written: what it keeps of the one that is there, and what it marks as lost.
package struct SegmentRewrite: Hashable, Sendable {
    /// A part of the segment that is there now, or offsets that are in none, in order.
    package enum Piece: Hashable, Sendable {
        /// Whole, valid batches.
        case keep(Range<Position>)
        /// Bytes that go to quarantine and offsets that are lost; either may be empty, not both.
        case lose(Range<Position>, Range<Offset>, reason: String)
    }

    package let baseOffset: Offset
    /// Whether there is a segment of that base offset now.
    package let replaces: Bool
    package let pieces: [Piece]
    /// Another segment follows.
    package let isSealed: Bool
    /// The epoch of the batch before the segment.
    package let previousEpoch: LeaderEpoch
    /// For batches whose append time no sidecar knows.
    package let appendTime: Timestamp

    /// Offsets that no reader gets any more.
    package var lostOffsets: [Range<Offset>] {
        pieces.compactMap { if case .lose(_, let offsets, _) = $0, !offsets.isEmpty { offsets } else { nil } }
    }

    /// Bytes that go to quarantine.
    package var lostBytes: Int {
        pieces.reduce(0) { sum, piece in
            if case .lose(let positions, _, _) = piece {
                sum + positions.lowerBound.distance(to: positions.upperBound)
            } else {
                sum
            }
        }
    }
}

/// A sidecar to be made anew.
package struct SidecarRebuilding: Hashable, Sendable {
    package let baseOffset: Offset
    /// Bytes of the segment that are valid batches.
    package let size: Position
    package let isSealed: Bool
    /// The segment's bytes are known to be durable.
    package let isFlushed: Bool
    package let previousEpoch: LeaderEpoch?
    /// For batches whose append time the old sidecar does not tell.
    package let appendTime: Timestamp
}

/// What there is to be done in one partition, and what the rest of the directory may want to know of it.
package struct PartitionRepairPlan: Hashable, Sendable {
    package internal(set) var actions: [PartitionRepairAction] = []
    /// What is as it may be and worth saying, a sentence each: file, then what.
    package internal(set) var notes: [String] = []
    package internal(set) var logStartOffset = Offset.zero
    /// Everything below is durable, when the actions have been carried out.
    package internal(set) var recoveryPoint = Offset.zero
    package internal(set) var logEndOffset = Offset.zero
    /// Of any valid batch.
    package internal(set) var highestEpoch: LeaderEpoch?
}
