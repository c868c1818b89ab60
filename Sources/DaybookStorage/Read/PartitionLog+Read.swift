// Reading: from an offset to whole batches, with gaps where there is nothing to be had.
// The half that needs no lock is `ReadPlan`.

internal import DaybookFiles
package import DaybookModel
package import DaybookRecords

/// What stands at an offset.
package enum ReadStep: Sendable {
    /// Whole batches in order; the first one holds the wanted offset. Never empty.
    case batches([RecordBatch], next: Offset)
    /// Nothing readable up to the gap's end.
    case gap(Gap)
    /// The limit has been reached.
    case end
}

/// What has to be done to read at an offset.
package enum ReadDecision: Sendable {
    case read(ReadPlan)
    case gap(Gap)
    case end
}

extension PartitionLog {
    /// Decides where to read. `limit` is what the reader may see: `lastStableOffset`, `recoveryPoint` or `logEndOffset`.
    ///
    /// The plan covers at most `maximumBytes`, but at least one batch. May read the index of a sealed segment, or scan
    /// the segment when the index is of no use. What was deleted is a gap. Between the limit and the recovery
    /// point there is nothing yet; throws `.offsetOutOfRange` below zero and behind both.
    package func planRead(from offset: Offset, limit: Offset, maximumBytes: Int) throws(StorageError) -> ReadDecision {
        guard offset >= .zero, offset <= max(limit, recoveryPoint) else {
            throw .offsetOutOfRange(offset, available: logStartOffset..<max(logStartOffset, limit))
        }
        guard offset < limit else { return .end }
        if offset < logStartOffset {
            return .gap(Gap(baseOffset: offset, nextOffset: min(logStartOffset, limit), cause: .retained))
        }
        let following = segments.partitioningIndex { $0.baseOffset > offset }
        guard following > 0 else { return .gap(missing(from: offset, to: segments[0].baseOffset, limit)) }
        let segment = segments[following - 1]
        let segmentEnd = following < segments.count ? segments[following].baseOffset : limit
        guard offset < segment.nextOffset else { return .gap(missing(from: offset, to: segmentEnd, limit)) }
        if let damage = segment.damage(containing: offset) {
            return .gap(missing(from: offset, to: damage.offsets.upperBound, limit))
        }
        let index = try loadIndex(of: segment)
        // Loading may have scanned the segment and found damage here.
        if let damage = segment.damage(containing: offset) {
            return .gap(missing(from: offset, to: damage.offsets.upperBound, limit))
        }
        return .read(plan(for: offset, in: segment, index, limit: min(limit, segmentEnd), maximumBytes))
    }

    private func missing(from offset: Offset, to end: Offset, _ limit: Offset) -> Gap {
        Gap(baseOffset: offset, nextOffset: min(end, limit), cause: .quarantined)
    }

    private func plan(
        for offset: Offset, in segment: Segment, _ index: SegmentIndex, limit: Offset, _ maximumBytes: Int
    ) -> ReadPlan {
        var start = Position.zero
        var expected = segment.baseOffset
        var checksum: UInt32?
        if let entry = index.entry(atOrBefore: offset) {
            (start, expected, checksum) = (entry.position, entry.offset, entry.headerChecksum)
        }
        if let damage = segment.damage.last(where: { $0.offsets.upperBound <= offset }),
            damage.positions.upperBound > start
        {
            (start, expected, checksum) = (damage.positions.upperBound, damage.offsets.upperBound, nil)
        }
        // Offsets can be lost where no bytes are.
        let ahead = segment.damage.first { $0.positions.lowerBound >= start && $0.offsets.lowerBound >= expected }
        let barrier = ahead?.positions.lowerBound ?? segment.size
        // An end where a batch surely ends wastes no bytes; failing that, the first one behind the limit.
        let wish = start.advanced(by: max(1, maximumBytes))
        let boundary =
            wish >= barrier
            ? barrier : index.boundary(after: start, upTo: wish) ?? index.boundary(after: start) ?? barrier
        return ReadPlan(
            file: segment.file, positions: start..<min(boundary, barrier),
            expectedOffset: expected, headerChecksum: checksum, epochs: segment.facts.epochStarts, wanted: offset,
            limit: limit)
    }

    /// Turns what a plan read into batches, or looks closer where it met a problem; nil asks for a new plan.
    package func finishRead(_ outcome: ReadPlan.Outcome) throws(StorageError) -> ReadStep? {
        // A segment that has gone meanwhile, or another one in its place, says nothing about this read.
        guard let segment = segments.last(where: { $0.file === outcome.file }) else { return nil }
        if outcome.batches.isEmpty {
            try rescan(segment)
            try giveUpIfUnreadable(outcome)
            return nil
        }
        if let gap = outcome.gap { return .gap(gap) }
        let index = try loadIndex(of: segment)
        let (found, next) = outcome.beforeLoss
        let batches = found.map { batch in
            RecordBatch(
                buffer: outcome.buffer, start: batch.start, header: batch.header,
                appendTime: batch.header.timestampType == .append
                    ? batch.header.maxTimestamp : index.appendTime(of: batch.header.baseOffset))
        }
        return .batches(batches, next: next)
    }

    /// Sees to it that the next plan gets further than the one that brought nothing.
    ///
    /// A look at every byte has made the segment's damage known. Where its sums still claim an offset that no bytes bear out,
    /// as those of the active segment do that were taken from a forged sidecar, the offset counts as lost, up to the next
    /// place that the index knows.
    private func giveUpIfUnreadable(_ outcome: ReadPlan.Outcome) throws(StorageError) {
        let wanted = outcome.wanted
        guard case .read(let plan) = try planRead(from: wanted, limit: outcome.limit, maximumBytes: 1),
            let segment = segments.last(where: { $0.file === plan.file })
        else { return }
        let again: ReadPlan.Outcome
        do throws(FileError) { again = try plan.run() } catch { throw .file(error) }
        guard again.batches.isEmpty, case .invalid(let reason, let position) = again.problem ?? .indexMismatch else {
            return
        }
        let known = segment.damage.first { $0.offsets.lowerBound > wanted }
        let entry = segment.index?.entries.first { $0.offset > wanted && $0.position > position }
        let nextOffset = min(segment.nextOffset, known?.offsets.lowerBound ?? .max, entry?.offset ?? .max)
        let end = min(segment.size, known?.positions.lowerBound ?? segment.size, entry?.position ?? segment.size)
        let damage = Damage(positions: position..<max(position, end), offsets: wanted..<nextOffset, reason: reason)
        segment.damage.insert(damage, at: segment.damage.partitioningIndex { $0.offsets.lowerBound > wanted })
    }

    /// Plan, run and finish in one, for callers that may block.
    package func read(
        from offset: Offset, limit: Offset, maximumBytes: Int = 1 << 20
    ) throws(StorageError) -> ReadStep {
        while true {
            switch try planRead(from: offset, limit: limit, maximumBytes: maximumBytes) {
            case .end: return .end
            case .gap(let gap): return .gap(gap)
            case .read(let plan):
                let outcome: ReadPlan.Outcome
                do throws(FileError) {
                    outcome = try plan.run()
                } catch {
                    if isOutdated(plan) { continue }
                    throw .file(error)
                }
                if let step = try finishRead(outcome) { return step }
            }
        }
    }

    /// Whether what a plan would read is no part of the log any more, because records were deleted or compacted since.
    package func isOutdated(_ plan: ReadPlan) -> Bool { !segments.contains { $0.file === plan.file } }

    /// Looks at every byte of the segment with that base offset, for whoever has reason to doubt it. Returns the damage
    /// found; empty also where there is no such segment.
    package func examine(segment baseOffset: Offset) throws(StorageError) -> [Damage] {
        guard let segment = segments.first(where: { $0.baseOffset == baseOffset }) else { return [] }
        try rescan(segment)
        return segment.damage
    }

    // MARK: the index of a sealed segment

    /// The segment's index, from memory, from the sidecar, or by scanning.
    func loadIndex(of segment: Segment) throws(StorageError) -> SegmentIndex {
        if let index = segment.index { return index }
        if let content = segment.sidecar.load(trustUnflushed: true), content.isSealed, content.facts == segment.facts {
            keep(content.index, for: segment)
            return content.index
        }
        try rescan(segment)
        return segment.index ?? SegmentIndex()
    }

    /// At most this many sealed segments keep their index in memory.
    private static var indexesKept: Int { 4 }

    private func keep(_ index: SegmentIndex, for segment: Segment) {
        let holders = segments.filter { $0.isSealed && $0.index != nil && $0.damage.isEmpty }
        // The oldest goes first: readers move forward.
        if holders.count >= Self.indexesKept, let oldest = holders.first { oldest.index = nil }
        segment.index = index
    }

    /// Looks at every byte of a segment and writes its sidecar anew.
    private func rescan(_ segment: Segment) throws(StorageError) {
        let following = segments.partitioningIndex { $0.baseOffset > segment.baseOffset }
        // Another segment's offsets are never found here; nor are those that the active one is yet to give.
        let end = following < segments.count ? segments[following].baseOffset : segment.nextOffset
        var index = SegmentIndex()
        if let known = segment.index { index.append(entries: [], appendTimes: known.appendTimes) }
        var scan = SegmentScan(
            durableBelow: end, offsetLimit: end, indexInterval: configuration.indexIntervalBytes,
            appendTime: segment.facts.lastAppendTime)
        scan.isSealed = true
        scan.knownEpochs = segment.facts.epochStarts
        scan.producerLimits = configuration.producers
        let known = try knownTransactions(of: segment)
        scan.producers = known.before
        scan.knownAborted = known.aborted
        let result: SegmentScan.Result
        do throws(FileError) {
            let size = max(segment.size, Position(segment.isSealed ? try segment.file.status().size : 0))
            result = try scan.run(
                segment.file, behind: SegmentFacts(baseOffset: segment.baseOffset), index: index, to: size)
        } catch {
            throw .file(error)
        }
        segment.index = result.index
        segment.aborted = nil
        for damage in result.damage where !segment.damage.contains(damage) { keepBytes(of: damage, segment) }
        segment.damage = result.damage
        noteDamage(result.damage)
        segment.isScanned = true
        if segment.isSealed {
            segment.facts = result.facts
            segment.producers = known.behind ?? result.producers
            if access != .read {
                segment.sidecar.forget()
                writeSidecar(
                    of: segment, facts: segment.facts, known.behind ?? result.producers,
                    isFlushed: !segment.hasUnflushedBytes)
            }
        }
    }

    /// What is known of a segment's transactions without looking into it: a marker that is damaged has been there all the
    /// same. What is not known is found out from the producers before the segment.
    private func knownTransactions(
        of segment: Segment
    ) throws(StorageError) -> (before: ProducerSnapshot, behind: ProducerStateTable?, aborted: [AbortedTransaction]?) {
        let nothing = ProducerSnapshot(offset: .max, table: ProducerStateTable())
        if segment === activeSegment, let index = segment.index { return (nothing, producers, index.aborted) }
        if let content = segment.sidecar.load(trustUnflushed: true), content.isSealed, content.facts == segment.facts {
            return (nothing, content.producers, content.index.aborted)
        }
        do throws(FileError) {
            if let behind = segment.producers, let index = segment.index { return (nothing, behind, index.aborted) }
            return (try producers(before: segment), nil, nil)
        } catch {
            throw .file(error)
        }
    }

    /// Puts a copy of damaged bytes into quarantine. A failure is remembered, not thrown: the bytes stay where they are.
    private func keepBytes(of damage: Damage, _ segment: Segment) {
        guard access != .read else { return }
        do throws(FileError) {
            try quarantine.keep(damage, of: segment, identity: identity, now: latestTime)
        } catch {
            quarantineFailure = error
        }
    }
}
