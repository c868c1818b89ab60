// What keeps an opened daybook from doing its work at this moment: for a health check, which wants to know now and often.
// What may go wrong some day is looked for by `examine`.

internal import Synchronization

extension Daybook {
    /// Why appends would fail now, for all partitions or for some; empty while all is well.
    ///
    /// `.closed` once it has been closed; `.poisoned` for each partition that the disk has failed, as in ``failedPartitions``;
    /// `.diskFull` while the room in reserve is all that is left, which passes by itself. Asks the file system for its room,
    /// which takes as long as that takes, and reads nothing else. O(partitions).
    public func problems() async -> [DaybookError] {
        let (isClosed, anyPartition) = state.withLock { ($0.isClosed, $0.partitions.values.first) }
        if isClosed { return [.closed] }
        var problems = failedPartitions.sorted { $0.key < $1.key }.map(\.value)
        if !isReadOnly, let space = anyPartition?.space {
            do throws(DaybookError) {
                try await services.io.run { () throws(DaybookError) in try space.require(0) }
            } catch {
                problems.append(error)
            }
        }
        return problems
    }
}
