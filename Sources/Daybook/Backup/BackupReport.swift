// What a backup and a restore did, as values: the engine neither prints nor logs them.
// Filled in by `BackupRun` and `RestoreRun`.

public import DaybookModel

/// Offsets that a snapshot, or what was restored from one, cannot give back.
public struct BackupLoss: Sendable, Hashable, CustomStringConvertible {
    public let topicPartition: TopicPartition
    /// What readers of the snapshot get in place of the records.
    public let gap: Gap
    public let reason: String

    public var description: String { "\(topicPartition): \(gap): \(reason)" }
}

/// What a backup holds and how it got there.
public struct BackupReport: Sendable {
    /// What came from where.
    public struct Amounts: Sendable, Hashable {
        public var segments = 0
        /// Segments that share their bytes with the data directory's file.
        public var linked = 0
        /// Segments that an earlier snapshot held already.
        public var kept = 0
        public var copied = 0
        /// Bytes of all segments.
        public var bytes = ByteCount.bytes(0)
        /// Bytes that were copied.
        public var copiedBytes = ByteCount.bytes(0)
    }

    /// One topic's part.
    public struct Topic: Sendable, Hashable {
        public let name: TopicName
        public let partitionsCount: Int
        public internal(set) var amounts: Amounts
    }

    /// The snapshot's folder.
    public let snapshot: String
    /// The data directory.
    public let source: String
    /// The time of day when it was begun.
    public let time: Timestamp
    public internal(set) var topics: [Topic] = []
    /// Damage that the data directory had: its bytes are in the snapshot as they are.
    public internal(set) var losses: [BackupLoss] = []
    /// Worth knowing, and no loss.
    public internal(set) var notes: [String] = []
    /// Snapshots that were removed, because no more were to be kept.
    public internal(set) var removed: [String] = []
    public internal(set) var duration: Duration = .zero

    init(snapshot: String, source: String, time: Timestamp) {
        self.snapshot = snapshot
        self.source = source
        self.time = time
    }

    /// All topics together.
    public var amounts: Amounts {
        topics.reduce(into: Amounts()) { sum, topic in sum.add(topic.amounts) }
    }

    /// Whether every record that was durable is in the snapshot.
    public var isWhole: Bool { losses.isEmpty }
}

extension BackupReport.Amounts {
    mutating func add(_ other: Self) {
        segments += other.segments
        linked += other.linked
        kept += other.kept
        copied += other.copied
        bytes = .bytes(bytes.rawValue + other.bytes.rawValue)
        copiedBytes = .bytes(copiedBytes.rawValue + other.copiedBytes.rawValue)
    }
}

/// What was restored.
public struct RestoreReport: Sendable {
    /// One partition as it is after the restore.
    public struct Partition: Sendable, Hashable {
        public let topicPartition: TopicPartition
        public let logStartOffset: Offset
        /// The offset that the next record will get.
        public let logEndOffset: Offset
        public let segmentsCount: Int
        public let size: ByteCount
    }

    /// The snapshot's folder.
    public let snapshot: String
    /// The new data directory.
    public let directory: String
    /// Where the records once came from.
    public let source: String
    /// When the backup was made.
    public let time: Timestamp
    /// The incarnation that the next open will begin: far above every one that the snapshot's history can have reached since,
    /// so that no checkpoint of records which are lost with it is taken for one of what comes now.
    public internal(set) var leaderEpoch = LeaderEpoch.zero
    public internal(set) var partitions: [Partition] = []
    /// What is missing, when damage was allowed.
    public internal(set) var losses: [BackupLoss] = []
    public internal(set) var notes: [String] = []
    public internal(set) var duration: Duration = .zero

    init(snapshot: String, directory: String, source: String, time: Timestamp) {
        self.snapshot = snapshot
        self.directory = directory
        self.source = source
        self.time = time
    }

    /// Bytes of all segments.
    public var size: ByteCount { .bytes(partitions.reduce(0) { $0 + $1.size.rawValue }) }
}
