// Writes one run of segments as a new one, without the records that newer ones of the same key have replaced. Offsets
// stay: what a removed batch covered, the one before it covers as well, so that no reader meets a hole in the chain.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import SystemPackage

/// A compacted segment under its temporary name, complete and flushed; nothing of the log knows of it yet.
struct CompactedSegment: Sendable {
    let facts: SegmentFacts
    let index: SegmentIndex
    /// Behind the segment, as behind the last one of those that it replaces.
    let producers: ProducerStateTable
    /// What it replaces.
    let swap: SegmentSwap
    let droppedRecords: Int64
    /// Bytes that the disk gets back.
    let savedBytes: Int
}

/// Makes compacted segments. One for each compaction: keeps its memory.
final class SegmentCleaner {
    private let plan: CompactionPlan
    private let rewriter: BatchRewriter
    private var keys = BatchKeys()
    /// Called with the bytes of each batch read; throws to stop.
    private let pace: (Int) throws -> Void
    /// Asked for the producers behind the segment of a base offset.
    private let producers: (Offset) throws -> ProducerStateTable
    /// The transactions up to where cleaning has come.
    private var sweep: TransactionSweep
    /// Base offsets of segments in which damage turned up.
    private(set) var damaged: [Offset] = []
    /// When the first tombstone may go that cleaning has come across and kept; none that could go already.
    private(set) var nextTombstoneExpiry: Timestamp?
    /// Keys of records from here on are not in the map.
    var mapEnd = Offset.zero

    init(
        _ plan: CompactionPlan, producers: @escaping (Offset) throws -> ProducerStateTable,
        pace: @escaping (Int) throws -> Void
    ) {
        self.plan = plan
        self.producers = producers
        self.pace = pace
        sweep = TransactionSweep(plan.aborted, plan.tails, open: plan.openBefore)
        rewriter = BatchRewriter(lz4Level: plan.policy.lz4Level, zstdLevel: plan.policy.zstdLevel)
    }

    /// Notes the keys of one segment from `start` on; returns where the map was full, or the segment's end.
    ///
    /// Batches of aborted transactions are left out, and so are those that cannot be decoded: what is in them replaces nothing.
    func note(_ source: CompactionSource, from start: Offset, into map: inout KeyMap) throws -> Offset {
        var walker = walker(source)
        while true {
            let step = try walker.next()
            if case .invalid = step { damaged.append(source.baseOffset) }
            guard case .batch(let header, let bytes, _) = step else { break }
            guard header.nextOffset > start else { continue }
            if map.isFull { return header.baseOffset }
            try pace(bytes.count)
            guard !header.isControl, !sweep.isAborted(header) else { continue }
            keys.removeAll()
            do {
                try rewriter.forEachRecord(in: bytes, header) { record in
                    guard record.offset >= start, let key = record.key else { return }
                    keys.append(key, at: record.offset)
                }
            } catch is RecordBatchError {
                // Half of a batch that cannot be decoded must not count.
                continue
            }
            keys.forEach { map.note($0, at: $1) }
        }
        return source.facts.nextOffset
    }

    /// Cleans a run of segments, unless it can stay as it is or damage turns up in it.
    func clean(_ group: [CompactionSource], with map: borrowing KeyMap) throws -> Result {
        if let source = group.first(where: { damaged.contains($0.baseOffset) }) { return .damaged(source.baseOffset) }
        let start = sweep
        sweep.beginSegment()
        let open = group[group.count - 1].openBehind
        guard try group.count > 1 || changesSomething(group[0], map) else {
            sweep.endSegment(open: open)
            return .unchanged
        }
        sweep = start
        sweep.beginSegment()
        let base = group[0].baseOffset
        let fileSystem = plan.pool.fileSystem
        let path = plan.directory.appending(SegmentName.log(base) + SegmentName.cleanedSuffix)
        // Not written over: a reader may hold what an earlier attempt left.
        try fileSystem.removeIfPresent(path)
        let file = try plan.pool.withRoom { () throws(FileError) in try fileSystem.open(path, .create) }
        var output = CompactedOutput(file: file, baseOffset: base, indexInterval: plan.indexInterval)
        var dropped: Int64 = 0
        for source in group {
            var walker = walker(source)
            walk: while true {
                switch try walker.next() {
                case .end: break walk
                case .invalid:
                    sweep = start
                    return foundDamage(in: source)
                case .batch(let header, let bytes, _):
                    try pace(bytes.count)
                    let time = source.index.appendTime(of: header.baseOffset)
                    let outcome = try judge(bytes, header, map)
                    let kept: BatchHeader?
                    switch outcome {
                    case .unchanged: kept = try output.append(EncodedBatch(copying: bytes, header), time)
                    case .rewritten(let batch): kept = try output.append(batch, time)
                    case .emptied where sweep.isLast(header):
                        let rest = EncodedBatch(emptying: header, offsets: header.baseOffset..<header.nextOffset)
                        kept = try output.append(rest, time)
                    case .emptied:
                        kept = nil
                        try output.cover(header, time)
                    }
                    if !header.isControl { dropped += Int64(header.recordsCount) - Int64(kept?.recordsCount ?? 0) }
                    noteExpiry(kept)
                }
            }
            guard walker.expectedOffset == source.facts.nextOffset else {
                sweep = start
                return foundDamage(in: source)
            }
        }
        sweep.endSegment(open: open)
        // Of a transaction without a batch nobody has to know that it was aborted.
        let aborted = group.flatMap(\.index.aborted)
            .filter { isBehindDamage($0.lastOffset) || !sweep.idleMarkers.contains($0.lastOffset) }
        let (facts, index) = try output.finish(aborted)
        let producers = try producers(group[group.count - 1].baseOffset)
        try uninterrupted { () throws(FileError) in try file.flush() }
        try file.close()
        try SidecarFile(
            identity: plan.identity, baseOffset: base, directory: plan.directory, pool: plan.pool,
            suffix: SegmentName.cleanedSuffix
        ).replace(facts: facts, index: index, producers: producers)
        let before = group.reduce(0) { $0 + $1.facts.size.rawValue }
        return .cleaned(
            CompactedSegment(
                facts: facts, index: index, producers: producers,
                swap: SegmentSwap(baseOffsets: group.map(\.baseOffset)),
                droppedRecords: dropped, savedBytes: before - facts.size.rawValue))
    }

    private func noteExpiry(_ header: BatchHeader?) {
        guard let expiry = header?.tombstoneExpiry, expiry > plan.now else { return }
        nextTombstoneExpiry = min(nextTombstoneExpiry ?? expiry, expiry)
    }

    /// What became of a run.
    enum Result {
        case unchanged
        case cleaned(CompactedSegment)
        /// The segment of this base offset is damaged.
        case damaged(Offset)
    }

    private func foundDamage(in source: CompactionSource) -> Result {
        damaged.append(source.baseOffset)
        return .damaged(source.baseOffset)
    }

    private func changesSomething(_ source: CompactionSource, _ map: borrowing KeyMap) throws -> Bool {
        var walker = walker(source)
        while true {
            let step = try walker.next()
            // Looked at more closely where the segment is written anew.
            if case .invalid = step { return true }
            guard case .batch(let header, let bytes, _) = step else { return false }
            try pace(bytes.count)
            let outcome = try judge(bytes, header, map)
            // An empty batch stays where nothing before it can cover its offsets.
            if header.recordsCount == 0 { continue }
            guard case .unchanged = outcome else { return true }
            noteExpiry(header)
        }
    }

    private func judge(
        _ bytes: UnsafeRawBufferPointer, _ header: BatchHeader, _ map: borrowing KeyMap
    ) throws -> BatchRewriter.Outcome {
        sweep.pass(header)
        if header.isControl { return try judgeMarker(bytes, header) }
        if sweep.isAborted(header) { return .emptied }
        // What comes next may hold what a tombstone here deletes, or be deleted by it: the next round tells.
        if header.baseOffset >= mapEnd { return .unchanged }
        let mayForget = isExpired(header) && !isBehindDamage(header.baseOffset)
        do {
            return try rewriter.rewrite(
                bytes, header, expiry: plan.now.advanced(byMilliseconds: plan.policy.tombstoneAge)
            ) { record in
                // Without a key nothing can replace it.
                guard let key = record.key else { return .keep }
                let newest = key.withUnsafeBytes { map.newest(of: $0) }
                if let newest, newest > record.offset { return .drop }
                if record.value != nil { return .keep }
                return mayForget ? .drop : .keepTombstone
            }
        } catch is RecordBatchError {
            return .unchanged
        }
    }

    /// The mark of a transaction's end stays for as long as a batch of it is there or, on behalf of its producer, nothing else
    /// tells the epoch; and from then on for as long as a tombstone. Other control batches stay.
    private func judgeMarker(
        _ bytes: UnsafeRawBufferPointer, _ header: BatchHeader
    ) throws -> BatchRewriter.Outcome {
        guard sweep.idleMarkers.contains(header.baseOffset), !isBehindDamage(header.baseOffset), !sweep.isLast(header),
            ControlRecord(in: bytes, header) != nil
        else { return .unchanged }
        if isExpired(header) { return .emptied }
        return try rewriter.rewrite(
            bytes, header, expiry: plan.now.advanced(byMilliseconds: plan.policy.tombstoneAge)
        ) { _ in .keepTombstone }
    }

    private func isExpired(_ header: BatchHeader) -> Bool { header.tombstoneExpiry.map { $0 <= plan.now } ?? false }

    /// Whether what is damaged may hold something that belongs to what stands at `offset`.
    private func isBehindDamage(_ offset: Offset) -> Bool {
        plan.hasDamage(before: offset) || damaged.contains { $0 < offset }
    }

    private func walker(_ source: CompactionSource) -> BatchWalker {
        BatchWalker(
            source.file, to: source.facts.size, expecting: source.baseOffset, knownEpochs: source.facts.epochStarts)
    }
}

/// The keys of one batch, until it is known that all of it can be decoded.
private struct BatchKeys {
    private var bytes: [UInt8] = []
    private var places: [(end: Int, offset: Offset)] = []

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
    }

    mutating func append(_ key: RawSpan, at offset: Offset) {
        key.withUnsafeBytes { bytes.append(contentsOf: $0) }
        places.append((bytes.count, offset))
    }

    func forEach(_ body: (UnsafeRawBufferPointer, Offset) -> Void) {
        bytes.withUnsafeBytes { buffer in
            var start = 0
            for place in places {
                body(UnsafeRawBufferPointer(rebasing: buffer[start..<place.end]), place.offset)
                start = place.end
            }
        }
    }
}

/// The file that a compacted segment is written to, with the last batch still in memory: it may have to cover more.
private struct CompactedOutput {
    private let file: any File
    private let indexInterval: ByteCount
    private var facts: SegmentFacts
    private var index = SegmentIndex()
    private var pending: (batch: EncodedBatch, appendTime: Timestamp)?

    init(file: any File, baseOffset: Offset, indexInterval: ByteCount) {
        self.file = file
        self.indexInterval = indexInterval
        facts = SegmentFacts(baseOffset: baseOffset)
    }

    /// Adds a batch; returns its header.
    mutating func append(_ batch: EncodedBatch, _ appendTime: Timestamp) throws(FileError) -> BatchHeader {
        try write()
        pending = (batch, appendTime)
        return batch.header
    }

    /// Adds nothing but sees to it that the offsets of `removed` are covered: by the batch before where that is of the
    /// same incarnation, so that it stays known which one wrote what, and of no producer, whose sequence numbers go by its
    /// offsets; and else by a batch without records and without a producer.
    mutating func cover(_ removed: BatchHeader, _ appendTime: Timestamp) throws(FileError) {
        if let pending, pending.batch.header.producer.id == .none,
            pending.batch.header.leaderEpoch == removed.leaderEpoch,
            !pending.batch.header.isControl, !pending.batch.header.isTransactional,
            pending.batch.header.baseOffset.distance(to: removed.lastOffset) < Int64(Int32.max)
        {
            pending.batch.extend(through: removed.lastOffset)
            return
        }
        _ = try append(EncodedBatch(covering: removed), appendTime)
    }

    mutating func finish(_ aborted: [AbortedTransaction]) throws(FileError) -> (SegmentFacts, SegmentIndex) {
        try write()
        for transaction in aborted {
            index.note(transaction)
            facts.absorbAbortion()
        }
        return (facts, index)
    }

    private mutating func write() throws(FileError) {
        guard let (batch, appendTime) = pending else { return }
        pending = nil
        try batch.withBytes { bytes throws(FileError) in
            try file.writeFully(bytes, at: facts.size)
            index.note(bytes, batch.header, behind: facts, appendTime: appendTime, interval: indexInterval)
            facts.absorb(batch.header, hash: facts.hash(with: bytes, batch.header), appendTime: appendTime)
        }
    }
}
