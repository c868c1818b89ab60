// How many records lie between two offsets, told by the sums of segments instead of reading them. Whatever the sums do not
// tell has to be read; `PartitionLog+Read` does that.

package import DaybookModel

extension PartitionLog {
    /// How many records readers of committed records get from `offset` on, up to `nextOffset`: the end of the segment there or
    /// `limit`, which is the last stable offset at most. Nil where the sums do not tell: some of the offsets
    /// hold no record, or one of an aborted transaction, or damage, and not all of the segment is asked for.
    ///
    /// O(log segments), and what `abortedTransactions(in:)` costs.
    package func countCommitted(
        from offset: Offset, to limit: Offset
    ) throws(StorageError) -> (count: Int64, nextOffset: Offset)? {
        let following = segments.partitioningIndex { $0.baseOffset > offset }
        guard following > 0, offset >= logStartOffset else { return nil }
        let segment = segments[following - 1]
        let (facts, end) = (segment.facts, min(limit, segment.nextOffset))
        guard offset < end, segment.damage.isEmpty, facts.nextOffset == segment.nextOffset else { return nil }
        guard try abortedTransactions(in: offset..<end).isEmpty else { return nil }
        let data = facts.recordsCount - facts.controlRecordsCount
        // A record at each offset: whatever part of them is asked for.
        if data == segment.baseOffset.distance(to: segment.nextOffset) { return (offset.distance(to: end), end) }
        guard offset == segment.baseOffset, end == segment.nextOffset else { return nil }
        return (data, end)
    }
}
