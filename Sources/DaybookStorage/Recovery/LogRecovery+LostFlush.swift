// What a power cut may leave where several segments were waiting for one flush: bytes of an earlier one are lost, and a later
// one is there. Decides whether that is the case, and takes the later ones out of the log; the earlier one is then the last,
// and its torn tail is cut as any other. Called by `LogRecovery` before it opens segments.

internal import DaybookFiles
internal import DaybookModel
internal import SystemPackage

extension LogRecovery {
    /// Takes the segments out of `files` that follow bytes lost above `durable`, and sets their files aside.
    ///
    /// A flush makes segments durable in their order, and no record is acknowledged before the checkpoint says how far the
    /// segments before its own are durable. So what is lost above everything that is known to be durable was never flushed,
    /// and neither was what follows it: the log ends there, as it was at some moment. O(1) where a flushed sidecar block
    /// speaks of the last segment; else the segments that none speaks of are read.
    ///
    /// The newest goes first, and the lost bytes are cut when none is left: after a crash in between all of this is found
    /// again. `mayBeginLater`: nobody knows where the log begins, so that nothing is missing before the first segment.
    func setAsideFollowers(
        of files: inout [SegmentOnDisk], durable known: Offset, mayBeginLater: Bool, _ report: inout PartitionRecovery
    ) throws(FileError) {
        guard let first = files.first else { return }
        let durable = max(known, flushed(files))
        // The name of the first segment may be lost, too.
        var count = first.baseOffset > durable && !mayBeginLater ? 0 : 1
        while count > 0, count < files.count {
            let end = files[count].baseOffset
            if end > durable, try isIncomplete(files[count - 1], end: end, durable) { break }
            count += 1
        }
        let followers = files[count...]
        files.removeSubrange(count...)
        report.setAside = followers.map { ($0.baseOffset, $0.size.rawValue) }
        guard !isReadOnly else { return }
        for file in followers.reversed() {
            // Without its segment a sidecar is of no use, and to one of the same name it would be a lie.
            try pool.fileSystem.removeIfPresent(directory.appending(SegmentName.sidecar(file.baseOffset)))
            try quarantine.move(
                directory.appending(SegmentName.log(file.baseOffset)),
                reason: "torn tail: written behind bytes that a power cut took, before any of them was flushed",
                now: now)
        }
    }

    /// What the newest flushed sidecar block says: everything below was durable.
    private func flushed(_ files: [SegmentOnDisk]) -> Offset {
        for file in files.reversed() {
            if let content = makeSegment(file.baseOffset).sidecar.load(trustUnflushed: false) {
                return content.facts.nextOffset
            }
        }
        return .zero
    }

    /// Whether a segment ends, or becomes invalid, before the next one begins and above what is durable.
    private func isIncomplete(_ file: SegmentOnDisk, end: Offset, _ durable: Offset) throws(FileError) -> Bool {
        let segment = makeSegment(file.baseOffset)
        var scan = SegmentScan(
            durableBelow: durable, offsetLimit: end, indexInterval: configuration.indexIntervalBytes, appendTime: now)
        scan.isSealed = true
        let result = try scan.run(
            segment.file, behind: SegmentFacts(baseOffset: file.baseOffset), index: SegmentIndex(), to: file.size)
        try segment.file.close()
        return result.tornTail != nil || result.facts.nextOffset < end
    }
}
