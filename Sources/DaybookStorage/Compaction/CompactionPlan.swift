// Decides what compaction would clean now: which segments, from which offset on, and how they are put together.
// Pure but for the files it names; made under the log's lock, carried out by `Compaction` without it.

internal import DaybookFiles
package import DaybookModel
internal import SystemPackage

/// What compaction goes by in one partition.
package struct CompactionPolicy: Sendable, Hashable {
    /// The share of cleanable bytes that have never been cleaned, 0 to 1, from which on it is worth while.
    package var dirtyRatio: Double
    /// Milliseconds since its last append before a segment may be cleaned.
    package var lag: Int64
    /// Milliseconds for which a tombstone stays once what it deletes is gone.
    package var tombstoneAge: Int64
    /// Bytes that the map of keys may take.
    package var memory: Int
    package var lz4Level: Int32
    package var zstdLevel: Int32

    package init(
        dirtyRatio: Double = 0.5, lag: Int64 = 0, tombstoneAge: Int64 = 24 * 3_600_000, memory: Int = 16 << 20,
        lz4Level: Int32 = 0, zstdLevel: Int32 = 1
    ) {
        self.dirtyRatio = dirtyRatio
        self.lag = lag
        self.tombstoneAge = tombstoneAge
        self.memory = memory
        self.lz4Level = lz4Level
        self.zstdLevel = zstdLevel
    }
}

/// A sealed segment as compaction sees it.
struct CompactionSource: Sendable {
    let file: PooledFile
    let facts: SegmentFacts
    /// When its records were appended.
    let index: SegmentIndex
    /// Damage is in it: it stays as it is.
    let isDamaged: Bool
    /// Whose transactions were open behind it, as its sidecar says.
    let openBehind: [ProducerID]

    var baseOffset: Offset { facts.baseOffset }
}

/// One compaction that is worth while.
package struct CompactionPlan: Sendable {
    let identity: LogIdentity
    let directory: FilePath
    let pool: DescriptorPool
    let indexInterval: ByteCount
    let segmentBytes: Int
    /// All segments from the beginning of the log to the end of what may be cleaned, in order.
    let sources: [CompactionSource]
    /// Records from here on have never been cleaned.
    let cleanedTo: Offset
    let policy: CompactionPolicy
    let now: Timestamp
    /// The transactions that were aborted among the sources.
    let aborted: CommittedFilter
    /// Whose transactions were open where the log begins, as the checkpoint says.
    let openBefore: [ProducerID]
    /// How the producers that are still remembered were heard of last among the sources.
    let tails: [ProducerID: ProducerTail]

    /// Bytes that will be read at least once.
    package var bytes: Int { sources.reduce(0) { $0 + $1.facts.size.rawValue } }
    /// Bytes that have never been cleaned.
    package var dirtyBytes: Int { Self.dirtyBytes(sources.map(\.facts), cleanedTo) }
    /// The most bytes that are written before what they replace is removed.
    package var largestOutput: Int { min(bytes, max(segmentBytes, sources.map(\.facts.size.rawValue).max() ?? 0)) }
    /// Where the cleanable part ends.
    package var end: Offset { sources.last?.facts.nextOffset ?? cleanedTo }

    static func dirtyBytes(_ segments: [SegmentFacts], _ cleanedTo: Offset) -> Int {
        segments.reduce(0) { $0 + ($1.nextOffset > cleanedTo ? $1.size.rawValue : 0) }
    }

    /// The sources below `end` in runs that become one segment each: as many as fit into `segmentBytes` before they are
    /// cleaned. A damaged segment is in no run. A run spans fewer than 2³¹ offsets, as Kafka's readers want it.
    func groups(below end: Offset) -> [[CompactionSource]] {
        var groups: [[CompactionSource]] = []
        var size = 0
        for source in sources where source.baseOffset < end {
            let fits =
                groups.last?.first.map {
                    !source.isDamaged && size + source.facts.size.rawValue <= segmentBytes
                        && groups[groups.count - 1].last?.facts.nextOffset == source.baseOffset
                        && $0.baseOffset.distance(to: source.facts.nextOffset) < Int64(Int32.max)
                } ?? false
            if source.isDamaged {
                // Nothing is put together across it.
                groups.append([])
                size = 0
            } else if fits {
                groups[groups.count - 1].append(source)
                size += source.facts.size.rawValue
            } else {
                groups.append([source])
                size = source.facts.size.rawValue
            }
        }
        return groups.filter { !$0.isEmpty }
    }

    /// Whether a segment that could not be cleaned stands before `offset`: it may hold what a tombstone behind it deletes.
    func hasDamage(before offset: Offset) -> Bool { sources.contains { $0.isDamaged && $0.baseOffset < offset } }
}
