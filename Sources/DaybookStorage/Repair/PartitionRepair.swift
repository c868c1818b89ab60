// Carries out what has been planned for one partition. Bytes go to quarantine before anything takes their place, and a
// segment takes the place of another only by the recorded swap that compaction uses: a crash anywhere is harmless.

package import DaybookFiles
package import DaybookModel
internal import DaybookRecords
package import SystemPackage

/// Mends one partition. Blocks. Nobody else may have the partition open for writing.
package struct PartitionRepair {
    private let identity: LogIdentity
    private let directory: FilePath
    private let pool: DescriptorPool
    private let quarantine: Quarantine
    private let indexInterval: ByteCount
    private let now: Timestamp

    package init(
        identity: LogIdentity, directory: FilePath, pool: DescriptorPool, quarantine: Quarantine,
        indexInterval: ByteCount, now: Timestamp
    ) {
        self.identity = identity
        self.directory = directory
        self.pool = pool
        self.quarantine = quarantine
        self.indexInterval = indexInterval
        self.now = now
    }

    private var fileSystem: any FileSystem { pool.fileSystem }

    /// Does what `action` says; durable when it returns. After an error or a crash nothing is lost: a new plan says what
    /// is left to do.
    package func run(_ action: PartitionRepairAction) throws(FileError) {
        switch action {
        case .createFolder:
            do { try fileSystem.createDirectory(directory) } catch  where error.errno == .fileExists {}
            try fileSystem.flushDirectory(directory.removingLastComponent())
        case .writeCheckpoint(let checkpoint, _):
            let path = directory.appending(PartitionCheckpoint.fileName)
            try quarantine.keepCopy(of: path, reason: "damaged, or another topic's", now: now)
            try checkpoint.write(in: directory, fileSystem)
        case .finishSwap(let swap):
            try finish(swap, forgettingCompaction: false)
        case .setAside(let file, let reason):
            try quarantine.move(directory.appending(file), reason: reason, now: now)
        case .rewrite(let rewrite):
            try self.rewrite(rewrite)
        case .rebuildSidecar(let sidecar):
            try rebuild(sidecar)
        }
    }

    // MARK: segments

    private func rewrite(_ rewrite: SegmentRewrite) throws(FileError) {
        let source =
            rewrite.replaces
            ? pool.file(at: directory.appending(SegmentName.log(rewrite.baseOffset)), .read) : nil
        let sidecar = SidecarFile(
            identity: identity, baseOffset: rewrite.baseOffset, directory: directory, pool: pool)
        let known = sidecar.load(trustUnflushed: true)
        let transactions = try transactions(of: rewrite.baseOffset, known)
        let path = directory.appending(SegmentName.log(rewrite.baseOffset) + SegmentName.cleanedSuffix)
        let file = try pool.withRoom { () throws(FileError) in try fileSystem.open(path, .create) }
        try uninterrupted { () throws(FileError) in try file.truncate(to: 0) }
        var output = RepairedSegment(
            file: file, rewrite, knownTimes: known?.index.appendTimes ?? [], transactions, indexInterval: indexInterval)
        for piece in rewrite.pieces {
            switch piece {
            case .keep(let range):
                if let source { try output.copy(range, of: source) }
            case .lose(let range, let offsets, let reason):
                var copy = ""
                if let source, !range.isEmpty {
                    let path = try quarantine.keep(
                        range, of: source, segment: rewrite.baseOffset, identity: identity,
                        offsets: "\(offsets.lowerBound)..<\(offsets.upperBound)", reason: reason, now: now)
                    copy = "quarantine/\(path.lastComponent?.string ?? "")"
                }
                try output.mark(offsets, LossMarker(copy: copy))
            }
        }
        try uninterrupted { () throws(FileError) in try file.flush() }
        try file.close()
        try source?.close()
        try quarantine.keepCopy(
            of: directory.appending(SegmentName.sidecar(rewrite.baseOffset)),
            reason: "the sidecar of a segment that was written anew", now: now)
        let cleaned = SidecarFile(
            identity: identity, baseOffset: rewrite.baseOffset, directory: directory, pool: pool,
            suffix: SegmentName.cleanedSuffix)
        cleaned.forget()
        try cleaned.append(
            facts: output.facts, index: output.index, producers: output.producers, isSealed: rewrite.isSealed,
            isFlushed: true, flushes: true)
        try flushNames()
        var checkpoint = try readCheckpoint()
        checkpoint.swap = SegmentSwap(baseOffsets: [rewrite.baseOffset])
        try checkpoint.write(in: directory, fileSystem)
        try finish(SegmentSwap(baseOffsets: [rewrite.baseOffset]), forgettingCompaction: true)
    }

    /// What is known of a segment's transactions. Its sidecar goes first, if it speaks of all of it: a marker that is damaged
    /// has been there all the same.
    private func transactions(
        of base: Offset, _ sidecar: SidecarFile.Content?
    ) throws(FileError) -> RepairedTransactions {
        if let sidecar, sidecar.isSealed {
            return RepairedTransactions(producers: sidecar.producers, aborted: sidecar.index.aborted)
        }
        let names = try pool.withRoom { () throws(FileError) in try fileSystem.entries(of: directory) }
        let bases = names.compactMap { SegmentName.baseOffset(ofLog: $0) }.filter { $0 <= base }.sorted()
        var sources: [ProducerTrace.Source] = []
        for (before, next) in zip(bases, bases.dropFirst() + (bases.last == base ? [] : [base])) {
            let path = directory.appending(SegmentName.log(before))
            let status = try uninterrupted { () throws(FileError) in try fileSystem.status(of: path) }
            sources.append(ProducerTrace.Source(baseOffset: before, end: next, size: Position(status.size)))
        }
        let trace = ProducerTrace(
            identity: identity, directory: directory, pool: pool, trustsUnflushed: true, limits: ProducerLimits(),
            checkpoint: try readCheckpoint().producers)
        return RepairedTransactions(producers: try trace.producers(behind: sources).table)
    }

    /// Goes on with a recorded swap. Where records were lost, compaction has to begin anew: a tombstone may go only when
    /// everything before it has been compacted.
    private func finish(_ swap: SegmentSwap, forgettingCompaction: Bool) throws(FileError) {
        let swapping = SegmentSwapping(swap, directory: directory, pool: pool)
        try swapping.rename()
        try swapping.finish()
        var checkpoint = try readCheckpoint()
        checkpoint.swap = nil
        checkpoint.generation += 1
        if forgettingCompaction { checkpoint.cleanedTo = .zero }
        try checkpoint.write(in: directory, fileSystem)
    }

    private func readCheckpoint() throws(FileError) -> PartitionCheckpoint {
        try PartitionCheckpoint.read(in: directory, topicID: identity.topicID, fileSystem)
            ?? PartitionCheckpoint(topicID: identity.topicID)
    }

    private func flushNames() throws(FileError) {
        try pool.withRoom { () throws(FileError) in try fileSystem.flushDirectory(directory) }
    }

    // MARK: sidecars

    private func rebuild(_ rebuilding: SidecarRebuilding) throws(FileError) {
        let base = rebuilding.baseOffset
        let path = directory.appending(SegmentName.sidecar(base))
        let old = SidecarFile(identity: identity, baseOffset: base, directory: directory, pool: pool)
        var index = SegmentIndex()
        let known = old.load(trustUnflushed: true)
        index.append(entries: [], appendTimes: known?.index.appendTimes ?? [])
        let next = Offset(.max - 1)
        var scan = SegmentScan(
            durableBelow: .zero, offsetLimit: next, indexInterval: indexInterval, appendTime: rebuilding.appendTime)
        scan.previousEpoch = rebuilding.previousEpoch
        scan.producers.table = try transactions(of: base, nil).producers
        let file = pool.file(at: directory.appending(SegmentName.log(base)), .read)
        let result = try scan.run(file, behind: SegmentFacts(baseOffset: base), index: index, to: rebuilding.size)
        try file.close()
        try quarantine.keepCopy(of: path, reason: "a sidecar that does not describe its segment", now: now)
        let suffix = ".new"
        let fresh = SidecarFile(identity: identity, baseOffset: base, directory: directory, pool: pool, suffix: suffix)
        fresh.forget()
        try fresh.append(
            facts: result.facts, index: result.index, producers: result.producers, isSealed: rebuilding.isSealed,
            isFlushed: rebuilding.isFlushed, flushes: true)
        let temporary = FilePath(path.string + suffix)
        try uninterrupted { () throws(FileError) in try fileSystem.rename(temporary, to: path) }
        try flushNames()
    }
}
