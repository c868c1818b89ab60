// One partition's log: its segments in order, and the offsets that bound what may be read. What can be done with it is
// in the extensions beside this file: append, flush, read, time, epochs; how it comes to be is in `Recovery`.

package import DaybookFiles
package import DaybookModel
package import SystemPackage

/// The log of one partition. Synchronous and not thread-safe: the engine lets one thread in at a time.
///
/// Invariant, checked after every change: `logStartOffset ≤ lastStableOffset ≤ recoveryPoint ≤ logEndOffset`, base offsets
/// rise strictly, and only the last segment is active.
package final class PartitionLog {
    package let identity: LogIdentity
    package let directory: FilePath
    package var configuration: LogConfiguration
    /// Stamped into the batches that this incarnation appends. Raised once, after recovery and before the first append.
    package var leaderEpoch: LeaderEpoch
    package internal(set) var logStartOffset: Offset
    /// Everything below is known to be flushed. This is also the high watermark: readers see what is durable.
    package internal(set) var recoveryPoint: Offset
    /// In order of base offset; never empty; the last one is active.
    package internal(set) var segments: [Segment]
    /// Set when the log can promise nothing any more; see `StorageError.poisoned`.
    package internal(set) var poison: FileError?
    /// The last sidecar that could not be read or written. Costs time, nothing else.
    package internal(set) var sidecarFailure: FileError?
    /// The last copy of damaged bytes that could not be made. The bytes themselves stay in the segment.
    package internal(set) var quarantineFailure: FileError?

    /// What the partition's folder remembers beside its segments. Changed under the log's lock; whoever changes it writes
    /// it down without the lock.
    package var checkpoint: PartitionCheckpoint
    /// The log start offset that a checkpoint on disk says. Files go only when it has caught up.
    package private(set) var savedLogStart: Offset
    /// How far the log was durable according to the checkpoint on disk.
    private(set) var savedDurableTo: Offset
    /// Where the damage ends that has been found so far.
    private var damageEnd = Offset.zero
    /// Damage is known and no checkpoint on disk says that its place was durable once: a recovery after a power cut, with
    /// nothing else left to tell, would take it for a torn tail and cut what is behind it.
    package var isDamageUnsaved: Bool { access != .read && min(damageEnd, recoveryPoint) > savedDurableTo }
    /// Where the producers were known of that a checkpoint on disk holds.
    package private(set) var savedProducersOffset: Offset
    /// Whether a checkpoint on disk says all that must be known when segments go.
    package var isDeletionSaved: Bool {
        savedLogStart >= logStartOffset && savedProducersOffset >= (checkpoint.producers?.offset ?? .zero)
    }
    /// Where the log started when it was opened.
    private let recoveredLogStart: Offset
    /// The log start offset that others may be told of: one that no crash takes back.
    package var promisedLogStart: Offset { max(savedLogStart, recoveredLogStart) }
    /// The producers as the log's end leaves them.
    package internal(set) var producers = ProducerStateTable()
    /// Transactions that have ended, and whose markers are not known to be durable.
    var undecided: [EndedTransaction] = []
    /// Base offsets of segments that are no part of the log any more and whose files are still there.
    var leftovers: Set<Offset>

    let pool: DescriptorPool
    let quarantine: Quarantine
    /// The latest moment the log was told of.
    var latestTime: Timestamp
    package let access: FileAccess
    /// Files were created whose names have not been flushed.
    var hasUnflushedNames: Bool

    init(
        identity: LogIdentity, directory: FilePath, configuration: LogConfiguration, leaderEpoch: LeaderEpoch,
        logStartOffset: Offset, recoveryPoint: Offset, segments: [Segment], pool: DescriptorPool,
        quarantine: Quarantine, access: FileAccess, hasUnflushedNames: Bool, checkpoint: PartitionCheckpoint,
        leftovers: Set<Offset>, now: Timestamp
    ) {
        self.identity = identity
        self.directory = directory
        self.configuration = configuration
        self.leaderEpoch = leaderEpoch
        self.logStartOffset = logStartOffset
        self.recoveryPoint = recoveryPoint
        self.segments = segments
        self.pool = pool
        self.quarantine = quarantine
        latestTime = now
        self.checkpoint = checkpoint
        savedLogStart = checkpoint.logStartOffset
        savedDurableTo = checkpoint.durableTo
        savedProducersOffset = checkpoint.producers?.offset ?? .zero
        recoveredLogStart = logStartOffset
        self.leftovers = leftovers
        self.access = access
        self.hasUnflushedNames = hasUnflushedNames
        noteDamage(damage)
        checkInvariant()
    }

    package var activeSegment: Segment { segments[segments.count - 1] }
    /// The offset that the next record will get.
    package var logEndOffset: Offset { activeSegment.nextOffset }
    /// Bytes of all segments.
    package var size: Int { segments.reduce(0) { $0 + $1.size.rawValue } }
    /// Whether anything waits for a flush.
    package var needsFlush: Bool { recoveryPoint < logEndOffset || hasUnflushedNames }
    /// When the log last appended a batch; `.none` when it never did.
    package var lastAppendTime: Timestamp {
        segments.last { !$0.facts.isEmpty }?.facts.lastAppendTime ?? .none
    }
    /// All damage known so far; sealed segments are looked at when they are read.
    package var damage: [Damage] { segments.flatMap(\.damage) }

    func checkInvariant() {
        assert(
            logStartOffset <= lastStableOffset && lastStableOffset <= recoveryPoint && recoveryPoint <= logEndOffset,
            "offsets of \(identity) out of order")
        assert(
            zip(segments, segments.dropFirst()).allSatisfy { $0.baseOffset < $1.baseOffset },
            "base offsets of \(identity) do not rise")
    }

    func makeSegment(baseOffset: Offset) -> Segment {
        Segment(baseOffset: baseOffset, identity: identity, directory: directory, pool: pool, access: access)
    }

    /// Writes what a clean close needs and closes the files. Nothing may wait for a flush, or it is left for recovery.
    package func close() throws(StorageError) {
        if poison == nil, access != .read, !needsFlush, activeSegment.sidecar.coveredSize < activeSegment.size {
            writeSidecar(of: activeSegment, facts: activeSegment.facts, producers, isFlushed: true)
        }
        for segment in segments {
            do { try segment.file.close() } catch { throw .file(error) }
        }
    }

    /// The checkpoint as it should be written down now. `durableTo`: a flush has come so far, and the log does not know yet.
    package func currentCheckpoint(durableTo: Offset = .zero) -> PartitionCheckpoint {
        checkpoint.durableTo = max(recoveryPoint, durableTo, savedDurableTo)
        checkpoint.logStartOffset = logStartOffset
        return checkpoint
    }

    /// Writes the checkpoint down; durable when it returns. For callers that have the log to themselves.
    package func saveCheckpoint(durableTo: Offset = .zero) throws(FileError) {
        let current = currentCheckpoint(durableTo: durableTo)
        try current.write(in: directory, pool.fileSystem)
        noteSaved(current)
    }

    /// Takes note that a checkpoint has been written down, durably.
    package func noteSaved(_ checkpoint: PartitionCheckpoint) {
        savedLogStart = max(savedLogStart, checkpoint.logStartOffset)
        savedDurableTo = max(savedDurableTo, checkpoint.durableTo)
        savedProducersOffset = max(savedProducersOffset, checkpoint.producers?.offset ?? .zero)
    }

    /// Takes note of damage that was found.
    func noteDamage(_ damage: [Damage]) {
        for range in damage { damageEnd = max(damageEnd, range.offsets.upperBound) }
    }

    /// Adds a block to a segment's sidecar. A failure is remembered, not thrown: sidecars can be derived.
    func writeSidecar(
        of segment: Segment, facts: SegmentFacts, _ producers: ProducerStateTable, isFlushed: Bool
    ) {
        guard let index = segment.index else { return }
        let isSealed = segment.isSealed && facts.size == segment.size
        do throws(FileError) {
            try segment.sidecar.append(
                facts: facts, index: index, producers: producers, isSealed: isSealed, isFlushed: isFlushed)
            if isSealed, isFlushed { segment.producers = nil }
        } catch {
            sidecarFailure = error
        }
    }
}
