// How one opened data directory behaves. Topics have a configuration of their own.
// Values only: nothing here reads the environment or a file.

package import DaybookFiles
internal import DaybookModel

/// Settings of an opened daybook.
public struct Configuration: Sendable {
    /// What the directory is opened for.
    public enum Access: Sendable, Hashable {
        /// Takes the directory's lock, recovers, reads and writes.
        case readWrite
        /// Takes no lock and changes nothing on disk, not even to repair; works beside a live writer.
        case readOnly
    }

    public var access: Access
    /// Make the directory, and those above it, when there is none. With `false` that is an error.
    public var createsDirectory: Bool
    /// Threads for reads and writes; each may block. Default: one a core, at least two.
    public var ioThreads: Int
    /// Threads for flushes: so many partitions can be flushed at once. Default: 8.
    public var flushThreads: Int
    /// At most so many files are open at once; more partitions than that are no problem. Nil: half of what the process may
    /// open, at most 8,192.
    public var openFilesLimit: Int?
    /// Appends are refused (`.diskFull`) when the file system would have less than this left: deletions, checkpoints and
    /// recovery need room too, and a disk that is full to the last byte makes flushes fail, which ends a partition's
    /// promises. Zero: appends go on until the system refuses.
    public var reservedSpace: ByteCount = .mebibytes(64)
    /// Partitions of each topic in which Daybook keeps its own records, when it is made; afterwards the topic has what it
    /// has. One flush serves everybody who commits to one partition at the same time, and so many partitions are flushed
    /// side by side. Default: 8, as many as there are threads for flushes; Kafka's 50 are for spreading load over brokers.
    public var internalTopicPartitions = 8
    /// Make a socket, `control`, in a directory that is opened for writing, through which commands of the same user and of the
    /// superuser reach this process: see ``Control``. Where the file system has no sockets the directory opens without one.
    public var hasControlSocket = true
    /// How consumers of this process share partitions.
    public var groups = GroupCoordinatorConfiguration()
    /// Retention, compaction and scrubbing.
    public var housekeeping = HousekeepingConfiguration()
    /// Hears what the engine does: for metrics and logs. Nil costs nothing; otherwise two looks at the clock a batch.
    public var observer: (any EngineObserver)?

    package var fileSystem: any FileSystem
    package var clock: any TimeSource
    /// Runs everything that would run on threads of the engine's own; nil: threads.
    package var executor: (any JobExecutor)?
    /// Gives a new topic the number that tells it from others of its name; never 0.
    package var makeTopicID: @Sendable () -> UInt64

    public init(
        access: Access = .readWrite, createsDirectory: Bool = true, ioThreads: Int? = nil, flushThreads: Int = 8,
        openFilesLimit: Int? = nil
    ) {
        self.access = access
        self.createsDirectory = createsDirectory
        self.ioThreads = ioThreads ?? max(2, processorsCount())
        self.flushThreads = flushThreads
        self.openFilesLimit = openFilesLimit
        fileSystem = PosixFileSystem()
        clock = SystemTime()
        makeTopicID = { UInt64.random(in: 1 ... .max) }
    }

    /// The configuration if every value is allowed; throws `.invalidConfiguration` otherwise.
    public func validated() throws(DaybookError) -> Configuration {
        for (name, value) in [
            ("ioThreads", ioThreads), ("flushThreads", flushThreads), ("openFilesLimit", openFilesLimit ?? 1),
        ] where value < 1 {
            throw DaybookError(.invalidConfiguration, "\(name) is \(value); use a number from 1 upwards")
        }
        guard Topic.partitionsCounts.contains(internalTopicPartitions) else {
            throw DaybookError(
                .invalidConfiguration,
                "internalTopicPartitions is \(internalTopicPartitions); use a number from 1 to 100000")
        }
        guard reservedSpace.rawValue >= 0 else {
            throw DaybookError(.invalidConfiguration, "reservedSpace is \(reservedSpace.rawValue); use 0 or more bytes")
        }
        _ = try groups.validated()
        _ = try housekeeping.validated()
        return self
    }
}
