// Out of the log: where to look is decided under the lock, the file is read without it.
// Used by `Daybook.read` on the I/O threads and by `PartitionReader` on a thread of the caller's.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

extension Partition {
    /// Reads from `offset` on: batches and gaps until about `maximumBytes` have come together or the limit is reached.
    /// Blocks. The position of a segment's end costs a second, short read.
    func readBlocking(
        from offset: Offset, maximumBytes: Int, isolation: Isolation
    ) throws(DaybookError) -> ReadResult {
        var result = ReadResult(nextOffset: offset)
        var bytesLeft = maximumBytes
        while bytesLeft > 0 {
            switch try readStep(from: result.nextOffset, maximumBytes: bytesLeft, isolation) {
            case .end:
                return result
            case .gap(let gap):
                result.elements.append(.gap(gap))
                result.nextOffset = gap.nextOffset
            case .batches(let batches, let next):
                for batch in batches {
                    result.elements.append(.batch(batch))
                    bytesLeft -= batch.size
                }
                result.nextOffset = next
                // One file read is enough, unless it ended at a segment's end almost at once.
                if bytesLeft < maximumBytes / 2 { return result }
            }
        }
        return result
    }

    private func readStep(
        from offset: Offset, maximumBytes: Int, _ isolation: Isolation
    ) throws(DaybookError) -> ReadStep {
        do throws(StorageError) {
            while true {
                switch try locked({ log throws(StorageError) in
                    try log.planRead(from: offset, limit: log.limit(isolation), maximumBytes: maximumBytes)
                }) {
                case .end: return .end
                case .gap(let gap): return .gap(gap)
                case .read(let plan):
                    let outcome: ReadPlan.Outcome
                    do throws(FileError) { outcome = try plan.run() } catch { throw .file(error) }
                    let step = try locked { log throws(StorageError) in try log.finishRead(outcome) }
                    if let step { return step }
                }
            }
        } catch {
            throw DaybookError(error, topicPartition)
        }
    }

    /// The first record with a timestamp of at least `timestamp`. Blocks; holds the lock for one index interval's read.
    func offsetBlocking(forTimestamp timestamp: Timestamp, isolation: Isolation) throws(DaybookError) -> Offset? {
        do throws(StorageError) {
            return try locked { log throws(StorageError) in
                try log.offset(forTimestamp: timestamp, limit: log.limit(isolation))
            }
        } catch {
            throw DaybookError(error, topicPartition)
        }
    }

    /// The first offset appended at or after `time`. Blocks.
    func offsetBlocking(appendedAtOrAfter time: Timestamp, isolation: Isolation) throws(DaybookError) -> Offset? {
        do throws(StorageError) {
            return try locked { log throws(StorageError) in
                try log.offset(appendedAtOrAfter: time, limit: log.limit(isolation))
            }
        } catch {
            throw DaybookError(error, topicPartition)
        }
    }

    private func locked<R: Sendable>(
        _ body: (PartitionLog) throws(StorageError) -> R
    ) throws(StorageError) -> R {
        try state.withLock { state -> Result<R, StorageError> in
            Result { () throws(StorageError) in try body(state.log) }
        }.get()
    }
}

extension PartitionLog {
    fileprivate func limit(_ isolation: Isolation) -> Offset {
        switch isolation {
        case .durable: recoveryPoint
        case .pageCache: logEndOffset
        }
    }
}
