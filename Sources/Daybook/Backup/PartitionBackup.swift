// One partition on its way into a snapshot: links first, because what has a second name cannot vanish; then copies and
// checks. What a writer replaces or removes meanwhile is looked at anew; what does not change and is wrong is damage.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

/// The backup of one partition. Blocks.
struct PartitionBackup {
    /// What an earlier snapshot holds of the partition.
    struct Earlier {
        let name: String
        let folder: FilePath
        let entry: BackupManifest.Partition
    }

    private let source: BackupSource
    private let topic: Topic
    private let topicPartition: TopicPartition
    private let target: FilePath
    private let earlier: Earlier?
    private let options: BackupOptions
    private let transfer: SegmentTransfer

    private var held: [Offset: Held] = [:]
    /// What sidecars claimed of segments whose bytes were others: the second time it is damage and no change in between.
    private var suspects: [Offset: UInt32] = [:]
    /// Segments whose sidecars were of no use, likewise.
    private var unknown: Set<Offset> = []
    /// Segments that the earlier snapshot holds damaged.
    private var distrusted: Set<Offset> = []
    /// How many segments have been settled, those included that had to be given up again.
    private var settledCount = 0
    private var damage: [Offset: [BackupLoss]] = [:]
    private(set) var losses: [BackupLoss] = []
    private(set) var notes: [String] = []
    private(set) var lastEpoch: LeaderEpoch?

    /// A segment that has its place in the snapshot.
    private struct Held {
        enum Origin { case linked, kept, copied }
        var origin: Origin
        var size: Int
        /// What is, or if nobody has looked, what should be.
        var hash: UInt32
        var isChecked: Bool
        var isShared: Bool
        var isSettled = false
    }

    /// The log was changed between two looks at it.
    private struct Changed: Error {}

    init(
        _ topicPartition: TopicPartition, of topic: Topic, from source: BackupSource, into target: FilePath,
        earlier: Earlier?, options: BackupOptions, transfer: SegmentTransfer
    ) {
        (self.topicPartition, self.topic, self.source, self.target) = (topicPartition, topic, source, target)
        (self.earlier, self.options, self.transfer) = (earlier, options, transfer)
    }

    private var fileSystem: any FileSystem { transfer.fileSystem }
    private var folder: FilePath { source.layout.partition(topicPartition) }

    /// So often a partition is looked at again without getting any further.
    private static var patience: Int { 10 }

    /// Fills the folder `target`, which must exist and be empty; durable but for the folder's own name. Returns nil when
    /// the topic was deleted meanwhile; the folder may then hold anything.
    mutating func run() throws -> BackupManifest.Partition? {
        var attempts = 0
        while true {
            let before = settledCount
            do {
                let entry = try attempt()
                try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(target) }
                return entry
            } catch {
                guard isChange(error) else { throw error }
                attempts = settledCount > before ? 0 : attempts + 1
                if try !source.holds(topic) { return nil }
                guard attempts < Self.patience else {
                    throw DaybookError(
                        .directoryUnusable,
                        "The log was changed each of \(attempts) times it was looked at; make the backup again",
                        topicPartition: topicPartition, cause: error)
                }
            }
        }
    }

    private func isChange(_ error: any Error) -> Bool {
        if error is Changed { return true }
        guard let error = error as? FileError, error.errno == .noSuchFileOrDirectory else { return false }
        // A link is refused under the name of the new file; what is missing is the old one.
        return error.operation == .link || error.path.starts(with: source.layout.root)
    }

    private mutating func attempt() throws -> BackupManifest.Partition? {
        guard let log = try source.look(topic, topicPartition) else {
            if try !source.holds(topic) { return nil }
            return absent(try source.watermark(topic, topicPartition))
        }
        try place(log)
        let checkpoint = target.appending(PartitionCheckpoint.fileName)
        if let kept = log.checkpoint {
            try transfer.write(kept.encoded(), to: checkpoint)
        } else {
            try fileSystem.removeIfThere(checkpoint)
        }
        lastEpoch = log.lastEpoch
        losses = log.missing.map { BackupLoss(topicPartition, $0, "no segment holds these offsets") }
        var entry = BackupManifest.Partition(
            topicPartition: topicPartition, topicID: topic.id, logStartOffset: log.logStartOffset,
            highWatermark: log.highWatermark)
        for segment in log.segments {
            guard let held = held[segment.baseOffset] else { throw Changed() }
            losses += damage[segment.baseOffset] ?? []
            entry.segments.append(
                BackupManifest.Segment(
                    baseOffset: segment.baseOffset, nextOffset: segment.facts.nextOffset, size: held.size,
                    hash: held.hash, isShared: held.isShared, isChecked: held.isChecked))
        }
        return entry
    }

    /// The topic is there and the partition's folder is not.
    private mutating func absent(_ watermark: Watermark?) -> BackupManifest.Partition {
        let (start, end) = (watermark?.logStartOffset ?? .zero, watermark?.highWatermark ?? .zero)
        let reason = "the partition's folder is missing"
        if start < end { losses = [BackupLoss(topicPartition, start..<end, reason)] }
        notes.append("\(topicPartition): \(reason)")
        return BackupManifest.Partition(
            topicPartition: topicPartition, topicID: topic.id, logStartOffset: start, highWatermark: max(start, end))
    }

    // MARK: segments

    private mutating func place(_ log: LogSnapshot) throws {
        let wanted = Set(log.segments.map(\.baseOffset))
        for base in held.keys.sorted() where !wanted.contains(base) { try discard(base) }
        for segment in log.segments where !isHeld(segment) {
            try discard(segment.baseOffset)
            try link(segment)
        }
        for segment in log.segments where held[segment.baseOffset]?.isSettled != true {
            if held[segment.baseOffset] == nil { try copy(segment) }
            try check(segment)
            try completeSidecar(of: segment, log)
            held[segment.baseOffset]?.isSettled = true
            settledCount += 1
        }
    }

    private func isHeld(_ segment: SegmentSnapshot) -> Bool {
        guard let held = held[segment.baseOffset], held.size == segment.size else { return false }
        return held.hash == segment.facts.hash
            || (held.isSettled && suspects[segment.baseOffset] == segment.facts.hash)
    }

    private mutating func link(_ segment: SegmentSnapshot) throws(FileError) {
        let base = segment.baseOffset
        let name = SegmentName.log(base)
        if let known = known(segment), let earlier {
            if try link(earlier.folder, name, size: known.size) {
                held[base] = Held(
                    origin: .kept, size: known.size, hash: known.hash,
                    isChecked: options.check == .all ? false : known.isChecked, isShared: known.isShared)
                // An earlier snapshot's sidecar never changes; the source's may. The one of a log's last segment does not say
                // that the segment is complete.
                let sidecar = earlier.folder.appending(SegmentName.sidecar(base))
                if base != earlier.entry.segments.last?.baseOffset, try fileSystem.exists(sidecar) {
                    _ = try transfer.link(sidecar, to: target.appending(SegmentName.sidecar(base)))
                }
                return
            }
        }
        guard options.sharesBytes, segment.isFinal, try link(folder, name, size: segment.size) else { return }
        held[base] = Held(
            origin: .linked, size: segment.size, hash: segment.facts.hash, isChecked: false, isShared: true)
    }

    /// The same segment in the earlier snapshot, if it may be used.
    private func known(_ segment: SegmentSnapshot) -> BackupManifest.Segment? {
        guard segment.isSealed, !distrusted.contains(segment.baseOffset) else { return nil }
        return earlier?.entry.segments.first { known in
            known.baseOffset == segment.baseOffset && known.nextOffset == segment.facts.nextOffset
                && known.size == segment.size && known.hash == segment.facts.hash
                && (options.sharesBytes || !known.isShared)
        }
    }

    /// Links a whole file, if it has exactly `size` bytes.
    private func link(_ folder: FilePath, _ name: String, size: Int) throws(FileError) -> Bool {
        let path = target.appending(name)
        do {
            guard try transfer.link(folder.appending(name), to: path) else { return false }
        } catch {
            guard error.errno == .noSuchFileOrDirectory, folder != self.folder else { throw error }
            return false
        }
        // Looked at under its new name: under the old one there may be another file by now.
        let status = try uninterrupted { () throws(FileError) in try fileSystem.status(of: path) }
        if status.size == size { return true }
        try fileSystem.removeIfThere(path)
        return false
    }

    private mutating func copy(_ segment: SegmentSnapshot) throws {
        let name = SegmentName.log(segment.baseOffset)
        let passed = try transfer.copy(folder.appending(name), to: target.appending(name), count: segment.size)
        guard passed.size == segment.size else { throw Changed() }
        held[segment.baseOffset] = Held(
            origin: .copied, size: passed.size, hash: passed.hash, isChecked: true, isShared: false)
    }

    /// Compares the bytes with what the sidecar, or the scan, says of them.
    private mutating func check(_ segment: SegmentSnapshot) throws {
        let base = segment.baseOffset
        guard var entry = held[base] else { throw Changed() }
        if !entry.isChecked, options.check != .none {
            let passed = try transfer.hash(target.appending(SegmentName.log(base)))
            guard passed.size == entry.size else { throw Changed() }
            (entry.hash, entry.isChecked) = (passed.hash, true)
            held[base] = entry
        }
        guard entry.hash != segment.facts.hash else { return }
        if entry.origin == .kept, distrusted.insert(base).inserted {
            notes.append(
                "\(topicPartition): segment \(base) is damaged in the snapshot \(earlier?.name ?? ""); it was taken from the "
                    + "data directory again")
        } else if suspects.updateValue(segment.facts.hash, forKey: base) == segment.facts.hash {
            return
        }
        try discard(base)
        throw Changed()
    }

    private mutating func completeSidecar(of segment: SegmentSnapshot, _ log: LogSnapshot) throws {
        let base = segment.baseOffset
        guard let entry = held[base] else { throw Changed() }
        let sidecar = target.appending(SegmentName.sidecar(base))
        let isDamaged = entry.hash != segment.facts.hash
        damage[base] = nil
        let isKept = try entry.origin == .kept && fileSystem.exists(sidecar)
        if isKept, !isDamaged, !segment.hasGaps { return }
        let known = log.sidecar(for: segment)
        if known == nil, unknown.insert(base).inserted { throw Changed() }
        if let known, !isDamaged, !segment.hasGaps { return try transfer.write(known, to: sidecar) }
        // Offsets are missing, or bytes are not what they were, or no sidecar tells of them: only the bytes themselves do.
        let copy = source.pool.file(at: target.appending(SegmentName.log(base)), .read)
        let found = try log.inspect(copy, of: segment)
        try copy.close()
        damage[base] = found.damage.filter { !$0.offsets.isEmpty }.map {
            BackupLoss(
                topicPartition, $0.offsets,
                "damaged in the data directory: \(SegmentName.log(base)), positions \($0.positions.lowerBound)..<"
                    + "\($0.positions.upperBound): \($0.reason)")
        }
        try transfer.write(isDamaged ? found.sidecar : known ?? found.sidecar, to: sidecar)
    }

    private mutating func discard(_ base: Offset) throws(FileError) {
        try fileSystem.removeIfThere(target.appending(SegmentName.log(base)))
        try fileSystem.removeIfThere(target.appending(SegmentName.sidecar(base)))
        held[base] = nil
    }

    /// What came from where, in the end.
    var amounts: BackupReport.Amounts {
        held.values.reduce(into: BackupReport.Amounts()) { sum, segment in
            var one = BackupReport.Amounts()
            one.segments = 1
            one.bytes = .bytes(segment.size)
            switch segment.origin {
            case .linked: one.linked = 1
            case .kept: one.kept = 1
            case .copied: (one.copied, one.copiedBytes) = (1, .bytes(segment.size))
            }
            sum.add(one)
        }
    }
}
