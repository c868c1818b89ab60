// One restore from beginning to end. The new data directory is made under a name that says it is unfinished and gets its own
// when all of it is durable and every byte has been compared with the manifest.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import SystemPackage

/// The steps of a restore. Blocks.
struct RestoreRun {
    private let snapshot: DirectoryLayout
    private let manifest: BackupManifest
    private let target: FilePath
    private let unfinished: DirectoryLayout
    private let allowsDamage: Bool
    private let pool: DescriptorPool
    private let clock: any TimeSource
    private let transfer: SegmentTransfer
    private var losses: [BackupLoss]
    private var notes: [String] = []

    /// Finds the snapshot. Throws when there is none, or none of that name.
    init(
        _ place: String, at name: String?, to directory: String, allowsDamage: Bool, in configuration: Configuration,
        limit: RateLimit, stop: StopFlag, progress: @escaping @Sendable (ByteCount, ByteCount) -> Void
    ) throws {
        let fileSystem = UninterruptedFileSystem(configuration.fileSystem)
        pool = DescriptorPool(
            fileSystem: fileSystem, limit: configuration.openFilesLimit ?? DescriptorPool.standardLimit)
        (snapshot, manifest) = try Self.find(FilePath(place), name, in: fileSystem)
        target = FilePath(directory).lexicallyNormalized()
        unfinished = DirectoryLayout(root: FilePath(target.string + SnapshotFolder.unfinished))
        self.allowsDamage = allowsDamage
        clock = configuration.clock
        let total = manifest.partitions.flatMap(\.segments).reduce(0) { $0 + $1.size }
        transfer = SegmentTransfer(
            fileSystem: fileSystem, limit: limit, stop: stop,
            progress: VerificationProgress(total: total, tell: progress))
        losses = manifest.losses
    }

    private var fileSystem: any FileSystem { transfer.fileSystem }

    private static func find(
        _ place: FilePath, _ name: String?, in fileSystem: any FileSystem
    ) throws -> (DirectoryLayout, BackupManifest) {
        let itself = DirectoryLayout(root: place)
        if name == nil, let manifest = try BackupManifest.read(itself, in: fileSystem) { return (itself, manifest) }
        guard try fileSystem.exists(place) else {
            throw DaybookError(.directoryUnusable, "There is no folder \(place)")
        }
        let folder = SnapshotFolder(root: place, fileSystem: fileSystem)
        let names = try folder.snapshots()
        guard let newest = names.last else {
            throw DaybookError(.directoryUnusable, "\(place) is no snapshot, and there is no complete one in it")
        }
        guard names.contains(name ?? newest) else {
            throw DaybookError(
                .directoryUnusable,
                "There is no complete snapshot \"\(name ?? newest)\" in \(place); there are "
                    + names.suffix(5).joined(separator: ", "))
        }
        let layout = folder.layout(of: name ?? newest)
        guard let manifest = try BackupManifest.read(layout, in: fileSystem) else {
            throw DaybookError(.directoryUnusable, "The snapshot \(layout.root) has just been removed")
        }
        return (layout, manifest)
    }

    mutating func run() throws -> RestoreReport {
        if !allowsDamage, let first = losses.first {
            throw refusal("it was made of a directory that was damaged already: \(first)", count: losses.count)
        }
        try requireTarget()
        let lock = try begin()
        defer { lock.release() }
        do {
            let report = try fill()
            // The folder that is there is empty, and not every system puts another one in its place.
            if try fileSystem.exists(target) {
                try uninterrupted { () throws(FileError) in try fileSystem.removeDirectory(target) }
            }
            try uninterrupted { () throws(FileError) in try fileSystem.rename(unfinished.root, to: target) }
            try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(parent) }
            return report
        } catch {
            do { try fileSystem.removeTree(unfinished.root) } catch {}
            throw error
        }
    }

    private func refusal(_ reason: String, count: Int) -> DaybookError {
        let more = count > 1 ? " (and \(count - 1) more)" : ""
        return DaybookError(
            .damaged,
            "The snapshot \(snapshot.root) is damaged: \(reason)\(more). Restore another one, or what is left of this one "
                + "(--allow-damage)")
    }

    // MARK: where to

    private var parent: FilePath {
        let parent = target.removingLastComponent()
        return parent.isEmpty ? "." : parent
    }

    private func requireTarget() throws {
        guard try fileSystem.exists(target) else { return try fileSystem.createDirectories(parent) }
        let isFolder = try uninterrupted { () throws(FileError) in try fileSystem.status(of: target) }.isDirectory
        guard isFolder, try fileSystem.entries(of: target).isEmpty else {
            throw DaybookError(
                .directoryUnusable,
                "\(target) is there already and not empty; restore to a directory that is not there yet")
        }
    }

    /// Makes the unfinished folder, in place of one that an interrupted restore has left, and locks it: the lock goes
    /// with it under its real name.
    private func begin() throws -> any FileLock {
        if try fileSystem.exists(unfinished.root) {
            let names = try fileSystem.entries(of: unfinished.root)
            guard names.allSatisfy(Self.isOurs) else {
                throw DaybookError(
                    .directoryUnusable,
                    "\(unfinished.root) is in the way, and holds what no restore put there; move it away first")
            }
            if names.contains("LOCK") { try lock().release() }
            try fileSystem.removeTree(unfinished.root)
        }
        try uninterrupted { () throws(FileError) in try fileSystem.createDirectory(unfinished.root) }
        return try lock()
    }

    private static func isOurs(_ name: String) -> Bool {
        let name = name.hasSuffix(".new") ? String(name.dropLast(4)) : name
        return DirectoryLayout.isTelling(name) || ["LOCK", "watermarks"].contains(name)
    }

    private func lock() throws -> any FileLock {
        do throws(FileError) {
            return try uninterrupted { () throws(FileError) in try fileSystem.lock(unfinished.lock) }
        } catch {
            guard error.errno == .wouldBlock else { throw error }
            throw DaybookError(.directoryLocked, "Another restore to \(target) is under way; wait for its end")
        }
    }

    // MARK: the data directory

    private mutating func fill() throws -> RestoreReport {
        var report = RestoreReport(
            snapshot: snapshot.root.string, directory: target.string, source: manifest.source, time: manifest.time)
        let registry = try registry()
        for partition in manifest.partitions {
            let folder = unfinished.partition(partition.topicPartition)
            try uninterrupted { () throws(FileError) in try fileSystem.createDirectory(folder) }
            var size = 0
            for segment in partition.segments { size += try copy(segment, of: partition.topicPartition, to: folder) }
            // As with sidecars: damaged, it counts for nothing.
            let checkpoint = snapshot.partition(partition.topicPartition).appending(PartitionCheckpoint.fileName)
            if try fileSystem.exists(checkpoint) {
                _ = try transfer.copy(checkpoint, to: folder.appending(PartitionCheckpoint.fileName))
            }
            try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(folder) }
            report.partitions.append(
                RestoreReport.Partition(
                    topicPartition: partition.topicPartition, logStartOffset: partition.logStartOffset,
                    logEndOffset: partition.highWatermark, segmentsCount: partition.segments.count, size: .bytes(size)))
        }
        if !allowsDamage, let first = losses.first { throw refusal("\(first)", count: losses.count) }
        try registry.save(unfinished, in: fileSystem)
        try WatermarkFile.write(manifest, registry, to: unfinished, pool)
        // Neither closed nor of this start of the machine: the next open raises the epoch once more.
        let epoch = try epochBefore()
        let state = DirectoryState(isClean: false, leaderEpoch: epoch, bootIdentifier: nil)
        try AtomicFile.replace(unfinished.state, with: state.encoded(), in: fileSystem)
        (report.leaderEpoch, report.losses, report.notes) = (epoch.next, losses, notes)
        return report
    }

    private mutating func registry() throws -> TopicRegistry {
        let (registry, loss) = try TopicRegistry.load(snapshot, in: fileSystem)
        switch loss {
        case .oneCopy(let name):
            notes.append("The snapshot's file \"\(name)\" is missing or damaged; the other copy is whole")
        case .rebuilt(let count):
            let note = "both copies of its topic registry are missing or damaged"
            guard allowsDamage else { throw refusal(note, count: 1) }
            notes.append("In the snapshot \(note): \(count) topics have the default configuration now")
        case nil: break
        }
        return registry
    }

    /// Copies a segment and its sidecar; returns how many bytes there were.
    private mutating func copy(
        _ segment: BackupManifest.Segment, of topicPartition: TopicPartition, to folder: FilePath
    ) throws -> Int {
        let name = SegmentName.log(segment.baseOffset)
        let from = snapshot.partition(topicPartition)
        let passed: PassedBytes
        do {
            passed = try transfer.copy(from.appending(name), to: folder.appending(name))
        } catch {
            guard error.errno == .noSuchFileOrDirectory, error.path == from.appending(name) else { throw error }
            lose(segment, topicPartition, segment.baseOffset..<segment.nextOffset, "\(name) is missing in the snapshot")
            return 0
        }
        if passed != PassedBytes(size: segment.size, hash: segment.hash) {
            try inspect(segment, folder.appending(name), passed, topicPartition)
        }
        let sidecar = SegmentName.sidecar(segment.baseOffset)
        if try fileSystem.exists(from.appending(sidecar)) {
            // Its blocks have checksums of their own: what is damaged is made anew at the next open.
            _ = try transfer.copy(from.appending(sidecar), to: folder.appending(sidecar))
        }
        return passed.size
    }

    private mutating func lose(
        _ segment: BackupManifest.Segment, _ topicPartition: TopicPartition, _ offsets: Range<Offset>, _ reason: String
    ) {
        guard !offsets.isEmpty else { return }
        losses.append(BackupLoss(topicPartition, offsets, reason))
    }

    /// The bytes are not those of the manifest: finds out which offsets are lost with them.
    private mutating func inspect(
        _ segment: BackupManifest.Segment, _ path: FilePath, _ passed: PassedBytes, _ topicPartition: TopicPartition
    ) throws(FileError) {
        let file = pool.file(at: path, .read)
        var scan = SegmentScan(
            durableBelow: segment.nextOffset, offsetLimit: segment.nextOffset, indexInterval: .kibibytes(32),
            appendTime: manifest.time)
        scan.isSealed = true
        let found = try scan.run(
            file, behind: SegmentFacts(baseOffset: segment.baseOffset), index: SegmentIndex(),
            to: Position(passed.size))
        try file.close()
        let name = SegmentName.log(segment.baseOffset)
        let count = losses.count
        for damage in found.damage {
            lose(segment, topicPartition, damage.offsets, "\(name) is damaged in the snapshot: \(damage.reason)")
        }
        if found.facts.nextOffset < segment.nextOffset {
            lose(
                segment, topicPartition, found.facts.nextOffset..<segment.nextOffset,
                "\(name) has \(passed.size) bytes in the snapshot instead of \(segment.size)")
        }
        guard losses.count == count else { return }
        // Changed all the same, in bytes that no record depends on.
        let note = "\(topicPartition): \(name) is not what the manifest says, and every record in it can be read"
        guard allowsDamage else { return lose(segment, topicPartition, segment.baseOffset..<segment.nextOffset, note) }
        notes.append(note)
    }

    /// An epoch that no incarnation of the snapshot's history, or of another restore of it, is likely to come near: the
    /// source may have been opened many times since, and what it appended then is not in the snapshot.
    private func epochBefore() throws -> LeaderEpoch {
        var text = "\(target) \(clock.now().rawValue) \(manifest.time.rawValue) \(manifest.leaderEpoch)"
        let spread = text.withUTF8 { CRC32C.checksum(UnsafeRawBufferPointer($0)) } % 1_000_000
        let epoch = Int64(manifest.leaderEpoch.rawValue) + 1000 + Int64(spread)
        guard epoch < Int64(Int32.max) else {
            throw DaybookError(
                .damaged, "The snapshot's leader epoch (\(manifest.leaderEpoch)) leaves no room for a new incarnation")
        }
        return LeaderEpoch(rawValue: Int32(epoch))
    }
}
