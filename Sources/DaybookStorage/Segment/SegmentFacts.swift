// What is known about a run of batches from the beginning of a segment: everything a sidecar sums up except the index.
// Grows by one batch at a time, at append and at recovery alike.

package import DaybookModel
package import DaybookRecords

/// Sums over the first `size` bytes of a segment.
package struct SegmentFacts: Hashable, Sendable {
    package let baseOffset: Offset
    /// Bytes covered; a batch boundary.
    package private(set) var size: Position = .zero
    package private(set) var nextOffset: Offset
    package private(set) var recordsCount: Int64 = 0
    package private(set) var batchesCount: Int64 = 0
    /// Records of control batches, which carry no data.
    package private(set) var controlRecordsCount: Int64 = 0
    /// Transactions that a marker in here has aborted.
    package private(set) var abortedCount: Int64 = 0
    /// CRC-32C of the covered bytes.
    package private(set) var hash: UInt32 = 0
    /// Append times rise; both are `.none` while there is no batch.
    package private(set) var firstAppendTime: Timestamp = .none
    package private(set) var lastAppendTime: Timestamp = .none
    /// The first batch's base timestamp.
    package private(set) var firstTimestamp: Timestamp = .none
    /// The largest timestamp of any record.
    package private(set) var maxTimestamp: Timestamp = .none
    /// Where each epoch's first batch in this segment stands, the first batch's epoch included.
    package private(set) var epochStarts: [EpochStart] = []

    package init(baseOffset: Offset) {
        self.baseOffset = baseOffset
        self.nextOffset = baseOffset
    }

    package var isEmpty: Bool { batchesCount == 0 }
    package var lastEpoch: LeaderEpoch? { epochStarts.last?.epoch }

    /// Adds the batch that follows. `hash` is `hash(continuing:batch:header:)` of it. O(1).
    package mutating func absorb(_ header: BatchHeader, hash: UInt32, appendTime: Timestamp) {
        if isEmpty {
            firstAppendTime = appendTime
            firstTimestamp = header.baseTimestamp
            maxTimestamp = header.maxTimestamp
        }
        if lastEpoch != header.leaderEpoch {
            epochStarts.append(EpochStart(epoch: header.leaderEpoch, startOffset: header.baseOffset))
        }
        size = size.advanced(by: header.batchSize)
        nextOffset = header.nextOffset
        recordsCount += Int64(header.recordsCount)
        batchesCount += 1
        if header.isControl { controlRecordsCount += Int64(header.recordsCount) }
        self.hash = hash
        lastAppendTime = appendTime
        maxTimestamp = max(maxTimestamp, header.maxTimestamp)
    }

    /// Takes note that the batch absorbed last has aborted a transaction.
    package mutating func absorbAbortion() { abortedCount += 1 }

    /// Steps over bytes that are no batch, so that what follows can be covered: damaged bytes, kept where they are.
    ///
    /// `knownEpochs` says who wrote what, where that is known: it stays known of the offsets that are lost. Without it a batch
    /// that damage left whole but for its epoch would pass for sound the next time.
    package mutating func stepOver(
        bytes: UnsafeRawBufferPointer, to nextOffset: Offset, knownEpochs: [EpochStart] = []
    ) {
        if self.nextOffset < nextOffset, let epoch = knownEpochs.epoch(of: self.nextOffset), epoch != lastEpoch {
            epochStarts.append(EpochStart(epoch: epoch, startOffset: self.nextOffset))
        }
        for start in knownEpochs
        where start.startOffset > self.nextOffset && start.startOffset < nextOffset && start.epoch != lastEpoch {
            epochStarts.append(start)
        }
        size = size.advanced(by: bytes.count)
        hash = CRC32C.checksum(bytes, continuing: hash)
        self.nextOffset = nextOffset
    }

    /// The hash with one more batch. The batch's own checksum covers all but its first 21 bytes, so that only those
    /// are read again: O(log size) instead of O(size).
    package func hash(with batch: UnsafeRawBufferPointer, _ header: BatchHeader) -> UInt32 {
        let uncovered = UnsafeRawBufferPointer(rebasing: batch[..<BatchLayout.attributes])
        return CRC32C.combined(
            CRC32C.checksum(uncovered, continuing: hash), header.crc, lengthOfB: batch.count - BatchLayout.attributes)
    }

    /// For the sidecar's decoder, which has the sums already.
    package init(
        baseOffset: Offset, size: Position, nextOffset: Offset, recordsCount: Int64, batchesCount: Int64,
        controlRecordsCount: Int64, abortedCount: Int64, hash: UInt32, appendTimes: (first: Timestamp, last: Timestamp),
        timestamps: (first: Timestamp, max: Timestamp),
        epochStarts: [EpochStart]
    ) {
        self.baseOffset = baseOffset
        self.size = size
        self.nextOffset = nextOffset
        self.recordsCount = recordsCount
        self.batchesCount = batchesCount
        self.controlRecordsCount = controlRecordsCount
        self.abortedCount = abortedCount
        self.hash = hash
        (firstAppendTime, lastAppendTime) = appendTimes
        (firstTimestamp, maxTimestamp) = timestamps
        self.epochStarts = epochStarts
    }
}
