// One backup from beginning to end. A snapshot is made under a name that says it is unfinished and gets its own when all of
// it is durable: whatever fails, and whenever the machine stops, there is never half a snapshot under a real name.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import SystemPackage

/// The steps of a backup. Blocks.
struct BackupRun {
    private let source: BackupSource
    private let destination: SnapshotFolder
    private let options: BackupOptions
    private let pool: DescriptorPool
    private let clock: any TimeSource
    private let limit: RateLimit
    private let stop: StopFlag
    private let tell: @Sendable (ByteCount, ByteCount) -> Void
    private var losses: [BackupLoss] = []
    private var notes: [String] = []

    init(
        _ directory: String, to destination: String, _ options: BackupOptions, in configuration: Configuration,
        limit: RateLimit, stop: StopFlag, progress: @escaping @Sendable (ByteCount, ByteCount) -> Void
    ) {
        let fileSystem = UninterruptedFileSystem(configuration.fileSystem)
        pool = DescriptorPool(
            fileSystem: fileSystem,
            limit: configuration.openFilesLimit ?? DescriptorPool.standardLimit)
        clock = configuration.clock
        source = BackupSource(layout: DirectoryLayout(root: FilePath(directory)), pool: pool, clock: clock)
        self.destination = SnapshotFolder(root: FilePath(destination), fileSystem: fileSystem)
        (self.options, self.limit, self.stop, tell) = (options, limit, stop, progress)
    }

    private var fileSystem: any FileSystem { pool.fileSystem }

    mutating func run() throws -> BackupReport {
        try source.requireDataDirectory()
        try requireDestination()
        try fileSystem.createDirectories(destination.root)
        let lock = try takeLock()
        defer { lock.release() }
        for name in try destination.leftovers() { try fileSystem.removeTree(destination.root.appending(name)) }
        let time = clock.now()
        let name = try destination.nextName(at: time)
        let unfinished = DirectoryLayout(root: destination.root.appending(name + SnapshotFolder.unfinished))
        var report = BackupReport(
            snapshot: destination.root.appending(name).string, source: source.layout.root.string, time: time)
        do {
            try fill(unfinished, &report)
            try uninterrupted { () throws(FileError) in
                try fileSystem.rename(unfinished.root, to: destination.root.appending(name))
            }
        } catch {
            // What cannot be removed now is removed by the next backup; the first failure is the one to tell.
            do { try fileSystem.removeTree(unfinished.root) } catch {}
            throw error
        }
        try uninterrupted { () throws(FileError) in try fileSystem.flushDirectory(destination.root) }
        if let keep = options.keep {
            for old in try destination.snapshots().dropLast(keep) {
                try destination.remove(old)
                report.removed.append(old)
            }
        }
        (report.losses, report.notes) = (losses, notes)
        return report
    }

    // MARK: where to

    private func requireDestination() throws {
        let inside = destination.root.lexicallyNormalized().starts(with: source.layout.root.lexicallyNormalized())
        guard !inside else {
            throw DaybookError(
                .directoryUnusable, "\(destination.root) is in the data directory itself; name a folder outside of it")
        }
        guard try fileSystem.exists(destination.root) else { return }
        if let name = try fileSystem.entries(of: destination.root).sorted().first(where: DirectoryLayout.isTelling) {
            throw DaybookError(
                .directoryUnusable,
                "\(destination.root) is a data directory: it holds \"\(name)\"; name a folder for snapshots only")
        }
    }

    private func takeLock() throws -> any FileLock {
        do throws(FileError) {
            return try uninterrupted { () throws(FileError) in try fileSystem.lock(destination.lock) }
        } catch {
            guard error.errno == .wouldBlock else { throw error }
            throw DaybookError(.directoryLocked, "Another backup to \(destination.root) is under way; wait for its end")
        }
    }

    /// The newest snapshot whose manifest can be read.
    private mutating func newest() throws -> (name: String, manifest: BackupManifest)? {
        for name in try destination.snapshots().reversed() {
            do {
                if let manifest = try BackupManifest.read(destination.layout(of: name), in: fileSystem) {
                    return (name, manifest)
                }
            } catch let error as DaybookError {
                notes.append("The snapshot \(name) was passed over: \(error)")
            }
        }
        return nil
    }

    // MARK: the snapshot

    private mutating func fill(_ layout: DirectoryLayout, _ report: inout BackupReport) throws {
        let earlier = try newest()
        let entries = Dictionary(
            (earlier?.manifest.partitions ?? []).map { ($0.topicPartition, $0) },
            uniquingKeysWith: { first, _ in first })
        let state = try source.state()
        var (registry, loss) = try source.registry()
        if let loss { notes.append(Self.describe(loss)) }
        let transfer = SegmentTransfer(
            fileSystem: fileSystem, limit: limit, stop: stop,
            progress: VerificationProgress(total: try source.size(of: registry), tell: tell))
        var manifest = BackupManifest(
            source: source.layout.root.string, time: report.time, leaderEpoch: state?.leaderEpoch ?? .zero)
        try uninterrupted { () throws(FileError) in try fileSystem.createDirectory(layout.root) }
        for topic in registry.sorted {
            var part = BackupReport.Topic(
                name: topic.name, partitionsCount: Int(topic.partitionsCount), amounts: BackupReport.Amounts())
            var partitions: [BackupManifest.Partition] = []
            for topicPartition in topic.partitions {
                let known = entries[topicPartition].flatMap { entry -> PartitionBackup.Earlier? in
                    guard let earlier, entry.topicID == topic.id else { return nil }
                    let folder = destination.layout(of: earlier.name).partition(topicPartition)
                    return PartitionBackup.Earlier(name: earlier.name, folder: folder, entry: entry)
                }
                let target = layout.partition(topicPartition)
                try uninterrupted { () throws(FileError) in try fileSystem.createDirectory(target) }
                var backup = PartitionBackup(
                    topicPartition, of: topic, from: source, into: target, earlier: known, options: options,
                    transfer: transfer)
                guard let entry = try backup.run() else { break }
                partitions.append(entry)
                part.amounts.add(backup.amounts)
                losses += backup.losses
                notes += backup.notes
                manifest.leaderEpoch = max(manifest.leaderEpoch, backup.lastEpoch ?? .zero)
            }
            if partitions.count < topic.partitionsCount {
                // Deleted meanwhile: a snapshot has all of a topic or nothing.
                notes.append("Topic \(topic.name) was deleted while the backup was made, and is not in it")
                for topicPartition in topic.partitions { try fileSystem.removeTree(layout.partition(topicPartition)) }
                losses.removeAll { $0.topicPartition.topic == topic.name }
                registry.remove(topic.name)
                continue
            }
            manifest.partitions += partitions
            report.topics.append(part)
        }
        manifest.losses = losses
        try writeSmallFiles(layout, registry, &manifest)
        // The manifest last: what has one is complete.
        try AtomicFile.replace(layout.manifest, with: manifest.encoded(), in: fileSystem)
    }

    /// As a writer that was stopped would leave them: whoever makes a data directory of the snapshot in some other way than
    /// by restoring it begins a new incarnation at least.
    private func writeSmallFiles(
        _ layout: DirectoryLayout, _ registry: TopicRegistry, _ manifest: inout BackupManifest
    ) throws {
        try registry.save(layout, in: fileSystem)
        try WatermarkFile.write(manifest, registry, to: layout, pool)
        let state = DirectoryState(isClean: false, leaderEpoch: manifest.leaderEpoch, bootIdentifier: nil)
        try AtomicFile.replace(layout.state, with: state.encoded(), in: fileSystem)
        for path in layout.registries + [layout.watermarks, layout.state] {
            guard let name = path.lastComponent?.string,
                let bytes = try AtomicFile.read(path, in: fileSystem)
            else { continue }
            let hash = bytes.withUnsafeBytes { CRC32C.checksum($0) }
            manifest.files.append(BackupManifest.SmallFile(name: name, size: bytes.count, hash: hash))
        }
    }

    private static func describe(_ loss: TopicRegistry.Loss) -> String {
        switch loss {
        case .oneCopy(let name): "The data directory's file \"\(name)\" was missing or damaged; the other copy is whole"
        case .rebuilt(let count):
            "Both copies of the topic registry were missing or damaged: \(count) topics were found by their folders, and "
                + "have the default configuration in the snapshot"
        }
    }
}

extension WatermarkFile {
    /// Writes the file of a snapshot, or of what is restored from one: everything that is there is durable.
    static func write(
        _ manifest: BackupManifest, _ registry: TopicRegistry, to layout: DirectoryLayout, _ pool: DescriptorPool
    ) throws(FileError) {
        let file = WatermarkFile(path: layout.watermarks, pool: pool, isReadOnly: false)
        for partition in manifest.partitions {
            guard let topic = registry.topics[partition.topicPartition.topic] else { continue }
            try file.write(
                Watermark(
                    topicID: topic.id, partition: partition.topicPartition.partition,
                    highWatermark: partition.highWatermark, logStartOffset: partition.logStartOffset,
                    leaderEpoch: manifest.leaderEpoch),
                slot: topic.firstSlot + Int(partition.topicPartition.partition))
        }
        try file.flush()
        try file.close()
    }
}
