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
    package let now: Timestamp
    /// Opened for reading: nothing at all is changed on disk.
    package let isReadOnly: Bool

    package init(
        identity: LogIdentity, directory: FilePath, configuration: LogConfiguration, pool: DescriptorPool,
        quarantine: Quarantine, leaderEpoch: LeaderEpoch, knownRecoveryPoint: Offset = .zero,
        logStartOffset: Offset = .zero, wasClosedCleanly: Bool = false, isSameBoot: Bool = false, now: Timestamp,
        isReadOnly: Bool = false
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
        self.now = now
        self.isReadOnly = isReadOnly
    }

    /// Opens the log. O(segments + unvouched bytes). After an error nothing is lost and it can be tried again.
    package func run() throws(FileError) -> (log: PartitionLog, report: PartitionRecovery) {
        var report = PartitionRecovery(topicPartition: identity.topicPartition)
        let files = try listSegments()
        var segments: [Segment] = []
        var recoveryPoint = max(knownRecoveryPoint, logStartOffset)
        for (index, file) in files.enumerated() {
            let segment = makeSegment(file.baseOffset)
            if index + 1 < files.count {
                let flushed = try openSealed(segment, size: file.size, end: files[index + 1].baseOffset, &report)
                if flushed { recoveryPoint = max(recoveryPoint, segment.nextOffset) }
            } else {
                recoveryPoint = try openLast(segment, file, recoveryPoint, &report)
            }
            segments.append(segment)
        }
        noteMissing(segments, recoveryPoint, &report)
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
            segments: segments, pool: pool, access: isReadOnly ? .read : .create,
            hasUnflushedNames: !wasClosedCleanly && !files.isEmpty && !isReadOnly)
        return (log, report)
    }

    /// Whether appends must go to a segment of their own: there is none yet, or the last one misses what was promised
    /// or ends in damage.
    private func needsNewActive(_ last: Segment?, _ recoveryPoint: Offset) -> Bool {
        guard let last else { return true }
        if last.nextOffset < recoveryPoint { return true }
        return last.damage.last.map { $0.positions.upperBound == last.size } ?? false
    }

    // MARK: segments

    private struct SegmentOnDisk {
        let baseOffset: Offset
        let size: Position
        let modified: Timestamp
    }

    private func listSegments() throws(FileError) -> [SegmentOnDisk] {
        var found: [SegmentOnDisk] = []
        for name in try pool.fileSystem.entries(of: directory) {
            guard let baseOffset = SegmentName.baseOffset(ofLog: name) else { continue }
            let status = try pool.fileSystem.status(of: directory.appending(name))
            guard !status.isDirectory else { continue }
            found.append(SegmentOnDisk(baseOffset: baseOffset, size: Position(status.size), modified: status.modified))
        }
        return found.sorted { $0.baseOffset < $1.baseOffset }
    }

    private func makeSegment(_ baseOffset: Offset) -> Segment {
        Segment(
            baseOffset: baseOffset, identity: identity, directory: directory, pool: pool,
            access: isReadOnly ? .read : .create)
    }

    /// A segment that another one follows. Returns whether its bytes are known to be flushed.
    private func openSealed(
        _ segment: Segment, size: Position, end: Offset, _ report: inout PartitionRecovery
    ) throws(FileError) -> Bool {
        segment.isSealed = true
        if let seal = try segment.sidecar.loadSeal(size: size.rawValue, trustUnflushed: isSameBoot || wasClosedCleanly)
        {
            segment.facts = seal.facts
            let isFlushed = seal.isFlushed || wasClosedCleanly
            if isFlushed { segment.flushedSize = size } else { segment.inherited = .zero..<size }
            return isFlushed
        }
        let content = try segment.sidecar.load(trustUnflushed: isSameBoot || wasClosedCleanly)
        let result = try scan(
            segment, behind: content, to: size, durableBelow: end, offsetLimit: end, modified: now)
        segment.facts = result.facts
        segment.index = result.index
        segment.damage = result.damage
        segment.isScanned = content == nil
        report.scannedBytes += result.scannedBytes
        report.rebuiltSidecars.append(segment.baseOffset)
        try keep(result.damage, of: segment, &report)
        let isFlushed = wasClosedCleanly || segment.nextOffset <= knownRecoveryPoint
        if isFlushed { segment.flushedSize = size } else { segment.inherited = .zero..<size }
        if !isReadOnly {
            if content == nil { segment.sidecar.forget() }
            try segment.sidecar.append(
                facts: segment.facts, index: result.index, isSealed: true, isFlushed: isFlushed)
        }
        return isFlushed
    }

    /// The last segment, whose end has to be found. Returns the recovery point.
    private func openLast(
        _ segment: Segment, _ file: SegmentOnDisk, _ knownSoFar: Offset, _ report: inout PartitionRecovery
    ) throws(FileError) -> Offset {
        var content = try segment.sidecar.load(trustUnflushed: isSameBoot || wasClosedCleanly)
        if let covered = content?.facts.size, covered > file.size {
            // The file is shorter than it was: the sidecar's word counts for what was durable, not for what is there.
            segment.sidecar.forget()
            let promised = content!.isFlushed ? content!.facts.nextOffset : .zero
            content = nil
            return try scanLast(segment, file, content, max(knownSoFar, promised), &report)
        }
        var recoveryPoint = max(knownSoFar, segment.baseOffset)
        if let content, content.isFlushed || wasClosedCleanly {
            recoveryPoint = max(recoveryPoint, content.facts.nextOffset)
        }
        return try scanLast(segment, file, content, recoveryPoint, &report)
    }

    private func scanLast(
        _ segment: Segment, _ file: SegmentOnDisk, _ content: SidecarFile.Content?, _ recoveryPoint: Offset,
        _ report: inout PartitionRecovery
    ) throws(FileError) -> Offset {
        let result = try scan(
            segment, behind: content, to: file.size, durableBelow: recoveryPoint, offsetLimit: recoveryPoint,
            modified: file.modified)
        segment.facts = result.facts
        segment.index = result.index
        segment.damage = result.damage
        segment.isScanned = content == nil
        report.scannedBytes += result.scannedBytes
        try keep(result.damage, of: segment, &report)
        if let torn = result.tornTail {
            try cut(segment, torn, from: file.size, &report)
        }
        // What lies above the recovery point was found, not promised: it is flushed before anybody is shown it.
        let durableSize = durableSize(of: segment, below: recoveryPoint, content)
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
        _ segment: Segment, behind content: SidecarFile.Content?, to size: Position, durableBelow: Offset,
        offsetLimit: Offset, modified: Timestamp
    ) throws(FileError) -> SegmentScan.Result {
        try SegmentScan(
            durableBelow: durableBelow, offsetLimit: offsetLimit, indexInterval: configuration.indexIntervalBytes,
            appendTime: min(modified, now)
        ).run(
            segment.file, behind: content?.facts ?? SegmentFacts(baseOffset: segment.baseOffset),
            index: content?.index ?? SegmentIndex(), to: size)
    }

    // MARK: what is taken out of service

    private func keep(_ damage: [Damage], of segment: Segment, _ report: inout PartitionRecovery) throws(FileError) {
        for range in damage {
            report.damage.append((segment.baseOffset, range))
            guard !isReadOnly else { continue }
            try quarantine.keep(
                range.positions, of: segment.file, segment: segment.baseOffset, identity: identity,
                offsets: "\(range.offsets.lowerBound)..<\(range.offsets.upperBound)",
                reason: "corruption: \(range.reason)", now: now)
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

    private func noteMissing(_ segments: [Segment], _ recoveryPoint: Offset, _ report: inout PartitionRecovery) {
        var expected = logStartOffset
        for segment in segments {
            if segment.baseOffset > expected { report.missing.append(expected..<segment.baseOffset) }
            expected = max(expected, segment.nextOffset)
        }
        if expected < recoveryPoint { report.missing.append(expected..<recoveryPoint) }
    }
}
