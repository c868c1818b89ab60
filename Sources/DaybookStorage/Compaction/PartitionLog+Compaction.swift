// What compaction needs of the log itself: what may be cleaned, and the moment in which a compacted segment takes the
// place of others. Everything slow is in `Compaction`, without the lock.

internal import DaybookFiles
package import DaybookModel

extension PartitionLog {
    /// What would be cleaned now; nil when there is too little of it.
    ///
    /// Only what is sealed, durable and of no open transaction is cleaned. May read the indexes of sealed segments. `force`: as
    /// soon as anything is dirty. `now` decides about ages and is the caller's idea of the time. O(segments).
    package func planCompaction(
        _ policy: CompactionPolicy, now: Timestamp, force: Bool = false
    ) throws(StorageError) -> CompactionPlan? {
        guard access != .read, poison == nil, checkpoint.swap == nil else { return nil }
        let old = segments.dropLast().prefix {
            !$0.hasUnflushedBytes && $0.nextOffset <= lastStableOffset
                && (policy.lag == 0 || $0.facts.lastAppendTime.milliseconds(until: now) >= policy.lag)
        }
        guard !old.isEmpty else { return nil }
        let facts = old.map(\.facts)
        let dirty = CompactionPlan.dirtyBytes(facts, checkpoint.cleanedTo)
        let total = facts.reduce(0) { $0 + $1.size.rawValue }
        let mayForget = checkpoint.nextTombstoneExpiry.map { $0 <= now } ?? false
        let isWorthWhile = dirty > 0 && Double(dirty) >= policy.dirtyRatio * Double(total)
        guard isWorthWhile || mayForget || force && dirty > 0 else { return nil }
        var sources: [CompactionSource] = []
        for segment in old { sources.append(try source(segment)) }
        // Not the newest batches of all: those may not be durable, and a power cut would leave neither them nor these.
        let tails: ProducerStateTable
        do throws(FileError) { tails = try producers(behind: old[old.endIndex - 1]) } catch { throw .file(error) }
        let aborted = try abortedTransactions(in: .zero..<facts[facts.count - 1].nextOffset)
        return CompactionPlan(
            identity: identity, directory: directory, pool: pool, indexInterval: configuration.indexIntervalBytes,
            segmentBytes: configuration.segmentBytes.rawValue, sources: sources, cleanedTo: checkpoint.cleanedTo,
            policy: policy, now: now, aborted: CommittedFilter(aborted), openBefore: openBefore,
            tails: tails.tails(at: now, configuration.producers))
    }

    private func source(_ segment: Segment) throws(StorageError) -> CompactionSource {
        var open: [ProducerID] = []
        if segment.firstOpenOffset != nil {
            do throws(FileError) {
                open = try producers(behind: segment).openTransactions.map(\.producer)
            } catch {
                throw .file(error)
            }
        }
        return CompactionSource(
            file: segment.file, facts: segment.facts, index: try loadIndex(of: segment),
            isDamaged: !segment.damage.isEmpty, openBehind: open)
    }

    private var openBefore: [ProducerID] { checkpoint.producers?.table.openTransactions.map(\.producer) ?? [] }

    /// The same plan with the segments as they are now.
    func sources(of plan: CompactionPlan) throws(StorageError) -> CompactionPlan {
        var sources: [CompactionSource] = []
        for segment in segments.dropLast() where segment.nextOffset <= plan.end { sources.append(try source(segment)) }
        return CompactionPlan(
            identity: plan.identity, directory: plan.directory, pool: plan.pool, indexInterval: plan.indexInterval,
            segmentBytes: plan.segmentBytes, sources: sources, cleanedTo: checkpoint.cleanedTo, policy: plan.policy,
            now: plan.now, aborted: plan.aborted, openBefore: openBefore, tails: plan.tails)
    }

    /// Puts a compacted segment in place of those it was made of, in memory and by name; false when they are not there any
    /// more. Takes two renames. After an error the log is as before or as after, and the swap that is written down says
    /// how to go on.
    func replace(_ group: [CompactionSource], with compacted: CompactedSegment) throws(StorageError) -> Bool {
        guard let first = segments.firstIndex(where: { $0.file === group[0].file }),
            first + group.count < segments.count,
            zip(segments[first...], group).allSatisfy({ $0.file === $1.file && $0.facts == $1.facts })
        else { return false }
        let segment = makeSegment(baseOffset: compacted.facts.baseOffset)
        do throws(FileError) {
            try SegmentSwapping(compacted.swap, directory: directory, pool: pool).rename()
        } catch {
            throw .file(error)
        }
        segment.facts = compacted.facts
        segment.isSealed = true
        segment.flushedSize = segment.size
        segment.firstOpenOffset = compacted.producers.firstOpenOffset
        _ = segment.sidecar.loadSeal(size: segment.size.rawValue, trustUnflushed: true)
        segments.replaceSubrange(first..<first + group.count, with: [segment])
        checkpoint.generation += 1
        checkInvariant()
        return true
    }
}
