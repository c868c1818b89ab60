// The engine: one data directory, opened. Topics, producers, writers and readers begin here; what opening found is a
// value. How it opens and closes is in `Daybook+Open`.

internal import DaybookModel
internal import DaybookFiles
internal import DaybookStorage
internal import Synchronization
internal import SystemPackage

/// An embedded log: a directory of topics, each of some partitions of records.
///
/// One process writes to a directory; others may open it for reading meanwhile. All calls may come from any task or
/// thread; none of them blocks one of Swift's cooperative threads.
public final class Daybook: Sendable {
    /// The data directory.
    public let directory: String
    /// What opening found: torn tails, damage, what was scanned.
    public var recovery: RecoveryReport { report.withLock { $0 } }
    /// Complete when the directory has been opened.
    let report: Mutex<RecoveryReport>

    /// How commands of other processes reach this daybook.
    public let control = Control()

    let configuration: Configuration
    let layout: DirectoryLayout
    let fileSystem: any FileSystem
    let counters: IOCounters?
    let pool: DescriptorPool
    let services: PartitionServices
    let lock: (any FileLock)?
    let leaderEpoch: LeaderEpoch
    /// What `state` says of this incarnation, but for the producer ids.
    let stateOnDisk: DirectoryState
    let producerIDs: ProducerIDs
    /// When the directory was opened.
    let opened: Timestamp
    let state: Mutex<State>
    /// Held while topics change, which takes several steps on disk, and while ids are reserved.
    let topicChanges = Mutex(())
    /// Raised when topics have changed, so that whoever has looked one up knows when to look again.
    let topicsGeneration = Atomic<Int>(0)
    let topicWatchers = TopicWatchers()
    let housekeeping: Housekeeping
    let transactions = TransactionCoordinator()
    let compressors = CompressorPool()
    let committedOffsets = OffsetStore()
    let groupCoordinator = GroupCoordinator()

    struct State {
        var registry: TopicRegistry
        var partitions: [TopicPartition: Partition]
        var isClosed = false

        /// By name and number: what is done to all of them happens in the same order every time.
        var partitionsInOrder: [Partition] {
            partitions.values.sorted { $0.topicPartition < $1.topicPartition }
        }
    }

    init(_ opened: OpenedDirectory) {
        directory = opened.layout.root.string
        report = Mutex(opened.report)
        configuration = opened.configuration
        layout = opened.layout
        fileSystem = opened.pool.fileSystem
        counters = (opened.configuration.fileSystem as? PosixFileSystem)?.counters
        pool = opened.pool
        services = opened.services
        lock = opened.lock
        leaderEpoch = opened.leaderEpoch
        stateOnDisk = opened.state
        producerIDs = ProducerIDs(from: opened.nextProducerID, reservedTo: opened.state.nextProducerID) {
            [layout, fileSystem, stateOnDisk] end throws(FileError) in
            try AtomicFile.replace(
                layout.state, with: stateOnDisk.reserving(to: end).encoded(), in: fileSystem)
        }
        self.opened = opened.configuration.clock.now()
        let youngest = opened.partitions.values.map { $0.withLog { $0.lastAppendTime } }.max() ?? .none
        housekeeping = Housekeeping(
            time: TrustedTime(opened.configuration.clock, notBefore: youngest),
            limit: RateLimit(opened.configuration.housekeeping.bytesPerSecond, opened.configuration))
        state = Mutex(State(registry: opened.registry, partitions: opened.partitions))
        committedOffsets.coordinate { [groupCoordinator] in groupCoordinator.presence(of: $0) }
    }

    deinit {
        housekeeping.stop()
        // What is still on its way must not reach a directory that may be somebody else's in a moment.
        for partition in state.withLock({ $0.partitionsInOrder }) { partition.abandon() }
        services.stop()
        let lock = lock
        // As long as the socket is there the directory is this process's.
        control.abandon { lock?.release() }
    }

    /// Whether the directory was opened for reading.
    public var isReadOnly: Bool { configuration.access == .readOnly }

    /// What the file system has been asked to do since the directory was opened.
    public var statistics: IOStatistics { IOStatistics(counters) }

    /// Partitions that take no appends any more because the disk has failed them, each with the reason; empty while all is
    /// well. Known as soon as the call that failed has returned, whoever made it: a sender, or a flush in the background.
    /// Opening the directory again recovers them. O(partitions).
    public var failedPartitions: [TopicPartition: DaybookError] {
        state.withLock { $0.partitions }.compactMapValues { partition in
            partition.withLog { $0.poison }.map { DaybookError(.poisoned(cause: $0), partition.topicPartition) }
        }
    }

    /// The open partition; throws `.unknownTopic`, `.unknownPartition` or `.closed`.
    func partition(_ topicPartition: TopicPartition) throws(DaybookError) -> Partition {
        let found = state.withLock { state -> Result<Partition, DaybookError> in
            if state.isClosed { return .failure(.closed) }
            if let partition = state.partitions[topicPartition] { return .success(partition) }
            guard let topic = state.registry.topics[topicPartition.topic], !topic.isDeleting else {
                return .failure(Self.unknownTopic(topicPartition.topic.description))
            }
            return .failure(
                DaybookError(
                    .unknownPartition,
                    "Topic \(topic.name) has partitions 0 to \(topic.partitionsCount - 1), not \(topicPartition.partition)"
                ))
        }
        return try found.get()
    }

    /// A producer id that nobody has been given before. Writes to disk one time in a thousand.
    ///
    /// Throws `.closed`, or `.diskFull` or `.inputOutput` where it could not be reserved.
    func takeProducerID() async throws(DaybookError) -> ProducerID {
        if let id = producerIDs.takeReserved() { return id }
        let daybook = self
        return try await services.io.run { () throws(DaybookError) in
            try daybook.topicChanges.withLock { _ throws(DaybookError) in
                // Once closed, the directory may be somebody else's.
                if daybook.state.withLock({ $0.isClosed }) { throw .closed }
                return try daybook.producerIDs.take()
            }
        }
    }

    static func unknownTopic(_ name: String) -> DaybookError {
        DaybookError(
            .unknownTopic,
            "There is no topic \"\(name)\"; create it first (daybook topic create \(name) --partitions N)")
    }
}

/// Counts of system calls and of the bytes they moved.
public struct IOStatistics: Sendable, Hashable {
    public var opens = 0
    public var reads = 0
    public var writes = 0
    public var flushes = 0
    /// Status, list, rename, remove, truncate and close.
    public var others = 0
    public var bytesRead = 0
    public var bytesWritten = 0

    init(_ counters: IOCounters?) {
        guard let counters else { return }
        opens = counters.opens.current
        reads = counters.reads.current
        writes = counters.writes.current
        flushes = counters.flushes.current
        others = counters.others.current
        bytesRead = counters.bytesRead.current
        bytesWritten = counters.bytesWritten.current
    }

    /// All system calls.
    public var calls: Int { opens + reads + writes + flushes + others }
}
