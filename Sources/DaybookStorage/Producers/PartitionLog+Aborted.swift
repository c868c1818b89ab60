// Which transactions were aborted, for readers of committed records. Each segment knows those that a marker in it has ended;
// they may have begun in an earlier one. Kafka keeps the same in its transaction index.

package import DaybookModel

extension PartitionLog {
    /// The aborted transactions that may have batches at `offsets`, all of them ended below the last stable offset.
    ///
    /// O(segments from there to the last one in which such a transaction can have ended, and the transactions aborted in
    /// them). May read the sidecars of those in which some were.
    package func abortedTransactions(in offsets: Range<Offset>) throws(StorageError) -> [AbortedTransaction] {
        var found: [AbortedTransaction] = []
        let first = segments.partitioningIndex { $0.nextOffset > offsets.lowerBound }
        for segment in segments[first...] {
            if segment.facts.abortedCount > 0 {
                let aborted = try aborted(in: segment)
                let start = aborted.partitioningIndex { $0.lastOffset >= offsets.lowerBound }
                found += aborted[start...].filter { $0.firstOffset < offsets.upperBound }
            }
            // What is still open behind this segment has begun behind the offsets, and so has what comes later.
            if segment.isSealed, segment.nextOffset >= offsets.upperBound,
                (segment.firstOpenOffset ?? .max) >= offsets.upperBound
            {
                break
            }
        }
        return found
    }

    /// A sealed segment with more aborted transactions than this has them read anew each time.
    private static var abortedKept: Int { 4096 }

    private func aborted(in segment: Segment) throws(StorageError) -> [AbortedTransaction] {
        if let index = segment.index { return index.aborted }
        if let known = segment.aborted { return known }
        let aborted = try loadIndex(of: segment).aborted
        if aborted.count <= Self.abortedKept { segment.aborted = aborted }
        return aborted
    }
}
