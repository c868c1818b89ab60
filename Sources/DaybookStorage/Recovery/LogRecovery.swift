// How a log comes to be from what is on disk. Sealed segments are taken at their sidecar's word; what no sidecar vouches
// for is scanned. Every step can be repeated: a crash in here is a crash like any other.

package import DaybookFiles
package import DaybookModel
package import SystemPackage

/// Opens one partition's log.
package struct LogRecovery {
    package let identity: LogIdentity
    package let directory: FilePath
    package let configuration: LogConfiguration
    package let pool: DescriptorPool
    package let quarantine: Quarantine
    /// The epoch of this incarnation.
    package let leaderEpoch: LeaderEpoch
    /// What a checkpoint knew to be durable when it was written; zero when nothing is known.
    package let knownRecoveryPoint: Offset
    package let logStartOffset: Offset
    /// The last owner closed the directory properly: everything on disk is durable.
    package let wasClosedCleanly: Bool
    /// The machine has not been restarted since the last owner wrote: bytes of completed writes are still there.
    package let isSameBoot: Bool
    /// It may have been restarted: what was written and not flushed may be lost, in any part.
    package let mayHaveLostPower: Bool
    package let now: Timestamp
    /// Opened for reading: nothing at all is changed on disk.
    package private(set) var isReadOnly: Bool

    package init(
        identity: LogIdentity, directory: FilePath, configuration: LogConfiguration, pool: DescriptorPool,
        quarantine: Quarantine, leaderEpoch: LeaderEpoch, knownRecoveryPoint: Offset = .zero,
        logStartOffset: Offset = .zero, wasClosedCleanly: Bool = false, isSameBoot: Bool = false,
        mayHaveLostPower: Bool = false, now: Timestamp, isReadOnly: Bool = false
    ) {
        self.identity = identity
        self.directory = directory
        self.configuration = configuration
        self.pool = pool
        self.quarantine = quarantine
        self.leaderEpoch = leaderEpoch
        self.knownRecoveryPoint = knownRecoveryPoint
        self.logStartOffset = logStartOffset
        self.wasClosedCleanly = wasClosedCleanly
        self.isSameBoot = isSameBoot
        self.mayHaveLostPower = mayHaveLostPower
        self.now = now
        self.isReadOnly = isReadOnly
    }

    /// The same recovery, changing nothing on disk.
    package var readOnly: LogRecovery {
        var recovery = self
        recovery.isReadOnly = true
        return recovery
    }

    /// Opens the log. O(segments + unvouched bytes). After an error nothing is lost and it can be tried again.
    package func run() throws(FileError) -> (log: PartitionLog, report: PartitionRecovery) {
        // Beside a live writer a sidecar may be read that speaks of more than the files held when they were listed: that is
        // not missing, it is new. What is really missing is so the second time too.
        var missing: [Range<Offset>] = []
        var lost = 0
        for _ in 0..<10 {
            let opened = try open()
            guard isReadOnly, opened.report.missing != missing || opened.report.setAside.count != lost else {
                return opened
            }
            (missing, lost) = (opened.report.missing, opened.report.setAside.count)
        }
        return try open()
    }

    private func open() throws(FileError) -> (log: PartitionLog, report: PartitionRecovery) {
        var report = PartitionRecovery(topicPartition: identity.topicPartition)
        var names = try listNames()
        var checkpoint = PartitionCheckpoint(topicID: identity.topicID)
        let hasCheckpoint = names.contains(PartitionCheckpoint.fileName)
        if hasCheckpoint {
            checkpoint = try readCheckpoint(&report) ?? checkpoint
            if try finishSwap(&checkpoint) { names = try listNames() }
        }
        let logStartOffset = max(logStartOffset, checkpoint.logStartOffset)
        var files = try listSegments(names, checkpoint.swap)
        // What lies wholly below the log start is no part of the log. It is not looked at, and retention removes it.
        let expired = zip(files, files.dropFirst()).prefix { $1.baseOffset <= logStartOffset }
            .map { ProducerTrace.Source(baseOffset: $0.baseOffset, end: $1.baseOffset, size: $0.size) }
        files.removeFirst(expired.count)
        var segments: [Segment] = []
        var recoveryPoint = max(knownRecoveryPoint, logStartOffset, checkpoint.durableTo)
        if mayHaveLostPower {
            // Before records are deleted a checkpoint says so. Where it cannot be read the log may begin anywhere.
            let mayBeginLater = hasCheckpoint && checkpoint == PartitionCheckpoint(topicID: identity.topicID)
            try setAsideFollowers(of: &files, durable: recoveryPoint, mayBeginLater: mayBeginLater, &report)
        }
        var producers = try ProducerRecovery(
            trace(checkpoint.producers), from: files.first?.baseOffset, behind: expired)
        let firstProducers = producers.snapshot
        var times = AppendTimeBounds()
        for (index, file) in files.enumerated() {
            let segment = makeSegment(file.baseOffset)
            let previous = segments.last { !$0.facts.isEmpty }?.facts
            if index + 1 < files.count {
                let flushed = try openSealed(
                    segment, file, end: files[index + 1].baseOffset, behind: previous, &producers, &report
                ) { times.estimate(at: index, behind: previous, files.map(bound), now: now) }
                if flushed { recoveryPoint = max(recoveryPoint, segment.nextOffset) }
            } else {
                recoveryPoint = try openLast(segment, file, recoveryPoint, behind: previous, &producers, &report)
            }
            segments.append(segment)
        }
        noteMissing(segments, from: logStartOffset, recoveryPoint, &report)
        if needsNewActive(segments.last, recoveryPoint) {
            // Offsets that were once promised are never given a second time, and nothing follows damaged bytes.
            segments.last?.isSealed = true
            let active = makeSegment(max(recoveryPoint, segments.last?.nextOffset ?? logStartOffset))
            active.index = SegmentIndex()
            active.isScanned = true
            segments.append(active)
        }
        report.segmentsCount = files.count
        report.recoveredRecords = max(0, recoveryPoint.distance(to: segments[segments.count - 1].nextOffset))
        let log = PartitionLog(
            identity: identity, directory: directory, configuration: configuration, leaderEpoch: leaderEpoch,
            logStartOffset: logStartOffset, recoveryPoint: min(recoveryPoint, segments[segments.count - 1].nextOffset),
            segments: segments, pool: pool, quarantine: quarantine, access: isReadOnly ? .read : .create,
            hasUnflushedNames: !wasClosedCleanly && !files.isEmpty && !isReadOnly, checkpoint: checkpoint,
            leftovers: Set(expired.map(\.baseOffset)), now: now)
        log.producers = producers.snapshot.table
        log.undecided = try producers.undecided(from: log.recoveryPoint)
        // The next checkpoint knows what this one was expected to know, or what has been found out in its place.
        if firstProducers.offset > checkpoint.producers?.offset ?? .zero { log.checkpoint.producers = firstProducers }
        log.activeSegment.producers = nil
        log.sidecarFailure = segments.lazy.compactMap(\.sidecar.failure).last
        return (log, report)
    }

    /// Whether appends must go to a segment of their own: there is none yet, or the last one was closed, misses what was
    /// promised, or ends in damage.
    private func needsNewActive(_ last: Segment?, _ recoveryPoint: Offset) -> Bool {
        guard let last, !last.isSealed else { return true }
        if last.nextOffset < recoveryPoint { return true }
        return last.damage.last.map { $0.positions.upperBound == last.size } ?? false
    }

    private func trace(_ checkpoint: ProducerSnapshot?) -> ProducerTrace {
        ProducerTrace(
            identity: identity, directory: directory, pool: pool, trustsUnflushed: trustsUnflushed,
            limits: configuration.producers, checkpoint: checkpoint)
    }

    // MARK: segments

    struct SegmentOnDisk {
        let baseOffset: Offset
        let size: Position
        let modified: Timestamp
    }

    private func listNames() throws(FileError) -> [String] {
        try pool.withRoom { () throws(FileError) in try pool.fileSystem.entries(of: directory) }
    }

    /// Reads the checkpoint, and writes it anew where one of its copies is damaged and the other one is not.
    private func readCheckpoint(_ report: inout PartitionRecovery) throws(FileError) -> PartitionCheckpoint? {
        guard let bytes = try PartitionCheckpoint.readBytes(in: directory, pool.fileSystem) else { return nil }
        guard let checkpoint = PartitionCheckpoint(decoding: bytes, topicID: identity.topicID) else {
            report.checkpointDamage = .everything
            return nil
        }
        guard !PartitionCheckpoint.isWhole(bytes, topicID: identity.topicID) else { return checkpoint }
        report.checkpointDamage = .oneCopy
        if !isReadOnly {
            // One copy is enough: what the disk refuses now, the next checkpoint brings.
            do throws(FileError) { try checkpoint.write(in: directory, pool.fileSystem) } catch {}
        }
        return checkpoint
    }

    /// Goes on with a swap of segments that a crash interrupted; returns whether names have changed.
    private func finishSwap(_ checkpoint: inout PartitionCheckpoint) throws(FileError) -> Bool {
        guard let swap = checkpoint.swap else { return false }
        if isReadOnly {
            // Whoever may write will go on with it. Until then the segments tell which of them count: names do not, because
            // a rename that a power cut left half done has left both.
            if try !isInPlace(swap) { checkpoint.swap = nil }
            return false
        }
        let swapping = SegmentSwapping(swap, directory: directory, pool: pool)
        try swapping.rename()
        // What is to go stays where what should stand in its place does not.
        if try isInPlace(swap) { try swapping.finish() }
        // The same file under its other name, if anything.
        try swapping.removeCleaned()
        checkpoint.swap = nil
        checkpoint.generation += 1
        try checkpoint.write(in: directory, pool.fileSystem)
        return true
    }

    /// Whether the segment under the swap's name reaches over all that it replaces. If not it is another one: the compacted
    /// one is gone, or the note is older than the segments. O(1), or O(size) without the sidecar.
    private func isInPlace(_ swap: SegmentSwap) throws(FileError) -> Bool {
        guard let last = swap.replaced.last else { return true }
        guard try pool.fileSystem.exists(directory.appending(SegmentName.log(swap.baseOffset))) else { return false }
        let segment = makeSegment(swap.baseOffset)
        let size = try segment.file.status().size
        if let seal = segment.sidecar.loadSeal(size: size, trustUnflushed: true) { return seal.facts.nextOffset > last }
        var walker = BatchWalker(segment.file, to: Position(size), expecting: swap.baseOffset)
        while case .batch = try walker.next() {}
        return walker.expectedOffset > last
    }

    /// The segments, without those that a swap under way has replaced.
    private func listSegments(_ names: [String], _ swap: SegmentSwap?) throws(FileError) -> [SegmentOnDisk] {
        let replaced = Set(swap?.replaced ?? [])
        var found: [SegmentOnDisk] = []
        for name in names {
            // No log gets so far that its offsets could overflow; a file of such a name is somebody else's.
            guard let baseOffset = SegmentName.baseOffset(ofLog: name), baseOffset.rawValue < 1 << 62,
                !replaced.contains(baseOffset)
            else { continue }
            let path = directory.appending(name)
            let status = try uninterrupted { () throws(FileError) in try pool.fileSystem.status(of: path) }
            guard !status.isDirectory else { continue }
            found.append(SegmentOnDisk(baseOffset: baseOffset, size: Position(status.size), modified: status.modified))
        }
        return found.sorted { $0.baseOffset < $1.baseOffset }
    }

    func makeSegment(_ baseOffset: Offset) -> Segment {
        Segment(
            baseOffset: baseOffset, identity: identity, directory: directory, pool: pool,
            access: isReadOnly ? .read : .create)
    }

    /// Blocks of sidecars about bytes that were not flushed when they were written are true of a machine that has not been
    /// restarted since. Not even a proper close makes them so: a power cut behind it can bring back those of an earlier life,
    /// because sidecars are not flushed. What the close made durable is in blocks that say so.
    var trustsUnflushed: Bool { isSameBoot }

    /// A segment that another one follows. Returns whether its bytes are known to be flushed.
    private func openSealed(
        _ segment: Segment, _ file: SegmentOnDisk, end: Offset, behind previous: SegmentFacts?,
        _ producers: inout ProducerRecovery, _ report: inout PartitionRecovery, estimatedTime: () -> Timestamp
    ) throws(FileError) -> Bool {
        let size = file.size
        segment.isSealed = true
        let seal = segment.sidecar.loadSeal(size: size.rawValue, trustUnflushed: trustsUnflushed)
        let rest = seal.flatMap { self.rest(of: segment, behind: $0) }
        if let seal, rest == nil {
            segment.facts = seal.facts
            producers.pass(segment, seal, end: end)
            let isFlushed = seal.isFlushed || wasClosedCleanly
            if isFlushed { segment.flushedSize = size } else { segment.inherited = .zero..<size }
            return isFlushed
        }
        let known = if let rest { rest } else { try vouched(segment, size) }
        var result = try scan(
            segment, behind: known, to: size, durableBelow: end, previous, isSealed: true, estimatedTime(), producers,
            markersBelow: max(knownRecoveryPoint, known.promised))
        if let states = known.producers { result.producers = states }
        producers.pass(segment, result, behind: known.content, end: end)
        segment.facts = result.facts
        segment.index = result.index
        segment.damage = result.damage
        segment.isScanned = known.content == nil
        report.scannedBytes += result.scannedBytes
        report.rebuiltSidecars.append(segment.baseOffset)
        try keep(result.damage, of: segment, &report)
        let isFlushed = wasClosedCleanly || segment.nextOffset <= max(knownRecoveryPoint, known.promised)
        if isFlushed { segment.flushedSize = segment.size } else { segment.inherited = .zero..<segment.size }
        if !isReadOnly {
            if segment.size < size { try cutRest(of: segment, from: size) }
            if known.content == nil { segment.sidecar.forget() }
            segment.sidecar.tryAppend(
                facts: segment.facts, index: result.index, producers: result.producers, isSealed: true,
                isFlushed: isFlushed, flushes: rest != nil)
            if isFlushed, segment.sidecar.isSealedAndFlushed { segment.producers = nil }
        }
        return isFlushed
    }

    /// The last segment, whose end has to be found. Returns the recovery point.
    private func openLast(
        _ segment: Segment, _ file: SegmentOnDisk, _ knownSoFar: Offset, behind previous: SegmentFacts?,
        _ producers: inout ProducerRecovery, _ report: inout PartitionRecovery
    ) throws(FileError) -> Offset {
        let known = try vouched(segment, file.size)
        // That a segment follows says nothing about those before it: it may have been begun between two flushes.
        let recoveryPoint = max(knownSoFar, known.promised)
        let time = max(min(file.modified, now), previous?.lastAppendTime ?? .none)
        let result = try scan(
            segment, behind: known, to: file.size, durableBelow: recoveryPoint, previous, isSealed: false, time,
            producers, markersBelow: recoveryPoint)
        producers.pass(segment, result, behind: known.content, end: max(recoveryPoint, result.facts.nextOffset))
        segment.facts = result.facts
        segment.index = result.index
        segment.damage = result.damage
        segment.isScanned = known.content == nil
        report.scannedBytes += result.scannedBytes
        try keep(result.damage, of: segment, &report)
        // A sidecar whose promise the file does not keep stays: the promise holds until the next segment has begun.
        if !isReadOnly, known.content != nil || known.promised == .zero { segment.sidecar.tryCutUntrusted() }
        // What belongs to other bytes is replaced by the next block.
        if known.content == nil, segment.nextOffset >= known.promised { segment.sidecar.forget() }
        if let torn = result.tornTail {
            try cut(segment, torn, from: file.size, &report)
        }
        // What was closed once never grows again, whatever became of the segment behind it: a snapshot may share its bytes.
        segment.isSealed = known.content.map { $0.isSealed && $0.facts.size == file.size } ?? known.isSealed
        // What lies above the recovery point was found, not promised: it is flushed before anybody is shown it.
        let durableSize = durableSize(of: segment, below: recoveryPoint, known.content)
        segment.flushedSize = wasClosedCleanly ? segment.size : durableSize
        if segment.hasUnflushedBytes { segment.inherited = segment.flushedSize..<segment.size }
        return wasClosedCleanly ? max(recoveryPoint, segment.nextOffset) : recoveryPoint
    }

    /// A place at or before the recovery point, cheap to know: from there on the segment is flushed again.
    private func durableSize(
        of segment: Segment, below recoveryPoint: Offset, _ content: SidecarFile.Content?
    ) -> Position {
        if segment.nextOffset <= recoveryPoint { return segment.size }
        let indexed = segment.index?.entry(atOrBefore: recoveryPoint)?.position ?? .zero
        guard let content, content.isFlushed else { return indexed }
        return max(indexed, content.facts.size)
    }

    private func scan(
        _ segment: Segment, behind known: Vouched, to size: Position, durableBelow: Offset, _ previous: SegmentFacts?,
        isSealed: Bool, _ time: Timestamp, _ producers: ProducerRecovery, markersBelow: Offset
    ) throws(FileError) -> SegmentScan.Result {
        var index = known.content?.index ?? SegmentIndex()
        index.append(entries: [], appendTimes: known.appendTimes)
        var scan = SegmentScan(
            durableBelow: durableBelow, offsetLimit: durableBelow, indexInterval: configuration.indexIntervalBytes,
            appendTime: known.lastAppendTime ?? time)
        scan.isSealed = isSealed
        scan.wasClosedCleanly = wasClosedCleanly
        scan.previousEpoch = previous?.lastEpoch
        scan.knownEpochs = known.epochs
        producers.prepare(&scan, behind: known.content, durableBelow: markersBelow)
        return try scan.run(
            segment.file, behind: known.content?.facts ?? SegmentFacts(baseOffset: segment.baseOffset), index: index,
            to: size)
    }

    // MARK: what is taken out of service

    private func keep(_ damage: [Damage], of segment: Segment, _ report: inout PartitionRecovery) throws(FileError) {
        for range in damage {
            report.damage.append((segment.baseOffset, range))
            if !isReadOnly { try quarantine.keep(range, of: segment, identity: identity, now: now) }
        }
    }

    /// Cuts a torn tail: first the copy, durably, then the cut.
    private func cut(
        _ segment: Segment, _ torn: (position: Position, reason: InvalidBatch), from size: Position,
        _ report: inout PartitionRecovery
    ) throws(FileError) {
        report.tornTail = TornTail(
            segment: segment.baseOffset, position: torn.position, byteCount: torn.position.distance(to: size),
            reason: torn.reason)
        guard !isReadOnly else { return }
        try quarantine.keep(
            torn.position..<size, of: segment.file, segment: segment.baseOffset, identity: identity,
            offsets: "from \(segment.nextOffset)", reason: "torn tail: \(torn.reason)", now: now)
        try segment.file.truncate(to: torn.position.rawValue)
        try segment.file.flush()
    }

    /// Cuts what stands behind the last batch of a segment that another one follows: a write that was taken back, and whose
    /// length a power cut brought back. No offset was ever promised there. Left in place it would keep the sidecar from
    /// matching, and every open would scan the segment.
    private func cutRest(of segment: Segment, from size: Position) throws(FileError) {
        try quarantine.keep(
            segment.size..<size, of: segment.file, segment: segment.baseOffset, identity: identity,
            offsets: "none", reason: "bytes behind the last batch, before segment \(segment.nextOffset)", now: now)
        try segment.file.truncate(to: segment.size.rawValue)
        try segment.file.flush()
    }

    private func noteMissing(
        _ segments: [Segment], from logStartOffset: Offset, _ recoveryPoint: Offset, _ report: inout PartitionRecovery
    ) {
        var expected = logStartOffset
        for segment in segments {
            if segment.baseOffset > expected { report.missing.append(expected..<segment.baseOffset) }
            expected = max(expected, segment.nextOffset)
        }
        if expected < recoveryPoint { report.missing.append(expected..<recoveryPoint) }
    }
}
