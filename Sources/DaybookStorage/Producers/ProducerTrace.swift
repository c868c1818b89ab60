// Finds out what the producers were where a segment begins: from the sidecar of the segment before, or, where that is lost,
// from what the next one further back says and the batches since. Nothing is changed on disk.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

/// Where the states of a partition's producers can be found.
struct ProducerTrace {
    let identity: LogIdentity
    let directory: FilePath
    let pool: DescriptorPool
    /// Sidecars that speak of bytes that were not flushed count as well.
    let trustsUnflushed: Bool
    let limits: ProducerLimits
    /// What a checkpoint says; nil when there is none.
    let checkpoint: ProducerSnapshot?

    /// A closed segment.
    struct Source {
        let baseOffset: Offset
        /// Where the next segment begins.
        let end: Offset
        let size: Position
        /// Behind the name of its sidecar.
        var suffix = ""
    }

    /// The producers behind the last of these segments, which are in order. O(1) where its sidecar is sound; otherwise
    /// O(bytes of the segments whose sidecars are not).
    func producers(behind segments: [Source]) throws(FileError) -> ProducerSnapshot {
        var snapshot = checkpoint ?? ProducerSnapshot(offset: .zero, table: ProducerStateTable())
        var unread: [Source] = []
        for source in segments.reversed() {
            if snapshot.offset >= source.end { break }
            if let sealed = seal(source) {
                snapshot = sealed
                break
            }
            unread.append(source)
        }
        for source in unread.reversed() {
            snapshot.table = try scan(source, snapshot)
            snapshot.offset = max(snapshot.offset, source.end)
        }
        return snapshot
    }

    /// What the sidecar of a closed segment says of the producers behind it.
    private func seal(_ source: Source) -> ProducerSnapshot? {
        let sidecar = SidecarFile(
            identity: identity, baseOffset: source.baseOffset, directory: directory, pool: pool, suffix: source.suffix)
        guard let seal = sidecar.loadSeal(size: source.size.rawValue, trustUnflushed: trustsUnflushed),
            seal.facts.nextOffset <= source.end
        else { return nil }
        return ProducerSnapshot(offset: seal.facts.nextOffset, table: seal.producers)
    }

    private func scan(_ source: Source, _ before: ProducerSnapshot) throws(FileError) -> ProducerStateTable {
        let file = pool.file(at: directory.appending(SegmentName.log(source.baseOffset)), .read)
        let status = try file.status()
        var scan = SegmentScan(
            durableBelow: source.end, offsetLimit: source.end, indexInterval: .bytes(.max),
            appendTime: status.modified)
        scan.isSealed = true
        scan.producers = before
        scan.producerLimits = limits
        let result = try scan.run(
            file, behind: SegmentFacts(baseOffset: source.baseOffset), index: SegmentIndex(),
            to: Position(min(status.size, source.size.rawValue)))
        try file.close()
        return result.producers
    }
}
