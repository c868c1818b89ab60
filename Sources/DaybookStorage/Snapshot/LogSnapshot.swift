// What of a log is durable at one moment, segment by segment: what a backup has to hold, and the sidecars that say no more
// than that. Reads only, of a log that was opened for reading; copying and linking files is the engine's business.

package import DaybookFiles
package import DaybookModel

/// A segment as a snapshot of its log holds it.
package struct SegmentSnapshot {
    /// Sums over exactly the bytes that belong to the snapshot: all of them durable, and a batch boundary at their end.
    package let facts: SegmentFacts
    /// The segment is closed, all of it belongs to the snapshot, and durable records stand in a segment behind it: nothing
    /// is appended to such a file or cut off it any more. It may be replaced or removed, but its bytes stay what they are.
    package let isFinal: Bool
    package let isSealed: Bool
    /// Nil: it is in the segment's sidecar.
    fileprivate let index: SegmentIndex?
    /// The producers behind the segment. Nil: they are in the segment's sidecar.
    fileprivate let producers: ProducerStateTable?
    fileprivate let sidecar: SidecarFile

    package var baseOffset: Offset { facts.baseOffset }
    /// How many bytes of the segment belong to the snapshot.
    package var size: Int { facts.size.rawValue }
    /// Whether offsets are missing inside: lost to damage, or removed by compaction.
    package var hasGaps: Bool { facts.recordsCount != facts.baseOffset.distance(to: facts.nextOffset) }
}

/// The durable part of a log.
package struct LogSnapshot {
    package let identity: LogIdentity
    package let logStartOffset: Offset
    /// Everything below belongs to the snapshot.
    package let highWatermark: Offset
    package let lastEpoch: LeaderEpoch?
    /// In order; none of them empty.
    package private(set) var segments: [SegmentSnapshot] = []
    /// Offsets that were once durable and are in no segment.
    package private(set) var missing: [Range<Offset>] = []
    /// What the copy of a log has to remember that has no segment left to tell of its producers; nil for others.
    package let checkpoint: PartitionCheckpoint?
    private let indexInterval: ByteCount
    private let producerLimits: ProducerLimits
    /// Where the first segment begins.
    private let firstProducers: ProducerStateTable

    /// Takes note of what is durable now. Reads the end of the segment in which that ends; O(segments) otherwise.
    package init(of log: PartitionLog) throws(FileError) {
        identity = log.identity
        logStartOffset = log.logStartOffset
        highWatermark = log.recoveryPoint
        lastEpoch = log.epochStarts.last?.epoch
        indexInterval = log.configuration.indexIntervalBytes
        producerLimits = log.configuration.producers
        firstProducers = log.checkpoint.producers?.table ?? ProducerStateTable()
        checkpoint = Self.checkpoint(of: log)
        for (index, segment) in log.segments.enumerated() where segment.baseOffset < highWatermark {
            let isFollowed = index + 1 < log.segments.count
            // What lies before the log start is about to be removed.
            guard segment.size > .zero, segment.nextOffset > logStartOffset else { continue }
            segments.append(
                segment.nextOffset <= highWatermark
                    ? whole(segment, isFollowed ? segment.producers : log.producers, isFollowed: isFollowed)
                    : try cut(segment, log))
        }
        var expected = logStartOffset
        for segment in segments {
            if segment.baseOffset > expected { missing.append(expected..<segment.baseOffset) }
            expected = max(expected, segment.facts.nextOffset)
        }
        if expected < highWatermark { missing.append(expected..<highWatermark) }
    }

    private static func checkpoint(of log: PartitionLog) -> PartitionCheckpoint? {
        guard let producers = log.checkpoint.producers, !producers.table.isEmpty,
            !log.segments.contains(where: { $0.baseOffset < log.recoveryPoint && $0.nextOffset > log.logStartOffset })
        else { return nil }
        var checkpoint = PartitionCheckpoint(topicID: log.identity.topicID)
        (checkpoint.logStartOffset, checkpoint.durableTo) = (log.logStartOffset, log.recoveryPoint)
        checkpoint.producers = producers
        return checkpoint
    }

    private func whole(
        _ segment: Segment, _ producers: ProducerStateTable?, isFollowed: Bool
    ) -> SegmentSnapshot {
        SegmentSnapshot(
            facts: segment.facts,
            isFinal: isFollowed && segment.isSealed && !segment.hasUnflushedBytes
                && segment.nextOffset < highWatermark,
            isSealed: segment.isSealed, index: segment.index, producers: producers, sidecar: segment.sidecar)
    }

    /// The part of a segment below the high watermark: its sums, from the last sidecar block that lies below it too.
    private func cut(_ segment: Segment, _ log: PartitionLog) throws(FileError) -> SegmentSnapshot {
        let times = segment.index ?? segment.sidecar.load(trustUnflushed: true)?.index ?? SegmentIndex()
        let known = segment.sidecar.load(trustUnflushed: false, upTo: highWatermark)
        var index = SegmentIndex()
        index.append(
            entries: known?.index.entries ?? [], appendTimes: times.appendTimes.filter { $0.offset < highWatermark },
            aborted: known?.index.aborted ?? [])
        let producers: ProducerSnapshot
        if let known {
            producers = ProducerSnapshot(offset: known.facts.nextOffset, table: known.producers)
        } else {
            producers = try log.producers(before: segment)
        }
        let result = try scan(
            segment.file, behind: known?.facts ?? SegmentFacts(baseOffset: segment.baseOffset), index,
            below: highWatermark, to: segment.size, appendTime: segment.facts.firstAppendTime,
            producers: producers)
        return SegmentSnapshot(
            facts: result.facts, isFinal: false, isSealed: false, index: result.index, producers: result.producers,
            sidecar: segment.sidecar)
    }

    private func scan(
        _ file: PooledFile, behind facts: SegmentFacts, _ index: SegmentIndex, below limit: Offset, to end: Position,
        appendTime: Timestamp, knownEpochs: [EpochStart] = [],
        producers: ProducerSnapshot = ProducerSnapshot(offset: .max, table: ProducerStateTable()),
        knownAborted: [AbortedTransaction]? = nil
    ) throws(FileError) -> SegmentScan.Result {
        var scan = SegmentScan(
            durableBelow: limit, offsetLimit: limit, indexInterval: indexInterval, appendTime: appendTime)
        scan.isSealed = true
        scan.knownEpochs = knownEpochs
        scan.producers = producers
        scan.producerLimits = producerLimits
        scan.knownAborted = knownAborted
        return try scan.run(file, behind: facts, index: index, to: end)
    }

    // MARK: what a copy needs

    /// The bytes of a sidecar for a flushed copy of `segment`: one block, which speaks of the copied bytes and no others.
    ///
    /// Nil when the segment's own sidecar is damaged, or has been replaced or removed since: the log has to be looked at anew.
    /// Written anew and not copied, because a sidecar that is still being appended to soon speaks of more than the copy holds.
    package func sidecar(for segment: SegmentSnapshot) -> [UInt8]? {
        guard let known = known(segment) else { return nil }
        return sidecar(segment.facts, known.index, known.producers, isSealed: segment.isSealed)
    }

    /// Index and producers of a segment, from memory or from its sidecar.
    private func known(_ segment: SegmentSnapshot) -> (index: SegmentIndex, producers: ProducerStateTable)? {
        if let index = segment.index, let producers = segment.producers { return (index, producers) }
        guard let content = segment.sidecar.load(trustUnflushed: true), content.facts == segment.facts else {
            return nil
        }
        return (segment.index ?? content.index, segment.producers ?? content.producers)
    }

    private func sidecar(
        _ facts: SegmentFacts, _ index: SegmentIndex, _ producers: ProducerStateTable, isSealed: Bool
    ) -> [UInt8] {
        let end = facts.nextOffset
        return SidecarBlock(
            number: 0, isSealed: isSealed, isFlushed: true, facts: facts,
            entries: index.entries.filter { $0.offset < end },
            appendTimes: index.appendTimes.filter { $0.offset < end },
            aborted: index.aborted.filter { $0.lastOffset < end }, producers: producers
        ).encoded(for: identity)
    }

    /// Looks at every byte of a copy of `segment`, and says what is damaged in it and what a sidecar of it would be. What the
    /// segment's own sidecar still tells goes before what the bytes do. O(bytes).
    package func inspect(
        _ copy: PooledFile, of segment: SegmentSnapshot
    ) throws(FileError) -> (facts: SegmentFacts, damage: [Damage], sidecar: [UInt8]) {
        let known = known(segment)
        let seal = known == nil ? segment.sidecar.loadSeal(size: segment.size, trustUnflushed: true) : nil
        var index = SegmentIndex()
        index.append(
            entries: [],
            appendTimes: known?.index.appendTimes ?? segment.index?.appendTimes
                ?? seal.flatMap { segment.sidecar.appendTimesOfRest(behind: $0) } ?? [])
        let result = try scan(
            copy, behind: SegmentFacts(baseOffset: segment.baseOffset), index, below: segment.facts.nextOffset,
            to: segment.facts.size, appendTime: segment.facts.firstAppendTime, knownEpochs: segment.facts.epochStarts,
            producers: ProducerSnapshot(offset: segment.baseOffset, table: producers(before: segment)),
            knownAborted: known?.index.aborted ?? segment.index?.aborted)
        let producers = known?.producers ?? segment.producers ?? seal?.producers ?? result.producers
        return (
            result.facts, result.damage, sidecar(result.facts, result.index, producers, isSealed: segment.isSealed)
        )
    }

    private func producers(before segment: SegmentSnapshot) -> ProducerStateTable {
        guard let previous = segments.last(where: { $0.baseOffset < segment.baseOffset }) else { return firstProducers }
        return known(previous)?.producers ?? ProducerStateTable()
    }
}
