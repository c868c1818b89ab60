// From the log to the table: everything at the first use, and afterwards, where another process writes, what has come since.
// All of it blocks, and runs on threads of the engine.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

extension OffsetShard {
    /// A reader that has not looked for so long begins anew, in milliseconds: tombstones are compacted away after a day, and
    /// one that was missed would leave a commit standing that has been deleted. See `delete.retention.ms`.
    private static var longestPause: Int64 { 3_600_000 }

    /// Reads the log into the table, unless that has been done; in a directory that another process writes to, reads what has
    /// come since. Blocks. O(bytes of the internal topic's partition) the first time.
    ///
    /// What was read before an error stays read; the next call goes on behind it.
    func loadBlocking() throws(DaybookError) {
        let isReader = partition.reopening != nil
        if !isReader, state.withLock({ $0.loadedTo != nil }) { return }
        // One thread reads, the others wait for it: it waits for nobody.
        try loading.withLock { _ throws(DaybookError) in
            if isReader {
                try partition.refreshIfReadOnly(upTo: .max)
                beginAnewAfterPause()
            } else if state.withLock({ $0.loadedTo != nil }) {
                return
            }
            var next = state.withLock { $0.loadedTo } ?? .zero
            next = max(next, partition.offsets.logStartOffset)
            while true {
                let result = try partition.readBlocking(from: next, maximumBytes: 1 << 20, isolation: .durable)
                if result.isEmpty { break }
                state.withLock { state in
                    for batch in result.batches { state.absorb(batch) }
                }
                next = result.nextOffset
            }
            state.withLock { $0.loadedTo = next }
        }
    }

    private func beginAnewAfterPause() {
        let now = partition.services.clock.now()
        state.withLock { state in
            let pause = state.lookedAt.milliseconds(until: now)
            if state.loadedTo != nil, pause > Self.longestPause || pause < 0 {
                (state.table, state.loadedTo) = (OffsetTable(), nil)
            }
            state.lookedAt = now
        }
    }
}

extension OffsetShard.State {
    /// Takes in a batch that was read from the internal topic.
    mutating func absorb(_ batch: RecordBatch) {
        if batch.isControl {
            if let marker = OffsetRecords.marker(batch) { table.end(marker, of: batch.producer.id) }
            return
        }
        let holder = batch.isTransactional ? batch.producer.id : nil
        unreadableCount += OffsetRecords.read(batch, into: &table, holder: holder)
    }
}
