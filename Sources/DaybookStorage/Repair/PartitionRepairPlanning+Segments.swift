// What the segments of a partition hold, and what has to be done about it: the half of the planning that reads them.
// By the rules of recovery, so that what readers get does not change.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords

extension PartitionRepairPlanning {
    /// A segment and what a look at every byte has brought.
    struct Examined {
        let file: File
        let scan: SegmentScan.Result
        /// Another segment follows.
        let isSealed: Bool
        let previousEpoch: LeaderEpoch?
        let appendTime: Timestamp
    }

    /// Looks at all segments, in order. Those that hold nothing of their own are planned to be set aside, with their
    /// sidecars, and left out.
    mutating func examine(_ files: [File]) throws(FileError) -> [Examined] {
        var recoveryPoint = max(knownRecoveryPoint, plan.logStartOffset)
        var examined: [Examined] = []
        var bounds = AppendTimeBounds()
        var rest = files[...]
        while let file = rest.popFirst() {
            let previous = examined.last { !$0.scan.facts.isEmpty }?.scan.facts
            let time = bounds.estimate(
                at: files.count - rest.count - 1, behind: previous, files.map { bound($0) }, now: now)
            var result = try scan(file, before: rest.first, previous, time, &recoveryPoint)
            if try isMisnamed(file, result) {
                moveAway(file, "its name does not fit what it holds")
                continue
            }
            while let next = rest.first, result.facts.nextOffset >= next.baseOffset {
                let reach = try reach(of: file, behind: result.facts)
                guard reach > next.baseOffset, try reach >= end(of: next, before: rest.dropFirst().first) else { break }
                moveAway(next, "\(SegmentName.log(file.baseOffset)) holds its offsets too")
                rest.removeFirst()
                result = try scan(file, before: rest.first, previous, time, &recoveryPoint)
            }
            let lastEpoch = result.facts.epochStarts.map(\.epoch).max()
            plan.highestEpoch = [plan.highestEpoch, lastEpoch].compactMap { $0 }.max()
            examined.append(
                Examined(
                    file: file, scan: result, isSealed: !rest.isEmpty, previousEpoch: previous?.lastEpoch,
                    appendTime: time))
        }
        plan.recoveryPoint = recoveryPoint
        return examined
    }

    private mutating func moveAway(_ file: File, _ reason: String) {
        plan.actions.append(.setAside(file: SegmentName.log(file.baseOffset), reason: reason))
    }

    private func sidecar(_ file: File) -> SidecarFile {
        SidecarFile(
            identity: identity, baseOffset: file.baseOffset, directory: directory, pool: pool, suffix: file.suffix)
    }

    private var trustsUnflushed: Bool { isSameBoot || wasClosedCleanly }

    private func bound(_ file: File) -> AppendTimeBounds.Source {
        let facts = sidecar(file).load(trustUnflushed: true)?.facts
        return AppendTimeBounds.Source(first: facts.flatMap { $0.isEmpty ? nil : $0.firstAppendTime }, file.modified)
    }

    /// One pass over all bytes of a segment, by the rules of recovery.
    private func scan(
        _ file: File, before next: File?, _ previous: SegmentFacts?, _ time: Timestamp, _ recoveryPoint: inout Offset
    ) throws(FileError) -> SegmentScan.Result {
        let content = sidecar(file).load(trustUnflushed: trustsUnflushed)
        if next == nil, let content, content.isFlushed || wasClosedCleanly {
            recoveryPoint = max(recoveryPoint, content.facts.nextOffset)
        }
        let limit = next?.baseOffset ?? recoveryPoint
        var scan = SegmentScan(
            durableBelow: limit, offsetLimit: limit, indexInterval: indexInterval, appendTime: time)
        scan.isSealed = next != nil
        scan.wasClosedCleanly = wasClosedCleanly && next == nil
        scan.previousEpoch = previous?.lastEpoch
        if let content, content.isSealed, content.facts.size == file.size {
            scan.knownEpochs = content.facts.epochStarts
        }
        let result = try scan.run(
            pool.file(at: file.path, .read), behind: SegmentFacts(baseOffset: file.baseOffset), index: SegmentIndex(),
            to: file.size)
        if next == nil, wasClosedCleanly { recoveryPoint = max(recoveryPoint, result.facts.nextOffset) }
        return result
    }

    /// Whether the file is sound for itself and is that of other offsets.
    private func isMisnamed(_ file: File, _ result: SegmentScan.Result) throws(FileError) -> Bool {
        guard result.facts.batchesCount == 0, file.size > .zero else { return false }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: BatchHeader.size, alignment: 16)
        defer { bytes.deallocate() }
        let log = pool.file(at: file.path, .read)
        guard try log.read(into: bytes, at: .zero) == bytes.count,
            let header = try? BatchHeader(decoding: UnsafeRawBufferPointer(bytes)),
            header.baseOffset != file.baseOffset
        else { return false }
        var walker = BatchWalker(log, to: file.size, expecting: header.baseOffset)
        // Two batches in a row are no flipped bit in an offset.
        for _ in 0..<2 {
            switch try walker.next() {
            case .batch: continue
            case .end: return true
            case .invalid: return false
            }
        }
        return true
    }

    /// Where the chain of valid batches ends that begins at the end of `facts`.
    private func reach(of file: File, behind facts: SegmentFacts) throws(FileError) -> Offset {
        var walker = BatchWalker(
            pool.file(at: file.path, .read), from: facts.size, to: file.size, expecting: facts.nextOffset)
        while case .batch = try walker.next() {}
        return walker.expectedOffset
    }

    /// The end of what a segment can hold: its last batch, or the next segment where damage hides the end.
    private func end(of file: File, before next: File?) throws(FileError) -> Offset {
        var walker = BatchWalker(pool.file(at: file.path, .read), to: file.size, expecting: file.baseOffset)
        while true {
            switch try walker.next() {
            case .batch: continue
            case .end: return walker.expectedOffset
            case .invalid: return next?.baseOffset ?? .max
            }
        }
    }

    // MARK: what to do

    /// Plans what the segments need, and what has to be put between them.
    mutating func planSegments(_ segments: [Examined]) {
        var expected = plan.logStartOffset
        var epoch: LeaderEpoch?
        for (index, segment) in segments.enumerated() {
            if segment.file.baseOffset > expected {
                addMissing(expected..<segment.file.baseOffset, isSealed: true, epoch, behind: segment.appendTime)
            }
            let end =
                index + 1 < segments.count
                ? segments[index + 1].file.baseOffset : max(plan.recoveryPoint, segment.scan.facts.nextOffset)
            planSegment(segment, to: end)
            // A segment without a batch is written anew up to the next one, instead of having one put behind it.
            expected = segment.scan.facts.nextOffset == segment.file.baseOffset ? end : segment.scan.facts.nextOffset
            epoch = segment.scan.facts.lastEpoch ?? epoch
        }
        if expected < plan.recoveryPoint {
            let time = segments.last?.scan.facts.lastAppendTime ?? .none
            addMissing(expected..<plan.recoveryPoint, isSealed: false, epoch, behind: time)
        }
        plan.logEndOffset = max(expected, plan.recoveryPoint)
    }

    private mutating func addMissing(
        _ offsets: Range<Offset>, isSealed: Bool, _ epoch: LeaderEpoch?, behind time: Timestamp
    ) {
        plan.actions.append(
            .rewrite(
                SegmentRewrite(
                    baseOffset: offsets.lowerBound, replaces: false,
                    pieces: [.lose(.zero ..< .zero, offsets, reason: "in no file")], isSealed: isSealed,
                    previousEpoch: epoch ?? .zero, appendTime: time)))
    }

    private mutating func planSegment(_ segment: Examined, to end: Offset) {
        let facts = segment.scan.facts
        var pieces: [SegmentRewrite.Piece] = []
        var place = Position.zero
        for damage in segment.scan.damage {
            if damage.positions.lowerBound > place { pieces.append(.keep(place..<damage.positions.lowerBound)) }
            pieces.append(.lose(damage.positions, damage.offsets, reason: "corruption: \(damage.reason)"))
            place = damage.positions.upperBound
        }
        if place < facts.size { pieces.append(.keep(place..<facts.size)) }
        let isEmpty = facts.nextOffset == segment.file.baseOffset
        if let torn = segment.scan.tornTail {
            let count = torn.position.distance(to: segment.file.size)
            plan.notes.append(
                "\(identity.topicPartition)/\(SegmentName.log(segment.file.baseOffset)): \(count) bytes at the end are no "
                    + "whole batch; the next open cuts them and keeps them in quarantine")
            if !segment.scan.damage.isEmpty || (isEmpty && end > facts.nextOffset) {
                pieces.append(
                    .lose(torn.position..<segment.file.size, facts.nextOffset..<facts.nextOffset, reason: "torn tail"))
                plan.notes.removeLast()
            }
        } else if facts.size < segment.file.size {
            pieces.append(
                .lose(
                    facts.size..<segment.file.size, facts.nextOffset..<facts.nextOffset,
                    reason: "the next segment holds these offsets"))
        }
        if isEmpty, end > facts.nextOffset {
            pieces.append(.lose(.zero ..< .zero, facts.nextOffset..<end, reason: "in no file"))
        }
        let losses = pieces.contains { if case .lose = $0 { true } else { false } }
        if losses {
            plan.actions.append(
                .rewrite(
                    SegmentRewrite(
                        baseOffset: segment.file.baseOffset, replaces: true, pieces: pieces,
                        isSealed: segment.isSealed, previousEpoch: segment.previousEpoch ?? .zero,
                        appendTime: segment.appendTime)))
        } else if badSidecars.contains(segment.file.baseOffset) {
            plan.actions.append(
                .rebuildSidecar(
                    SidecarRebuilding(
                        baseOffset: segment.file.baseOffset, size: facts.size, isSealed: segment.isSealed,
                        isFlushed: wasClosedCleanly || facts.nextOffset <= plan.recoveryPoint,
                        previousEpoch: segment.previousEpoch, appendTime: segment.appendTime)))
        }
    }
}
