// Which incarnation of the log wrote what, and whether a reader's checkpoint belongs to this history.
// Epochs are raised by the engine when a directory was not closed properly.

package import DaybookModel

extension PartitionLog {
    /// Where each leader epoch's first record stands, in order. O(segments).
    package var epochStarts: [EpochStart] {
        var starts: [EpochStart] = []
        for start in segments.flatMap(\.facts.epochStarts) where start.epoch != starts.last?.epoch {
            starts.append(start)
        }
        return starts
    }

    /// The offset at which the records of `epoch` end: where the next epoch begins, or the log end.
    package func endOffset(of epoch: LeaderEpoch) -> EpochStart {
        epochStarts.first { $0.epoch > epoch } ?? EpochStart(epoch: leaderEpoch, startOffset: logEndOffset)
    }

    /// The epoch of the record before `offset`; nil where there is none. O(segments), and O(1) near the log's end.
    package func epoch(before offset: Offset) -> LeaderEpoch? {
        for segment in segments.reversed() {
            if let start = segment.facts.epochStarts.last(where: { $0.startOffset < offset }) { return start.epoch }
        }
        return nil
    }

    /// Checks that a reader who stopped before `nextOffset`, after records of `epoch`, can go on here.
    ///
    /// Throws `.divergedHistory`, naming the offset at which the histories part, when the records it has seen are not
    /// this log's: they were lost in a crash and others took their offsets, or the log ends before them.
    package func validate(nextOffset: Offset, epoch: LeaderEpoch) throws(StorageError) {
        // Nothing follows the epoch of this incarnation but the log's end: the ordinary case, without a look at the segments.
        if epoch == leaderEpoch, nextOffset <= logEndOffset { return }
        let end = endOffset(of: epoch)
        guard nextOffset <= end.startOffset, epoch <= leaderEpoch else {
            throw .divergedHistory(epoch: epoch, offset: nextOffset, divergence: end)
        }
    }
}
