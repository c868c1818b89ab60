// From moments to offsets: by the timestamps that producers gave, and by the time at which the log appended.
// The index narrows the search; the records decide.

package import DaybookModel
internal import DaybookFiles
internal import DaybookRecords

extension PartitionLog {
    /// The first record, below `limit`, whose timestamp is at least `timestamp`; nil when there is none.
    ///
    /// Timestamps need not rise with offsets: earlier records may be younger, later ones older. As Kafka's
    /// `offsetsForTimes`. O(segments + one index interval).
    package func offset(forTimestamp timestamp: Timestamp, limit: Offset) throws(StorageError) -> Offset? {
        for segment in segments where segment.nextOffset > logStartOffset && segment.baseOffset < limit {
            guard !segment.facts.isEmpty, segment.facts.maxTimestamp >= timestamp else { continue }
            let index = try loadIndex(of: segment)
            let start = index.start(forTimestamp: timestamp)?.offset ?? segment.baseOffset
            var next = max(start, logStartOffset)
            while next < min(limit, segment.nextOffset) {
                switch try read(from: next, limit: min(limit, segment.nextOffset)) {
                case .end: next = limit
                case .gap(let gap): next = gap.nextOffset
                case .batches(let batches, let following):
                    for batch in batches where batch.maxTimestamp >= timestamp && !batch.isControl {
                        let found = try firstRecord(of: batch, from: next, atOrAfter: timestamp)
                        if let found { return found < limit ? found : nil }
                    }
                    next = following
                }
            }
        }
        return nil
    }

    private func firstRecord(
        of batch: RecordBatch, from offset: Offset, atOrAfter timestamp: Timestamp
    ) throws(StorageError) -> Offset? {
        var found: Offset?
        do {
            try batch.forEach {
                if found == nil, $0.offset >= offset, $0.timestamp >= timestamp { found = $0.offset }
            }
        } catch let error as RecordBatchError {
            throw .invalidBatch(error)
        } catch {
            preconditionFailure("decoding throws RecordBatchError only")
        }
        return found
    }

    /// The first offset, below `limit`, that was appended at or after `time`; nil when all are older.
    /// Append times never fall, so this finds a place in the stream of arrivals. O(segments).
    package func offset(appendedAtOrAfter time: Timestamp, limit: Offset) throws(StorageError) -> Offset? {
        for segment in segments where !segment.facts.isEmpty && segment.facts.lastAppendTime >= time {
            let found = try loadIndex(of: segment).offset(appendedAtOrAfter: time) ?? segment.baseOffset
            return found < limit ? max(found, logStartOffset) : nil
        }
        return nil
    }
}
