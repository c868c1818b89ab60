// One compaction of a partition, round by round: note keys until the memory for them is full, clean everything below with
// them, go on from there. Runs without the log's lock; what the log has to agree to is asked of its owner.

internal import DaybookFiles
package import DaybookModel
internal import SystemPackage

/// How far a compaction has come. A value; the engine shows it.
package struct CompactionProgress: Sendable, Hashable {
    /// Bytes read so far, in all rounds.
    package internal(set) var bytesRead = 0
    /// Bytes that the disk has got back so far; less than zero where tombstones got a date.
    package internal(set) var bytesSaved = 0
    package internal(set) var recordsDropped: Int64 = 0
    package internal(set) var segmentsWritten = 0
    package internal(set) var rounds = 0
    /// Everything below has been compacted.
    package internal(set) var cleanedTo = Offset.zero
    /// Segments that stay as they are because damage turned up in them.
    package internal(set) var damagedSegments: [Offset] = []

    package init() {}
}

/// What a compaction asks of the log's owner.
package protocol CompactionOwner {
    /// Called with the bytes of each batch that is read; waits to keep a rate, and throws to stop the compaction.
    func pace(_ bytes: Int) throws
    /// Runs `body` with the log to itself; `body` does not block for long.
    func withLog<R: Sendable>(_ body: (PartitionLog) throws -> R) throws -> R
    /// Writes the log's checkpoint down, durably, without the log's lock.
    func saveCheckpoint() throws
    /// Called when something has been achieved.
    func note(_ progress: CompactionProgress)
}

/// Carries out a plan.
package struct Compaction {
    private let plan: CompactionPlan
    private let owner: any CompactionOwner
    private let hash: ((UnsafeRawBufferPointer) -> Int)?

    /// `hash` is for tests, which make keys collide.
    package init(
        _ plan: CompactionPlan, for owner: any CompactionOwner, hash: ((UnsafeRawBufferPointer) -> Int)? = nil
    ) {
        self.plan = plan
        self.owner = owner
        self.hash = hash
    }

    /// Cleans until everything that may be cleaned is, or the owner stops it.
    ///
    /// May be stopped or may fail anywhere: the log is as valid as before, and the next compaction begins again where the
    /// last whole round ended. A segment in which damage turns up is left as it is and named in the result; the rest
    /// is cleaned all the same. O(rounds × bytes).
    @discardableResult
    package func run() throws -> CompactionProgress {
        var progress = CompactionProgress()
        progress.cleanedTo = plan.cleanedTo
        var map = KeyMap(capacity: plan.policy.memory, hash: hash)
        var plan = plan
        repeat {
            var bytesRead = 0
            let cleaner = SegmentCleaner(
                plan, producers: { [owner] base in try owner.withLog { try $0.producers(behindSegmentAt: base) } },
                pace: { [owner] bytes in
                    bytesRead += bytes
                    try owner.pace(bytes)
                })
            map.removeAll()
            let end = try noteKeys(plan, from: progress.cleanedTo, cleaner, into: &map)
            cleaner.mapEnd = end
            var groups = plan.groups(below: end)[...]
            while let group = groups.popFirst() {
                switch try cleaner.clean(group, with: map) {
                case .unchanged: break
                case .damaged(let baseOffset):
                    progress.damagedSegments.append(baseOffset)
                    _ = try owner.withLog { try $0.examine(segment: baseOffset) }
                    // The others must be cleaned all the same: what their keys have left behind would come back otherwise,
                    // when the tombstones go.
                    groups = group.filter { $0.baseOffset != baseOffset }.map { [$0] } + groups
                case .cleaned(let segment):
                    guard try swap(segment, for: group) else { continue }
                    progress.segmentsWritten += 1
                    progress.bytesSaved += segment.savedBytes
                    progress.recordsDropped += segment.droppedRecords
                }
                progress.bytesRead += bytesRead
                bytesRead = 0
                owner.note(progress)
            }
            progress.rounds += 1
            progress.cleanedTo = end
            try owner.withLog { log in
                log.checkpoint.cleanedTo = max(log.checkpoint.cleanedTo, end)
                log.checkpoint.nextTombstoneExpiry = cleaner.nextTombstoneExpiry
                // Sources of the next round are what this one has left.
                plan = try log.sources(of: plan)
            }
            try owner.saveCheckpoint()
            owner.note(progress)
        } while progress.cleanedTo < plan.end
        return progress
    }

    /// Fills the map; returns the offset up to which all keys are in it.
    private func noteKeys(
        _ plan: CompactionPlan, from start: Offset, _ cleaner: SegmentCleaner, into map: inout KeyMap
    ) throws -> Offset {
        var end = start
        for source in plan.sources where source.facts.nextOffset > start {
            end =
                source.isDamaged
                ? source.facts.nextOffset : try cleaner.note(source, from: max(start, source.baseOffset), into: &map)
            if end < source.facts.nextOffset { return end }
        }
        return end
    }

    /// Puts a compacted segment in place of those it was made of; false when they are not what they were.
    ///
    /// The order matters. The swap is written down before the first name changes, so that a crash finds either the old
    /// segments or a note that says how to go on; the note goes away when the names are durable.
    private func swap(_ segment: CompactedSegment, for group: [CompactionSource]) throws -> Bool {
        let fileSystem = plan.pool.fileSystem
        try plan.pool.withRoom { () throws(FileError) in try fileSystem.flushDirectory(plan.directory) }
        try owner.withLog { $0.checkpoint.swap = segment.swap }
        do {
            try owner.saveCheckpoint()
        } catch {
            try owner.withLog { $0.checkpoint.swap = nil }
            throw error
        }
        guard try owner.withLog({ try $0.replace(group, with: segment) }) else {
            // Retention was quicker. What was written is of no use to anybody.
            try SegmentSwapping(segment.swap, directory: plan.directory, pool: plan.pool).removeCleaned()
            try owner.withLog { $0.checkpoint.swap = nil }
            try owner.saveCheckpoint()
            return false
        }
        try SegmentSwapping(segment.swap, directory: plan.directory, pool: plan.pool).finish()
        try owner.withLog { $0.checkpoint.swap = nil }
        try owner.saveCheckpoint()
        return true
    }
}
