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
        let began = services.observer.map { _ in services.clock.elapsed() }
        let result = try readSteps(from: offset, maximumBytes: maximumBytes, isolation)
        observeRead(result, since: began)
        return result
    }

    private func readSteps(
        from offset: Offset, maximumBytes: Int, _ isolation: Isolation
    ) throws(DaybookError) -> ReadResult {
        var result = ReadResult(nextOffset: offset)
        var bytesLeft = maximumBytes
        while bytesLeft > 0 {
            let (step, aborted) = try readStep(from: result.nextOffset, maximumBytes: bytesLeft, isolation)
            switch step {
            case .end:
                return result
            case .gap(let gap):
                result.elements.append(.gap(gap))
                result.nextOffset = gap.nextOffset
            case .batches(let batches, let next):
                let filter = aborted.map { CommittedFilter($0) }
                for batch in batches {
                    if let cause = filter?.cause(of: batch) {
                        result.append(batch, as: cause)
                    } else {
                        result.elements.append(.batch(batch))
                    }
                    result.nextOffset = batch.nextOffset
                    bytesLeft -= batch.size
                }
                result.nextOffset = next
                // One file read is enough, unless it ended at a segment's end almost at once.
                if bytesLeft < maximumBytes / 2 { return result }
            }
        }
        return result
    }

    /// What stands at an offset; and, where something in it may be kept from the reader, the transactions that were aborted
    /// there.
    private typealias Step = (step: ReadStep, aborted: [AbortedTransaction]?)

    private func readStep(
        from offset: Offset, maximumBytes: Int, _ isolation: Isolation
    ) throws(DaybookError) -> Step {
        while true {
            let decision = try onLog { log throws(StorageError) in
                try log.planRead(from: offset, limit: log.limit(isolation), maximumBytes: maximumBytes)
            }
            switch decision {
            case .end: return (.end, nil)
            case .gap(let gap): return (.gap(gap), nil)
            case .read(let plan): if let step = try run(plan, isolation) { return step }
            }
        }
    }

    /// Reads what a plan says; nil when there is another place to look by now.
    private func run(_ plan: ReadPlan, _ isolation: Isolation) throws(DaybookError) -> Step? {
        let outcome: ReadPlan.Outcome
        do throws(FileError) {
            outcome = try plan.run()
        } catch {
            // Deletion or compaction was quicker, here or in the process that writes.
            if withLog({ $0.isOutdated(plan) }) { return nil }
            if try reopenIfChanged() { return nil }
            throw DaybookError(error, topicPartition)
        }
        if outcome.batches.isEmpty, try reopenIfChanged() { return nil }
        return try onLog { log throws(StorageError) in
            guard let step = try log.finishRead(outcome) else { return nil }
            guard isolation == .committed, case .batches(let batches, let next) = step,
                CommittedFilter.isNeeded(for: batches)
            else { return (step, nil) }
            return (step, try log.abortedTransactions(in: batches[0].baseOffset..<next))
        }
    }

    /// The first record with a timestamp of at least `timestamp`. Blocks; holds the lock for one index interval's read.
    func offsetBlocking(forTimestamp timestamp: Timestamp, isolation: Isolation) throws(DaybookError) -> Offset? {
        try onLog { log throws(StorageError) in
            try log.offset(forTimestamp: timestamp, limit: log.limit(isolation))
        }
    }

    /// The first offset appended at or after `time`. Blocks.
    func offsetBlocking(appendedAtOrAfter time: Timestamp, isolation: Isolation) throws(DaybookError) -> Offset? {
        try onLog { log throws(StorageError) in
            try log.offset(appendedAtOrAfter: time, limit: log.limit(isolation))
        }
    }

    /// Asks the log, and has damage that it met on the way remembered.
    func onLog<R: Sendable>(_ body: (PartitionLog) throws(StorageError) -> R) throws(DaybookError) -> R {
        do throws(StorageError) {
            let (result, mustRemember) = try withLog { log throws(StorageError) in
                (try body(log), log.isDamageUnsaved)
            }
            if mustRemember { rememberDamage() }
            return result
        } catch {
            throw DaybookError(error, topicPartition)
        }
    }
}

extension PartitionLog {
    /// Where readers stop, exclusive.
    func limit(_ isolation: Isolation) -> Offset {
        switch isolation {
        case .committed: lastStableOffset
        case .durable: recoveryPoint
        case .pageCache: logEndOffset
        }
    }
}
