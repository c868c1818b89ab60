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
    /// What a reader of committed records gets from `offset` on. Blocks.
    func backlogBlocking(from offset: Offset) throws(DaybookError) -> Backlog {
        var backlog = Backlog(limit: withLog { $0.limit(.durable) })
        var next = max(offset, withLog { $0.logStartOffset })
        while next < backlog.limit {
            let result = try readBlocking(from: next, maximumBytes: 1 << 20, isolation: .durable)
            if result.isEmpty { break }
            for batch in result.batches where !batch.isControl {
                let count = batch.baseOffset >= next ? batch.recordsCount : count(in: batch, from: next)
                if count > 0, backlog.oldest == nil { backlog.oldest = batch.appendTime }
                backlog.recordsCount += Int64(count)
            }
            next = result.nextOffset
        }
        return backlog
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
