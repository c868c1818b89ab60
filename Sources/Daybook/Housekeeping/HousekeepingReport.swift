// What a pass of housekeeping did, found and could not do, and what maintenance has made of a partition.
// Values: whoever runs the pass decides who hears of it.

public import DaybookModel
internal import DaybookStorage

/// The outcome of one pass over all partitions.
public struct HousekeepingReport: Sendable {
    /// Something worth telling about one partition.
    public struct Finding: Sendable, CustomStringConvertible {
        /// What happened.
        public enum Kind: String, Sendable, Hashable {
            /// Records were deleted by age or size.
            case deleted
            case compacted
            case scrubbed
            /// Scrubbing or compaction met bytes that are not what was written.
            case damage
            /// What groups hold back is near the limit for that: act before records go that somebody needs.
            case holdPressure
            /// Records were deleted although a group still needed them: the limit is reached.
            case holdOverridden
            /// A group that has not been used for long is forgotten, with all that it has committed.
            case offsetsExpired
            /// Transactional ids that nobody has used for long are forgotten.
            case transactionalIDsExpired
            /// Something failed; it is tried again in the next pass, and the other partitions go on.
            case failure
        }

        public let topicPartition: TopicPartition
        public let kind: Kind
        public let description: String
    }

    public internal(set) var findings: [Finding] = []
    /// How far the clock has run ahead of the time that has passed. Age deletes only what has really grown old until the
    /// clock comes back, the directory is opened anew, or `acceptClock` is called.
    public internal(set) var clockJump: Duration?

    mutating func note(_ topicPartition: TopicPartition, _ kind: Finding.Kind, _ description: String) {
        findings.append(Finding(topicPartition: topicPartition, kind: kind, description: description))
    }
}

/// What maintenance has made of a partition.
public struct MaintenanceStatus: Sendable, Hashable {
    /// Everything below has been compacted; zero where nothing was.
    public let compactedTo: Offset
    /// A compaction under way, or the last one since the directory was opened.
    public let compaction: CompactionStatus?
    /// When the sealed segments were last compared with their checksums; nil when they never were.
    public let lastScrub: ScrubStatus?
}

/// How far a compaction has come.
public struct CompactionStatus: Sendable, Hashable {
    public let bytesRead: ByteCount
    /// What the disk got back; may be negative by a few bytes where tombstones got a date.
    public let bytesSaved: Int
    public let recordsDropped: Int64
    /// Times that the keys filled the memory for them, and once more.
    public let rounds: Int
    public let compactedTo: Offset
    /// Base offsets of segments left as they are because they are damaged.
    public let damagedSegments: [Offset]

    init(_ progress: CompactionProgress) {
        bytesRead = .bytes(progress.bytesRead)
        bytesSaved = progress.bytesSaved
        recordsDropped = progress.recordsDropped
        rounds = progress.rounds
        compactedTo = progress.cleanedTo
        damagedSegments = progress.damagedSegments
    }
}

/// What a scrub found.
public struct ScrubStatus: Sendable, Hashable {
    public let time: Timestamp
    public let segmentsCount: Int
    public let bytes: ByteCount
    public let damagedSegmentsCount: Int

    init(_ result: ScrubResult) {
        time = result.time
        segmentsCount = result.segmentsCount
        bytes = .bytes(result.bytes)
        damagedSegmentsCount = result.damagedSegmentsCount
    }
}
