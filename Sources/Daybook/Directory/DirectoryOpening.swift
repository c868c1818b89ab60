// Opening a data directory: lock, format, registry, recovery of every partition, epoch; in this order, and restartable
// at each step. Runs on threads that may block.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import Synchronization
internal import SystemPackage

/// Everything that `Daybook` is made of.
struct OpenedDirectory: Sendable {
    let configuration: Configuration
    let layout: DirectoryLayout
    let pool: DescriptorPool
    let services: PartitionServices
    let lock: (any FileLock)?
    let leaderEpoch: LeaderEpoch
    let registry: TopicRegistry
    let partitions: [TopicPartition: Partition]
    /// What `state` says now, in a directory that was opened for writing.
    let state: DirectoryState
    /// The first producer id that nobody can have been given.
    let nextProducerID: ProducerID
    let report: RecoveryReport
}

/// The steps of opening.
struct DirectoryOpening: Sendable {
    let configuration: Configuration
    let layout: DirectoryLayout
    let pool: DescriptorPool
    let services: PartitionServices
    let bootIdentifier: String?

    private var fileSystem: any FileSystem { pool.fileSystem }
    private var isReadOnly: Bool { configuration.access == .readOnly }

    init(configuration: Configuration, layout: DirectoryLayout, pool: DescriptorPool, services: PartitionServices) {
        self.configuration = configuration
        self.layout = layout
        self.pool = pool
        self.services = services
        bootIdentifier = SystemIdentity.bootIdentifier(in: pool.fileSystem)
    }

    init(_ directory: String, _ configuration: Configuration) {
        self.configuration = configuration
        layout = DirectoryLayout(root: FilePath(directory))
        let limit = configuration.openFilesLimit ?? DescriptorPool.standardLimit
        pool = DescriptorPool(fileSystem: UninterruptedFileSystem(configuration.fileSystem), limit: limit)
        bootIdentifier = SystemIdentity.bootIdentifier(in: pool.fileSystem)
        let executor = configuration.executor
        services = PartitionServices(
            io: WorkerPool(threads: configuration.ioThreads, or: executor),
            flushers: WorkerPool(threads: configuration.flushThreads, or: executor),
            maintenance: WorkerPool(threads: 1, or: executor), timer: DeadlineTimer(or: executor),
            clock: configuration.clock,
            watermarks: WatermarkFile(
                path: layout.watermarks, pool: pool, isReadOnly: configuration.access == .readOnly),
            fileSystem: pool.fileSystem,
            space: SpaceGuard(
                pool.fileSystem, layout.root, reserve: configuration.reservedSpace, clock: configuration.clock),
            ownSpace: SpaceGuard(
                pool.fileSystem, layout.root, reserve: .bytes(configuration.reservedSpace.rawValue / 2),
                clock: configuration.clock),
            observer: configuration.observer)
    }

    func run() async throws -> OpenedDirectory {
        let begun = ContinuousClock.now
        do {
            let (lock, found, registry, loss) = try await services.io.run { () throws in
                try self.prepare()
            }
            var before = found
            var recovered = try await recover(registry, before)
            // A writer that came meanwhile may have appended what the state that was read calls durable.
            while isReadOnly, case let after = try await services.io.run({ () throws in try readState() }),
                after != before
            {
                before = after
                recovered = try await recover(registry, before)
            }
            var report = RecoveryReport()
            for (_, partition) in recovered.sorted(by: { $0.report.topicPartition < $1.report.topicPartition }) {
                report.add(partition, isReadOnly: isReadOnly)
            }
            // A registry, even one without topics, is of an earlier incarnation.
            let isNew = before == nil && registry.generation == 0
            report.wasClosedCleanly = isNew || before?.isClean == true
            let epoch = try epoch(before, recovered.map(\.log), isNew: isNew)
            report.leaderEpoch = epoch
            if let loss { report.registryNote = describe(loss) }
            report.strangers = try await services.io.run { () throws in try self.strangers(registry) }
            let partitions = recovered.map { log, _ in
                log.leaderEpoch = epoch
                let topic = registry.topics[log.identity.topicPartition.topic]!
                return Partition(log, topic: topic, services: services, reopening: reopening(log.identity, topic))
            }
            let nextProducerID = nextProducerID(before, recovered.map(\.log))
            let running = DirectoryState(
                isClean: false, leaderEpoch: epoch, bootIdentifier: bootIdentifier,
                nextProducerID: ProducerIDs.end(ofBlockFrom: nextProducerID))
            if !isReadOnly {
                try await services.io.run { () throws in
                    // A new directory gets an empty registry: without one, folders that a crash left of the first topic's
                    // creation would pass for topics.
                    if loss != nil || registry.generation == 0 { try registry.save(layout, in: fileSystem) }
                    // From here on a crash is one: nothing has been appended yet.
                    try AtomicFile.replace(layout.state, with: running.encoded(), in: fileSystem)
                }
                await flushWhatWasFound(partitions)
                await services.io.run { for partition in partitions { partition.rememberDamage() } }
            }
            report.duration = begun.duration(to: .now)
            return OpenedDirectory(
                configuration: configuration, layout: layout, pool: pool, services: services, lock: lock,
                leaderEpoch: epoch, registry: registry,
                partitions: Dictionary(uniqueKeysWithValues: partitions.map { ($0.topicPartition, $0) }),
                state: running, nextProducerID: nextProducerID, report: report
            )
        } catch {
            services.stop()
            if let file = error as? FileError {
                if file.isOutOfSpace { throw noRoom(file, copies: 0) }
                throw DaybookError(
                    .directoryUnusable, "The data directory \(layout.root) could not be opened: \(file)", cause: file)
            }
            throw error
        }
    }

    /// What was found above the recovery point is flushed before anybody is shown anything: durable readers of the last
    /// incarnation may have seen it, and go on where they were.
    private func flushWhatWasFound(_ partitions: [Partition]) async {
        await withTaskGroup(of: Void.self) { group in
            for partition in partitions where partition.state.withLock({ $0.log.needsFlush }) {
                group.addTask {
                    // A partition that cannot be flushed opens all the same: it refuses appends and is read as far as it is
                    // known to be durable.
                    do { try await partition.flush() } catch {}
                }
            }
        }
    }

    // MARK: lock, format, registry

    private func prepare() throws -> ((any FileLock)?, DirectoryState?, TopicRegistry, TopicRegistry.Loss?) {
        if !isReadOnly, try fileSystem.exists(layout.manifest) {
            throw DaybookError(
                .directoryIsSnapshot,
                "\(layout.root) is a snapshot that a backup made, and snapshots never change; restore it to another "
                    + "directory (daybook restore \(layout.root) DATA), or open it for reading")
        }
        let lock = isReadOnly ? try requireDirectory() : try takeLock()
        if !isReadOnly { FileSizeSignal.ignoreUnlessHandled() }
        let before = try readState()
        let (registry, loss) = try TopicRegistry.load(layout, in: fileSystem)
        return (lock, before, registry, loss)
    }

    func readState() throws -> DirectoryState? {
        try AtomicFile.read(layout.state, in: fileSystem).flatMap { try DirectoryState(decoding: $0) }
    }

    private func requireDirectory() throws -> (any FileLock)? {
        guard try fileSystem.exists(layout.root) else { throw noDirectory }
        return nil
    }

    private var noDirectory: DaybookError {
        DaybookError(
            .directoryUnusable,
            "There is no data directory \(layout.root); name one with --data or DAYBOOK_DATA, or create a topic there first"
        )
    }

    private func takeLock() throws -> any FileLock {
        if configuration.createsDirectory {
            // Without a state nobody has finished opening the directory: its name may be of an attempt that was cut short.
            let isUnfinished = !(try fileSystem.exists(layout.state))
            try fileSystem.createDirectories(layout.root, flushingAll: isUnfinished)
        } else if !(try fileSystem.exists(layout.root)) {
            throw noDirectory
        }
        // Verification holds the lock for an instant, to see whether a writer is at work: do not give up at once.
        for _ in 0..<5 {
            if let lock = try lockIfFree() { return lock }
            // Where one thread does everything nobody could release it meanwhile.
            if configuration.executor != nil { break }
            let pause = Monitor()
            pause.withLock { pause.wait(nanoseconds: 10_000_000) }
        }
        throw DaybookError(
            .directoryLocked,
            "Another process writes to \(layout.root); stop it first, or open the directory for reading")
    }

    private func lockIfFree() throws(FileError) -> (any FileLock)? {
        do throws(FileError) {
            return try fileSystem.lock(layout.lock)
        } catch {
            guard error.errno == .wouldBlock else { throw error }
            return nil
        }
    }

    // MARK: partitions

    private func recover(
        _ registry: TopicRegistry, _ before: DirectoryState?
    ) async throws -> [(log: PartitionLog, report: PartitionRecovery)] {
        let all = registry.sorted.filter { !$0.isDeleting }.flatMap { topic in
            topic.partitions.map { (topic, $0, topic.firstSlot + Int($0.partition)) }
        }
        // Read before any segment: what it says is durable is then surely in the files.
        let watermarks = try await services.io.run { () throws in
            services.watermarks.read(all.map { ($0.2, $0.0.id, $0.1.partition) })
        }
        return try await withThrowingTaskGroup(of: [RecoveredLog].self) { group in
            let cursor = Cursor(count: all.count)
            for _ in 0..<configuration.ioThreads {
                group.addTask {
                    try await services.io.run { () throws in
                        var found: [RecoveredLog] = []
                        while let index = cursor.next() {
                            let (topic, topicPartition, slot) = all[index]
                            found.append(
                                try recover(topic, topicPartition, watermarks[slot], before))
                        }
                        return found
                    }
                }
            }
            var recovered: [(log: PartitionLog, report: PartitionRecovery)] = []
            for try await part in group { recovered += part.map { ($0.log, $0.report) } }
            return recovered
        }
    }

    func recover(
        _ topic: Topic, _ topicPartition: TopicPartition, _ watermark: Watermark?, _ before: DirectoryState?
    ) throws -> RecoveredLog {
        let directory = layout.partition(topicPartition)
        if !isReadOnly { try fileSystem.createDirectories(directory) }
        let recovery = LogRecovery(
            identity: LogIdentity(topicPartition: topicPartition, topicID: topic.id), directory: directory,
            configuration: topic.configuration.log, pool: pool,
            quarantine: Quarantine(dataDirectory: layout.root, fileSystem: fileSystem),
            leaderEpoch: before?.leaderEpoch ?? watermark?.leaderEpoch ?? .zero,
            knownRecoveryPoint: watermark?.highWatermark ?? .zero, logStartOffset: watermark?.logStartOffset ?? .zero,
            wasClosedCleanly: before?.isClean ?? false, isSameBoot: before?.isOf(boot: bootIdentifier) ?? false,
            mayHaveLostPower: before?.mayPrecedePowerCut(bootIdentifier) ?? false, now: services.clock.now(),
            isReadOnly: isReadOnly)
        do throws(FileError) {
            let (log, report) = try recovery.run()
            return RecoveredLog(log: log, report: report)
        } catch {
            guard error.isOutOfSpace, !isReadOnly else { throw error }
            // What has to be copied before anything may be cut is found without writing.
            let report = try recovery.readOnly.run().report
            let damaged = report.damage.reduce(0) {
                $0 + $1.1.positions.lowerBound.distance(to: $1.1.positions.upperBound)
            }
            throw noRoom(error, copies: damaged + (report.tornTail?.byteCount ?? 0))
        }
    }

    /// Opening for writing found no room. `copies`: bytes that recovery has to keep in `quarantine`, as far as is known.
    private func noRoom(_ cause: FileError, copies: Int) -> DaybookError {
        let needed = ByteCount.bytes(copies + Self.roomForSmallFiles)
        return DaybookError(
            .diskFull,
            "The data directory \(layout.root) cannot be opened for writing: \(cause). It needs about \(needed); nothing is "
                + "lost, and opening it for reading works",
            cause: cause)
    }

    /// What registry, state, watermarks and manifests need at most in an ordinary directory.
    private static let roomForSmallFiles = 256 << 10

    /// For partitions opened for reading: how to see what the writer has done since.
    func reopening(_ identity: LogIdentity, _ topic: Topic) -> LogReopening? {
        guard isReadOnly else { return nil }
        let topicPartition = identity.topicPartition
        let slot = topic.firstSlot + Int(topicPartition.partition)
        let watermark = { @Sendable in
            services.watermarks.read([(slot, topic.id, topicPartition.partition)])[slot]
        }
        return LogReopening(
            look: {
                let (watermark, folder) = (watermark(), layout.partition(topicPartition))
                let names = try fileSystem.entries(of: folder)
                let segments = names.filter { SegmentName.baseOffset(ofLog: $0) != nil }.sorted()
                let checkpoint =
                    names.contains(PartitionCheckpoint.fileName)
                    ? try PartitionCheckpoint.readBytes(in: folder, fileSystem) : nil
                let size = try segments.last.map { try fileSystem.status(of: folder.appending($0)).size } ?? 0
                return LogAppearance(watermark: watermark, segments: segments, activeSize: size, checkpoint: checkpoint)
            },
            open: {
                while true {
                    let (before, watermark) = (try readState(), watermark())
                    let recovered = try recover(topic, topicPartition, watermark, before)
                    if try readState() == before { return recovered }
                }
            })
    }

    /// The epoch of this incarnation: a new one unless the last one ended properly. Batches know better than a file that
    /// may be old or lost.
    private func epoch(_ before: DirectoryState?, _ logs: [PartitionLog], isNew: Bool) throws -> LeaderEpoch {
        let inBatches = logs.compactMap { $0.epochStarts.last?.epoch }.max()
        let inLogs = logs.map(\.leaderEpoch).max()
        let last = [before?.leaderEpoch, inBatches, inLogs].compactMap { $0 }.max() ?? .zero
        if isNew || before?.isClean == true || isReadOnly { return last }
        guard last.rawValue < .max else {
            throw DaybookError(
                .damaged,
                "A batch carries the last leader epoch there is (\(last)), so no new one can begin; verify the log")
        }
        return last.next
    }

    /// The first producer id that nobody can have been given: `state` knows it, or, where that is lost or of a restored
    /// directory, the partitions do.
    private func nextProducerID(_ before: DirectoryState?, _ logs: [PartitionLog]) -> ProducerID {
        let known = logs.compactMap { $0.producers.highestProducer?.rawValue }.max() ?? -1
        // No counter gets further: an id beyond was not given here.
        let next = known < 1 << 61 ? known + 1 : 0
        return ProducerID(rawValue: max(before?.nextProducerID.rawValue ?? 0, next))
    }

    /// Partition folders that no topic claims. They are reported and left alone.
    private func strangers(_ registry: TopicRegistry) throws(FileError) -> [String] {
        let known = Set(registry.topics.values.flatMap { $0.partitions.map(\.description) })
        return try fileSystem.entries(of: layout.root).sorted().filter {
            TopicPartition(folderName: $0) != nil && !known.contains($0)
        }
    }

    private func describe(_ loss: TopicRegistry.Loss) -> String {
        switch loss {
        case .oneCopy(let name):
            "The registry copy \"\(name)\" was missing or damaged; the other one is whole"
                + (isReadOnly ? ", and the next writer makes the copy anew" : " and the copy was made anew")
        case .rebuilt(let count):
            "Both registry copies were missing or damaged; \(count) topics were found by their folders and have the default "
                + "configuration now: check it with topic describe"
        }
    }
}

/// Hands out 0, 1, 2, … to several threads.
final class Cursor: Sendable {
    private let count: Int
    private let taken = Atomic<Int>(0)
    init(count: Int) { self.count = count }
    func next() -> Int? {
        let index = taken.wrappingAdd(1, ordering: .relaxed).oldValue
        return index < count ? index : nil
    }
}
