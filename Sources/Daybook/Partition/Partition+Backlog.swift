// How much lies between a reader's position and what it may read: records, counted, and since when the first of them waits.
// Offsets that hold nothing for readers count nothing, whatever has become of their records.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage

/// What a reader of committed records has before it.
struct Backlog: Hashable, Sendable {
    var recordsCount: Int64 = 0
    /// When the first of the records was appended; nil when there is none.
    var oldest: Timestamp?
    /// How far such a reader can go, exclusive.
    var limit: Offset
}

extension Partition {
    /// What a reader of committed records gets from `offset` on. Blocks. Reads the first batch of it, and otherwise only
    /// what the sums of segments do not tell: those at either end in which compaction, transactions or damage have left gaps.
    func backlogBlocking(from offset: Offset) throws(DaybookError) -> Backlog {
        var backlog = Backlog(limit: withLog { $0.limit(.committed) })
        var next = max(offset, withLog { $0.logStartOffset })
        while next < backlog.limit {
            if backlog.oldest != nil, let counted = try countCommitted(from: next, to: backlog.limit) {
                backlog.recordsCount += counted.count
                next = counted.nextOffset
                continue
            }
            let maximumBytes = backlog.oldest == nil ? 1 : 1 << 20
            let result = try readBlocking(from: next, maximumBytes: maximumBytes, isolation: .committed)
            if result.isEmpty { break }
            for batch in result.batches where batch.baseOffset < backlog.limit {
                let count = batch.baseOffset >= next ? batch.recordsCount : count(in: batch, from: next)
                if count > 0, backlog.oldest == nil { backlog.oldest = batch.appendTime }
                backlog.recordsCount += Int64(count)
            }
            next = result.nextOffset
        }
        return backlog
    }

    private func countCommitted(
        from offset: Offset, to limit: Offset
    ) throws(DaybookError) -> (count: Int64, nextOffset: Offset)? {
        try onLog { log throws(StorageError) in try log.countCommitted(from: offset, to: limit) }
    }

    private func count(in batch: RecordBatch, from offset: Offset) -> Int {
        var count = 0
        do {
            try batch.forEach { if $0.offset >= offset { count += 1 } }
        } catch {
            // A reader stumbles there as well, so the batch counts as a whole.
            return batch.recordsCount
        }
        return count
    }
}
