// Looks at every byte of a segment behind what is already known of it: sums, index, damage, and where a torn tail
// begins. Changes nothing on disk.

package import DaybookFiles
package import DaybookModel
internal import DaybookRecords

/// One pass over a segment.
package struct SegmentScan {
    /// Invalid bytes are damage when the offset they should hold is below this: it was once known to be durable.
    /// At and above it they are a torn tail and end the scan.
    package var durableBelow: Offset
    /// Batches found behind damage must begin at or below this; at least `durableBelow`.
    package var offsetLimit: Offset
    package var indexInterval: ByteCount
    /// For batches whose append time neither they nor a sidecar know.
    package var appendTime: Timestamp
    /// Another segment begins at `offsetLimit`: what claims offsets from there on does not belong here.
    package var isSealed = false
    /// The log was closed properly: invalid bytes with valid batches behind them are damage wherever they are.
    package var wasClosedCleanly = false
    /// Of the batch before the segment.
    package var previousEpoch: LeaderEpoch?
    /// Who wrote what, where that is known.
    package var knownEpochs: [EpochStart] = []
    /// The producers behind `facts`, or further on: batches before their offset are not counted again.
    package var producers = ProducerSnapshot(offset: .zero, table: ProducerStateTable())
    package var producerLimits = ProducerLimits()
    /// The segment's aborted transactions, where they are known better than from what is scanned.
    package var knownAborted: [AbortedTransaction]?
    /// Markers from here on are not known to be durable.
    package var durableMarkersBelow = Offset.max

    package init(durableBelow: Offset, offsetLimit: Offset, indexInterval: ByteCount, appendTime: Timestamp) {
        self.durableBelow = durableBelow
        self.offsetLimit = offsetLimit
        self.indexInterval = indexInterval
        self.appendTime = appendTime
    }

    /// What the pass found.
    package struct Result {
        package var facts: SegmentFacts
        package var index: SegmentIndex
        /// The producers behind what was scanned.
        package var producers: ProducerStateTable
        /// Transactions whose markers are not known to be durable.
        package var undecided: [EndedTransaction] = []
        package var damage: [Damage] = []
        /// Where valid bytes end although the file goes on, with the reason. Nothing durable is behind it.
        package var tornTail: (position: Position, reason: InvalidBatch)?
        package var scannedBytes = 0
    }

    /// Scans `file` from the end of `facts` to `end`. O(bytes).
    package func run(
        _ file: PooledFile, behind facts: SegmentFacts, index: SegmentIndex, to end: Position
    ) throws(FileError) -> Result {
        // What is told of the append times of batches to come, by a sidecar that outlived a part of itself.
        let told = index
        var result = Result(facts: facts, index: index.before(facts.nextOffset), producers: producers.table)
        for transaction in knownAborted ?? [] {
            result.index.note(transaction)
            result.facts.absorbAbortion()
        }
        result.scannedBytes = max(0, facts.size.distance(to: end))
        var walker = BatchWalker(
            file, from: facts.size, to: end, expecting: facts.nextOffset, epoch: facts.lastEpoch ?? previousEpoch,
            knownEpochs: knownEpochs)
        while true {
            if isSealed, walker.expectedOffset >= offsetLimit { return result }
            switch try walker.next() {
            case .end:
                return result
            case .batch(let header, let bytes, let position):
                if let previous = result.facts.lastEpoch ?? previousEpoch, header.leaderEpoch < previous,
                    header.baseOffset >= durableBelow, !wasClosedCleanly
                {
                    // Several batches of an earlier epoch are no proof here: a power cut may leave bytes of another file, and
                    // there they were sound.
                    result.tornTail = (position, .epochWentBack(previous: previous, found: header.leaderEpoch))
                    return result
                }
                // The batch itself knows best, then a sidecar, which may miss some of the changes.
                let isTold = told.appendTimes.last.map { $0.offset >= header.baseOffset } ?? false
                let estimate = isTold ? told.appendTime(of: header.baseOffset) : appendTime
                let own = header.timestampType == .append ? header.maxTimestamp : estimate
                let time = max(own, result.facts.lastAppendTime)
                result.index.note(
                    bytes, header, behind: result.facts, appendTime: time, interval: indexInterval)
                result.facts.absorb(header, hash: result.facts.hash(with: bytes, header), appendTime: time)
                note(bytes, header, time, &result)
            case .invalid(let reason, let position):
                let expected = walker.expectedOffset
                guard expected < durableBelow || wasClosedCleanly else {
                    result.tornTail = (position, reason)
                    return result
                }
                let search = Resynchronisation(
                    file: file, end: end, offsets: expected..<max(expected, searchLimit), index: result.index)
                guard let found = try search.next(behind: position) else {
                    guard expected < durableBelow else {
                        result.tornTail = (position, reason)
                        return result
                    }
                    result.damage.append(
                        Damage(positions: position..<end, offsets: expected..<durableBelow, reason: reason))
                    try stepOver(position..<end, of: file, to: durableBelow, &result.facts)
                    return result
                }
                result.damage.append(
                    Damage(
                        positions: position..<found.position, offsets: expected..<found.header.baseOffset,
                        reason: reason))
                try stepOver(position..<found.position, of: file, to: found.header.baseOffset, &result.facts)
                walker.seek(to: found.position, expecting: found.header.baseOffset)
            }
        }
    }

    private func note(
        _ bytes: UnsafeRawBufferPointer, _ header: BatchHeader, _ time: Timestamp, _ result: inout Result
    ) {
        guard header.baseOffset >= producers.offset,
            let ended = result.producers.absorb(bytes, header, appendTime: time, producerLimits)
        else { return }
        if ended.markerOffset >= durableMarkersBelow { result.undecided.append(ended) }
        guard knownAborted == nil, let aborted = AbortedTransaction(ended) else { return }
        result.index.note(aborted)
        result.facts.absorbAbortion()
    }

    /// The largest offset at which a batch behind damage may begin.
    private var searchLimit: Offset {
        if isSealed { return offsetLimit.advanced(by: -1) }
        return wasClosedCleanly ? .max : offsetLimit
    }

    private func stepOver(
        _ range: Range<Position>, of file: PooledFile, to nextOffset: Offset, _ facts: inout SegmentFacts
    ) throws(FileError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        var epochs = knownEpochs
        // Where nobody knows who wrote what is lost, it passes for the work of whoever came before.
        if epochs.isEmpty, let epoch = facts.lastEpoch ?? previousEpoch {
            epochs = [EpochStart(epoch: epoch, startOffset: facts.nextOffset)]
        }
        var position = range.lowerBound
        while position < range.upperBound {
            let wanted = min(buffer.count, position.distance(to: range.upperBound))
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
            guard count > 0 else { return }
            facts.stepOver(
                bytes: UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: nextOffset, knownEpochs: epochs)
            position = position.advanced(by: count)
        }
    }
}
