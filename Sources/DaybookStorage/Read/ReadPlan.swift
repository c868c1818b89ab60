// One read from one segment, in two halves: where to look is decided under the log's lock, the file is read and
// checked without it.

package import DaybookFiles
package import DaybookModel
package import DaybookRecords

/// Bytes to read from one segment. Can be run on any thread, several at once.
package struct ReadPlan: Sendable {
    let file: PooledFile
    let positions: Range<Position>
    /// The offset of the batch at the beginning of `positions`.
    let expectedOffset: Offset
    /// What the index says of that batch's header; nil when the place was not taken from the index.
    let headerChecksum: UInt32?
    /// Who wrote what in this segment: no checksum of Kafka's covers a batch's epoch.
    let epochs: [EpochStart]
    /// Batches that end at or before this are of no interest.
    let wanted: Offset
    /// Batches at or behind this may not be read.
    let limit: Offset

    /// Why the bytes read were not what they should be: the log has to look closer.
    package enum Problem: Sendable {
        case invalid(InvalidBatch, at: Position)
        case indexMismatch
    }

    /// What one read brought: whole, checked batches, or the reason why there are none.
    package struct Outcome: Sendable {
        package let buffer: FetchBuffer
        package var batches: [(start: Int, header: BatchHeader)] = []
        package var problem: Problem?
        /// Where the next read should begin.
        package var nextOffset: Offset
        /// The file that was read.
        let file: PooledFile
        /// What the plan wanted.
        let wanted: Offset
        let limit: Offset
    }

    /// Reads, and checks every batch it returns: header, checksum, place in the chain. O(bytes).
    package func run() throws(FileError) -> Outcome {
        let buffer = FetchBuffer(capacity: positions.lowerBound.distance(to: positions.upperBound))
        let count = try file.read(into: buffer.bytes, at: positions.lowerBound)
        var outcome = Outcome(buffer: buffer, nextOffset: wanted, file: file, wanted: wanted, limit: limit)
        var start = 0
        var expected = expectedOffset
        while start < count && expected < limit {
            let rest = UnsafeRawBufferPointer(rebasing: buffer.bytes[start..<count])
            do throws(RecordBatchError) {
                let header = try BatchHeader(decoding: rest)
                guard header.batchSize <= rest.count else {
                    throw .truncated(needed: header.batchSize, available: rest.count)
                }
                guard header.baseOffset == expected else {
                    outcome.fail(.invalid(.offset(expected: expected, found: header.baseOffset), at: place(start)))
                    return outcome
                }
                let bytes = UnsafeRawBufferPointer(rebasing: rest[..<header.batchSize])
                try header.verifyChecksum(of: bytes)
                // Before the first known start only damage stands, which may look whole but for its epoch.
                if let epoch = epochs.epoch(of: expected) ?? epochs.first?.epoch, epoch != header.leaderEpoch {
                    outcome.fail(.invalid(.epoch(expected: epoch, found: header.leaderEpoch), at: place(start)))
                    return outcome
                }
                if start == 0, let headerChecksum, headerChecksum != IndexEntry.headerChecksum(of: bytes) {
                    outcome.fail(.indexMismatch)
                    return outcome
                }
                if header.nextOffset > wanted {
                    outcome.batches.append((start, header))
                    outcome.nextOffset = header.nextOffset
                }
                expected = header.nextOffset
                start += header.batchSize
            } catch {
                outcome.fail(.invalid(.bytes(error), at: place(start)))
                return outcome
            }
        }
        // A plan always covers the batch that is wanted: the file is shorter than it was, or the index is wrong.
        if expected <= wanted { outcome.fail(.invalid(.endsEarly, at: place(start))) }
        return outcome
    }

    private func place(_ start: Int) -> Position { positions.lowerBound.advanced(by: start) }
}

extension ReadPlan.Outcome {
    /// A problem matters only when nothing was found before it; otherwise the next read meets it first.
    fileprivate mutating func fail(_ problem: ReadPlan.Problem) {
        if batches.isEmpty { self.problem = problem }
    }
}
