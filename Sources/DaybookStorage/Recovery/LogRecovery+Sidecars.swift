// What the sidecars tell a log that is being opened: how far they vouch for a segment, what is left where a power cut has
// taken a part of one, and when records were appended. Reads sidecars and the end of what they cover.
// Called by `LogRecovery`, which opens segments.

internal import DaybookFiles
internal import DaybookModel

extension LogRecovery {
    /// What a sidecar says of a segment that it does not seal.
    struct Vouched {
        /// Nil when the sidecar is of no use, or speaks of more than is there.
        var content: SidecarFile.Content?
        /// Everything below was known to be durable.
        var promised = Offset.zero
        /// When the records were appended that the sidecar knows but does not vouch for any more.
        var appendTimes: [AppendTimeChange] = []
        var lastAppendTime: Timestamp?
        /// Who wrote what, and the producers behind the segment, where its last block tells although others are lost.
        var epochs: [EpochStart] = []
        var producers: ProducerStateTable?
        /// Something has been written about the segment as a closed one.
        var isSealed = false
    }

    /// What is known of a segment whose sidecar ends in a seal and has lost blocks before it; nil where none is lost.
    ///
    /// Looks only after a restart of the machine, because only that takes bytes of a file; and only for a writer, who can make
    /// the sidecar anew. Otherwise O(1).
    func rest(of segment: Segment, behind seal: SidecarFile.Seal) -> Vouched? {
        guard !isSameBoot, !wasClosedCleanly, !isReadOnly, let times = segment.sidecar.appendTimesOfRest(behind: seal)
        else {
            return nil
        }
        return Vouched(
            promised: seal.facts.nextOffset, appendTimes: times, lastAppendTime: seal.facts.lastAppendTime,
            epochs: seal.facts.epochStarts, producers: seal.producers)
    }

    func vouched(_ segment: Segment, _ size: Position) throws(FileError) -> Vouched {
        guard var content = segment.sidecar.load(trustUnflushed: trustsUnflushed) else { return Vouched() }
        if content.facts.size > size, !content.isFlushed, !wasClosedCleanly {
            // The file is shorter than it was, but not shorter than an earlier block promised, perhaps.
            guard let flushed = segment.sidecar.load(trustUnflushed: false) else { return Vouched() }
            content = flushed
        }
        let promised = content.isFlushed || wasClosedCleanly ? content.facts.nextOffset : .zero
        if content.facts.size <= size, try fits(content, segment) {
            return Vouched(content: content, promised: promised)
        }
        return Vouched(
            promised: promised, appendTimes: content.index.appendTimes, lastAppendTime: content.facts.lastAppendTime,
            isSealed: content.isSealed)
    }

    /// Whether the segment has, where the covered bytes end, a batch of the offset that the sidecar says. O(index interval).
    ///
    /// The segment and a compacted one in its place share their name, and a power cut may leave the sidecar of the one beside the
    /// bytes of the other. Whoever believed it would take whole batches for rest to be cut.
    private func fits(_ content: SidecarFile.Content, _ segment: Segment) throws(FileError) -> Bool {
        let last = content.index.entries.last
        var walker = BatchWalker(
            segment.file, from: last?.position ?? .zero, to: content.facts.size,
            expecting: last?.offset ?? segment.baseOffset, judgesEpochs: false)
        while case .batch = try walker.next() {}
        return walker.position == content.facts.size && walker.expectedOffset == content.facts.nextOffset
    }

    /// What is known of a segment's append times without looking into it.
    func bound(_ file: SegmentOnDisk) -> AppendTimeBounds.Source {
        let sidecar = makeSegment(file.baseOffset).sidecar
        let facts =
            sidecar.loadSeal(size: file.size.rawValue, trustUnflushed: trustsUnflushed)?.facts
            ?? sidecar.load(trustUnflushed: trustsUnflushed)?.facts
        return AppendTimeBounds.Source(first: facts.flatMap { $0.isEmpty ? nil : $0.firstAppendTime }, file.modified)
    }
}
