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

    /// Checks that a reader who stopped before `nextOffset`, after records of `epoch`, can go on here.
    ///
    /// Throws `.divergedHistory`, naming the offset at which the histories part, when the records it has seen are not
    /// this log's: they were lost in a crash and others took their offsets, or the log ends before them.
    package func validate(nextOffset: Offset, epoch: LeaderEpoch) throws(StorageError) {
        let end = endOffset(of: epoch)
        guard nextOffset <= end.startOffset, epoch <= leaderEpoch else {
            throw .divergedHistory(epoch: epoch, offset: nextOffset, divergence: end)
        }
    }
}
