// What the producers were at earlier places in the log: for sidecars that are written late, for segments that are looked at
// anew, and for the checkpoint that has to remember them when segments go.

internal import DaybookFiles
internal import DaybookModel

extension PartitionLog {
    /// The producers behind a segment. O(1) where a sidecar tells them.
    func producers(behind segment: Segment) throws(FileError) -> ProducerStateTable {
        if segment === activeSegment { return producers }
        if let known = segment.producers { return known }
        guard let index = segments.firstIndex(where: { $0 === segment }) else { return ProducerStateTable() }
        return try producerTrace.producers(behind: sources(below: index + 1)).table
    }

    /// The producers behind the segment of that base offset; none when there is no such segment.
    func producers(behindSegmentAt base: Offset) throws(StorageError) -> ProducerStateTable {
        guard let segment = segments.first(where: { $0.baseOffset == base }) else { return ProducerStateTable() }
        do throws(FileError) { return try producers(behind: segment) } catch { throw .file(error) }
    }

    /// The producers where a segment begins.
    func producers(before segment: Segment) throws(FileError) -> ProducerSnapshot {
        let index = segments.firstIndex { $0 === segment } ?? 0
        if index > 0, let known = segments[index - 1].producers {
            return ProducerSnapshot(offset: segments[index - 1].nextOffset, table: known)
        }
        return try producerTrace.producers(behind: sources(below: index))
    }

    private func sources(below end: Int) -> [ProducerTrace.Source] {
        (0..<end).map { index in
            ProducerTrace.Source(
                baseOffset: segments[index].baseOffset,
                end: index + 1 < segments.count ? segments[index + 1].baseOffset : segments[index].nextOffset,
                size: segments[index].size)
        }
    }

    private var producerTrace: ProducerTrace {
        ProducerTrace(
            identity: identity, directory: directory, pool: pool, trustsUnflushed: true,
            limits: configuration.producers, checkpoint: checkpoint.producers)
    }

    /// Sees to it that the checkpoint knows the producers where what is left begins, once the log starts at `logStart`.
    /// O(1) where a sidecar tells them.
    func rememberProducers(from logStart: Offset) throws(FileError) {
        guard let first = segments.first(where: { $0.nextOffset > logStart }) else {
            // Nothing is left: the log goes on with an empty segment.
            checkpoint.producers = ProducerSnapshot(offset: logEndOffset, table: producers)
            return
        }
        // Kept as it is while it tells of the first segment that stays.
        if first === segments[0], checkpoint.producers != nil || first.baseOffset == .zero { return }
        if let known = checkpoint.producers, known.offset >= first.baseOffset { return }
        checkpoint.producers = ProducerSnapshot(
            offset: first.baseOffset, table: try producers(before: first).table)
    }
}
