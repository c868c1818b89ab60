// The sparse offset and time index of a segment. Derivable from the segment and never authoritative: an entry is used
// only after the batch it names has shown the same header.

package import DaybookModel
package import DaybookRecords

/// One indexed batch.
package struct IndexEntry: Hashable, Sendable {
    /// The batch's base offset.
    package let offset: Offset
    /// Where the batch begins.
    package let position: Position
    /// CRC-32C of the batch's 61 header bytes, which include the checksum over its records.
    package let headerChecksum: UInt32
    /// The largest timestamp of any record before this batch, in the same segment. Never falls from entry to entry.
    package let maxTimestampBefore: Timestamp

    package init(offset: Offset, position: Position, headerChecksum: UInt32, maxTimestampBefore: Timestamp) {
        self.offset = offset
        self.position = position
        self.headerChecksum = headerChecksum
        self.maxTimestampBefore = maxTimestampBefore
    }

    /// The checksum that an entry of this batch carries.
    package static func headerChecksum(of batch: UnsafeRawBufferPointer) -> UInt32 {
        CRC32C.checksum(UnsafeRawBufferPointer(rebasing: batch[..<BatchHeader.size]))
    }
}

/// When the log appended what: the offsets at which the append time, in milliseconds, changed.
package struct AppendTimeChange: Hashable, Sendable {
    package let offset: Offset
    package let time: Timestamp

    package init(offset: Offset, time: Timestamp) {
        self.offset = offset
        self.time = time
    }
}

/// Entries in the order of the segment.
package struct SegmentIndex: Hashable, Sendable {
    package private(set) var entries: [IndexEntry] = []
    package private(set) var appendTimes: [AppendTimeChange] = []
    /// Transactions that a marker in this segment has aborted, in the order of the markers. They may have begun in an
    /// earlier segment.
    package private(set) var aborted: [AbortedTransaction] = []

    package init() {}

    /// For the sidecar's decoder: adds what one block holds.
    package mutating func append(
        entries: [IndexEntry], appendTimes: [AppendTimeChange], aborted: [AbortedTransaction] = []
    ) {
        self.entries += entries
        self.appendTimes += appendTimes
        self.aborted += aborted
    }

    /// Takes note of a transaction that the batch added last has aborted.
    package mutating func note(_ transaction: AbortedTransaction) { aborted.append(transaction) }

    /// What it says of offsets below `end`, but for transactions: of these a segment is told as a whole. O(changes).
    package func before(_ end: Offset) -> SegmentIndex {
        var index = self
        index.entries.removeLast(entries.count - entries.partitioningIndex { $0.offset >= end })
        index.appendTimes.removeLast(appendTimes.count - appendTimes.partitioningIndex { $0.offset >= end })
        return index
    }

    /// Takes note of a batch that is being added behind `facts`. Amortised O(1).
    package mutating func note(
        _ batch: UnsafeRawBufferPointer, _ header: BatchHeader, behind facts: SegmentFacts, appendTime: Timestamp,
        interval: ByteCount
    ) {
        if entries.isEmpty || entries[entries.count - 1].position.distance(to: facts.size) >= interval.rawValue {
            entries.append(
                IndexEntry(
                    offset: header.baseOffset, position: facts.size,
                    headerChecksum: IndexEntry.headerChecksum(of: batch),
                    maxTimestampBefore: facts.isEmpty ? Timestamp(milliseconds: .min) : facts.maxTimestamp))
        }
        if appendTimes.isEmpty || appendTimes[appendTimes.count - 1].time != appendTime {
            appendTimes.append(AppendTimeChange(offset: header.baseOffset, time: appendTime))
        }
    }

    /// The last entry at or before `offset`: reading from there finds it. O(log entries).
    package func entry(atOrBefore offset: Offset) -> IndexEntry? {
        let count = entries.partitioningIndex { $0.offset > offset }
        return count > 0 ? entries[count - 1] : nil
    }

    /// The last entry whose position is at most `position` and behind `start`; a place where a batch surely ends.
    package func boundary(after start: Position, upTo position: Position) -> Position? {
        let count = entries.partitioningIndex { $0.position > position }
        guard count > 0, entries[count - 1].position > start else { return nil }
        return entries[count - 1].position
    }

    /// The first entry behind `position`.
    package func boundary(after position: Position) -> Position? {
        let index = entries.partitioningIndex { $0.position > position }
        return index < entries.count ? entries[index].position : nil
    }

    /// The place from which a scan finds the first record with a timestamp of at least `timestamp`. O(log entries).
    package func start(forTimestamp timestamp: Timestamp) -> IndexEntry? {
        let count = entries.partitioningIndex { $0.maxTimestampBefore >= timestamp }
        return count > 0 ? entries[count - 1] : nil
    }

    /// When the batch with `offset` was appended. O(log changes).
    package func appendTime(of offset: Offset) -> Timestamp {
        let count = appendTimes.partitioningIndex { $0.offset > offset }
        return count > 0 ? appendTimes[count - 1].time : .none
    }

    /// The first offset appended at or after `time`; nil when all are older. O(log changes).
    package func offset(appendedAtOrAfter time: Timestamp) -> Offset? {
        let index = appendTimes.partitioningIndex { $0.time >= time }
        return index < appendTimes.count ? appendTimes[index].offset : nil
    }
}

extension Array {
    /// The first index whose element satisfies `predicate`, in an array where all that do stand behind all that do not.
    func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
