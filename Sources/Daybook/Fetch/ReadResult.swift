// What one read of a partition returns.
// Batches are views into the bytes of the read; gaps are values in between.

public import DaybookModel
public import DaybookRecords

/// Whole batches and gaps, in the order of their offsets.
public struct ReadResult: Sendable {
    /// One piece of the log.
    public enum Element: Sendable {
        /// A batch; the first one of a read may begin before the offset asked for, and one behind a gap with records that
        /// have been deleted.
        case batch(RecordBatch)
        /// Offsets that cannot be read, and why.
        case gap(Gap)
    }

    public internal(set) var elements: [Element] = []
    /// Where to read on. Equal to the offset asked for when there was nothing to read.
    public internal(set) var nextOffset: Offset

    init(nextOffset: Offset) { self.nextOffset = nextOffset }

    /// Adds a gap in the place of a batch that comes next; neighbours of one cause are one gap.
    mutating func append(_ batch: RecordBatch, as cause: Gap.Cause) {
        var start = max(nextOffset, batch.baseOffset)
        if case .gap(let last) = elements.last, last.cause == cause, last.nextOffset == start {
            start = last.baseOffset
            elements.removeLast()
        }
        elements.append(.gap(Gap(baseOffset: start, nextOffset: batch.nextOffset, cause: cause)))
    }

    public var isEmpty: Bool { elements.isEmpty }

    public var batches: [RecordBatch] {
        elements.compactMap { if case .batch(let batch) = $0 { batch } else { nil } }
    }

    public var gaps: [Gap] {
        elements.compactMap { if case .gap(let gap) = $0 { gap } else { nil } }
    }
}

/// The offsets that bound a partition.
public struct PartitionOffsets: Hashable, Sendable {
    /// The earliest readable record, inclusive.
    public let logStartOffset: Offset
    /// Readers of committed records stop here, exclusive: everything below is durable and of no open transaction.
    public let lastStableOffset: Offset
    /// Durable readers stop here, exclusive.
    public let highWatermark: Offset
    /// What the next record will get.
    public let logEndOffset: Offset
    /// Bytes of all segments.
    public let size: ByteCount
    public let segmentsCount: Int
    public let leaderEpoch: LeaderEpoch
}
