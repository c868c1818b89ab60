// The one way into a log: a batch gets its offsets and is written with one call.
// What has been appended is in the page cache; making it durable is `PartitionLog+Flush`.

package import DaybookModel
package import DaybookRecords
internal import DaybookFiles

/// What an append made of a batch. Says nothing about durability: that takes a flush.
package struct AppendResult: Sendable, Hashable {
    package let baseOffset: Offset
    /// One past the last offset.
    package let nextOffset: Offset
    /// When the log appended it; never before the append time of an earlier batch.
    package let appendTime: Timestamp
    /// The batch was in the log already: nothing has been appended, and the offsets and the time are the original's.
    package var isDuplicate = false
}

extension AppendResult {
    /// Of batches that were appended one behind the other, as one.
    package init(from first: AppendResult, through last: AppendResult) {
        baseOffset = first.baseOffset
        nextOffset = last.nextOffset
        appendTime = first.appendTime
        isDuplicate = first.isDuplicate
    }

    fileprivate init(repeating original: ProducedBatch) {
        baseOffset = original.baseOffset
        nextOffset = original.nextOffset
        appendTime = original.appendTime
        isDuplicate = true
    }
}

extension PartitionLog {
    /// Appends a whole batch, which the log stamps with its offsets and epoch. One write call; O(size of the batch).
    ///
    /// The bytes are in the page cache when it returns. `now` is the append time, unless the clock has gone back: then
    /// the last append time is used again. A batch of an identified producer is taken once: a repetition of one of its last
    /// five is answered with the original's place. With `expecting` the batch is appended at exactly that offset or not at
    /// all.
    ///
    /// Throws `.poisoned`, `.invalidBatch` when the batch is larger than allowed, what `ProducerStateTable.check` throws,
    /// `.offsetConflict`, or `.file` when the system refused: the log is then as before. If not even that can be restored
    /// it is poisoned.
    package func append(
        _ batch: EncodedBatch, now: Timestamp, expecting: Offset? = nil
    ) throws(StorageError) -> AppendResult {
        if let poison { throw .poisoned(cause: poison) }
        precondition(access != .read, "a log opened for reading takes no appends")
        guard batch.count <= configuration.maximumBatchBytes.rawValue else {
            throw .invalidBatch(.tooLarge(size: batch.count, maximum: configuration.maximumBatchBytes.rawValue))
        }
        let isIdentified = batch.header.producer.id.rawValue >= 0
        if isIdentified {
            guard !batch.header.isControl else { throw .invalidBatch(.controlNotAllowed) }
            if let original = try producers.check(batch.header) { return AppendResult(repeating: original) }
        }
        if let expecting, expecting != logEndOffset {
            throw .offsetConflict(expected: expecting, actual: logEndOffset)
        }
        let result = try write(batch, now: now)
        if isIdentified {
            producers.note(batch.header, appendTime: result.appendTime, configuration.producers)
            checkInvariant()
        }
        return result
    }

    /// Writes a batch at the end of the log; as `append`, without a look at who sent it.
    func write(_ batch: EncodedBatch, now: Timestamp) throws(StorageError) -> AppendResult {
        latestTime = max(now, latestTime)
        let appendTime = max(now, lastAppendTime)
        if shouldRoll(for: batch.count, at: appendTime) { roll() }
        if configuration.timestampType == .append { batch.stamp(appendTime: appendTime) }
        let segment = activeSegment
        batch.stamp(baseOffset: segment.nextOffset, leaderEpoch: leaderEpoch)
        if segment.facts.isEmpty { hasUnflushedNames = true }
        let header = batch.header
        do throws(FileError) {
            try batch.withBytes { bytes throws(FileError) in
                try segment.file.write(bytes, at: segment.size)
                segment.index?.note(
                    bytes, header, behind: segment.facts, appendTime: appendTime,
                    interval: configuration.indexIntervalBytes)
                segment.facts.absorb(header, hash: segment.facts.hash(with: bytes, header), appendTime: appendTime)
            }
        } catch {
            throw undo(segment, after: error)
        }
        checkInvariant()
        return AppendResult(baseOffset: header.baseOffset, nextOffset: header.nextOffset, appendTime: appendTime)
    }

    /// Takes a half-written batch off the file again, so that memory and disk agree.
    private func undo(_ segment: Segment, after cause: FileError) -> StorageError {
        // A file that could not be opened has not been written to.
        if cause.operation == .open { return .file(cause) }
        do throws(FileError) {
            try segment.file.truncate(to: segment.size.rawValue)
            return .file(cause)
        } catch {
            poison = error
            return .poisoned(cause: error)
        }
    }

    private func shouldRoll(for count: Int, at appendTime: Timestamp) -> Bool {
        let segment = activeSegment
        guard !segment.facts.isEmpty else { return false }
        return segment.size.rawValue + count > configuration.segmentBytes.rawValue
            || segment.facts.firstAppendTime.milliseconds(until: appendTime) >= configuration.segmentMilliseconds
    }

    /// Closes the active segment and begins a new one. Its file comes into being with the first append.
    ///
    /// The sidecar is written at once, as "not flushed": after the process is killed it saves a scan, and after a
    /// power cut nobody believes it.
    func roll() {
        let closed = activeSegment
        closed.isSealed = true
        closed.producers = producers
        closed.firstOpenOffset = producers.firstOpenOffset
        writeSidecar(of: closed, facts: closed.facts, producers, isFlushed: !closed.hasUnflushedBytes)
        // The index is read again from the sidecar by whoever needs it.
        if closed.sidecar.coveredSize == closed.size { closed.index = nil }
        let segment = makeSegment(baseOffset: closed.nextOffset)
        segment.index = SegmentIndex()
        segment.isScanned = true
        segments.append(segment)
    }
}
