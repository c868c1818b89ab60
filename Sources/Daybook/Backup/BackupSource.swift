// The data directory that is being backed up, read as a reader beside a live writer reads it: no lock, nothing written, and
// looked at again whenever a writer came or went in between.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import SystemPackage

/// A data directory, from outside. Every call may block.
struct BackupSource {
    let layout: DirectoryLayout
    let pool: DescriptorPool
    let clock: any TimeSource
    private let watermarks: WatermarkFile
    private let bootIdentifier: String?

    init(layout: DirectoryLayout, pool: DescriptorPool, clock: any TimeSource) {
        self.layout = layout
        self.pool = pool
        self.clock = clock
        watermarks = WatermarkFile(path: layout.watermarks, pool: pool, isReadOnly: true)
        bootIdentifier = SystemIdentity.bootIdentifier(in: pool.fileSystem)
    }

    private var fileSystem: any FileSystem { pool.fileSystem }

    /// Throws `.directoryUnusable` when it is no data directory.
    func requireDataDirectory() throws {
        guard try fileSystem.exists(layout.root) else {
            throw DaybookError(.directoryUnusable, "There is no data directory \(layout.root)")
        }
        let names = try fileSystem.entries(of: layout.root)
        guard names.contains(where: DirectoryLayout.isTelling) else {
            throw DaybookError(
                .directoryUnusable, "\(layout.root) is no data directory: it holds neither topics nor partitions")
        }
    }

    func state() throws -> DirectoryState? {
        try AtomicFile.read(layout.state, in: fileSystem).flatMap { try DirectoryState(decoding: $0) }
    }

    /// The topics that are there to stay.
    func registry() throws -> (registry: TopicRegistry, loss: TopicRegistry.Loss?) {
        var (registry, loss) = try TopicRegistry.load(layout, in: fileSystem)
        for topic in registry.sorted where topic.isDeleting { registry.remove(topic.name) }
        return (registry, loss)
    }

    /// Whether the topic is still one; one created anew under the same name is another.
    func holds(_ topic: Topic) throws -> Bool {
        let (registry, loss) = try registry()
        if case .rebuilt = loss { return registry.topics[topic.name] != nil }
        return registry.topics[topic.name]?.id == topic.id
    }

    /// What the directory says is durable in a partition. Throws where the disk does not give it out: without it a snapshot
    /// would end before what was acknowledged, and not say so.
    func watermark(_ topic: Topic, _ topicPartition: TopicPartition) throws(FileError) -> Watermark? {
        let slot = topic.firstSlot + Int(topicPartition.partition)
        return try watermarks.readOrThrow([(slot, topic.id, topicPartition.partition)])[slot]
    }

    /// Looks at what is durable in a partition now; nil when it has no folder. As opening for reading: the watermark
    /// first, so that what it calls durable is surely in the files.
    func look(_ topic: Topic, _ topicPartition: TopicPartition) throws -> LogSnapshot? {
        let folder = layout.partition(topicPartition)
        while true {
            guard try fileSystem.exists(folder) else { return nil }
            let before = try state()
            let watermark = try watermark(topic, topicPartition)
            let (log, _) = try LogRecovery(
                identity: LogIdentity(topicPartition: topicPartition, topicID: topic.id), directory: folder,
                configuration: topic.configuration.log, pool: pool,
                quarantine: Quarantine(dataDirectory: layout.root, fileSystem: fileSystem),
                leaderEpoch: before?.leaderEpoch ?? watermark?.leaderEpoch ?? .zero,
                knownRecoveryPoint: watermark?.highWatermark ?? .zero,
                logStartOffset: watermark?.logStartOffset ?? .zero, wasClosedCleanly: before?.isClean ?? false,
                isSameBoot: before?.isOf(boot: bootIdentifier) ?? false,
                mayHaveLostPower: before?.mayPrecedePowerCut(bootIdentifier) ?? false, now: clock.now(),
                isReadOnly: true
            ).run()
            // A writer that came meanwhile may have appended what the state that was read calls durable.
            if try state() == before { return try LogSnapshot(of: log) }
        }
    }

    /// Bytes of all segments, for the progress.
    func size(of registry: TopicRegistry) throws(FileError) -> Int {
        var sum = 0
        for folder in registry.sorted.flatMap(\.partitions).map(layout.partition) {
            do {
                for name in try fileSystem.entries(of: folder) where SegmentName.baseOffset(ofLog: name) != nil {
                    sum += try fileSystem.status(of: folder.appending(name)).size
                }
            } catch {
                // Gone meanwhile: then it is not backed up either, or looked for once more when its turn comes.
                guard error.errno == .noSuchFileOrDirectory else { throw error }
            }
        }
        return sum
    }
}

extension DirectoryLayout {
    /// Whether a name is found in data directories only.
    static func isTelling(_ name: String) -> Bool {
        ["state", "topics", "topics.copy"].contains(name) || TopicPartition(folderName: name) != nil
    }
}
