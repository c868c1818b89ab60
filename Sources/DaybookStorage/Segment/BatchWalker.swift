// Walks a segment batch by batch and checks each one: bytes, checksum, place in the chain of offsets and epochs.
// Used by recovery, by verification and to rebuild an index; ordinary reads go through `ReadPlan`.

package import DaybookFiles
package import DaybookModel
package import DaybookRecords

/// A cursor over the batches of a file. Reads ahead in large strides; memory is one stride or the largest batch.
package struct BatchWalker: ~Copyable {
    /// What stands at the cursor.
    package enum Step {
        /// A valid batch; the bytes are valid until the next step.
        case batch(BatchHeader, UnsafeRawBufferPointer, at: Position)
        case invalid(InvalidBatch, at: Position)
        case end
    }

    private let file: PooledFile
    private let end: Position
    private var buffer: UnsafeMutableRawBufferPointer
    private var bufferStart: Position
    private var bufferCount = 0
    /// Where the next step looks. After `.invalid` it stays; `seek` moves it.
    package private(set) var position: Position
    package private(set) var expectedOffset: Offset
    private var epoch: LeaderEpoch
    private let knownEpochs: [EpochStart]
    private let judgesEpochs: Bool

    /// Walks from `position`, where the batch with `expectedOffset` should stand, up to `end`.
    ///
    /// `epoch` is that of the batch before. `knownEpochs` says who wrote what, where that is known; elsewhere epochs are
    /// compared with those of the neighbours, because no checksum covers them. `judgesEpochs`: whether epochs matter.
    package init(
        _ file: PooledFile, from position: Position = .zero, to end: Position, expecting expectedOffset: Offset,
        epoch: LeaderEpoch? = nil, knownEpochs: [EpochStart] = [], judgesEpochs: Bool = true
    ) {
        self.judgesEpochs = judgesEpochs
        self.file = file
        self.end = end
        self.position = position
        self.expectedOffset = expectedOffset
        // −1 is Kafka's "unknown"; nothing below it is an epoch.
        self.epoch = epoch ?? LeaderEpoch(rawValue: -1)
        self.knownEpochs = knownEpochs
        bufferStart = position
        let stride = min(1 << 20, max(4096, position.distance(to: end)))
        buffer = .allocate(byteCount: stride, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Goes on at a place where the batch with `offset` is known to stand.
    package mutating func seek(to position: Position, expecting offset: Offset) {
        self.position = position
        expectedOffset = offset
    }

    /// Checks the batch at the cursor and steps behind it.
    package mutating func next() throws(FileError) -> Step {
        guard position < end else { return .end }
        let available = position.distance(to: end)
        let head = try bytes(min(BatchHeader.size, available))
        let header: BatchHeader
        do { header = try BatchHeader(decoding: head) } catch { return .invalid(.bytes(error), at: position) }
        // The length is believed only as far as the file reaches.
        guard header.batchSize <= available else {
            return .invalid(.bytes(.truncated(needed: header.batchSize, available: available)), at: position)
        }
        let batch = try bytes(header.batchSize)
        guard batch.count == header.batchSize else {
            return .invalid(.bytes(.truncated(needed: header.batchSize, available: batch.count)), at: position)
        }
        do { try header.verifyChecksum(of: batch) } catch { return .invalid(.bytes(error), at: position) }
        if header.baseOffset != expectedOffset {
            return .invalid(.offset(expected: expectedOffset, found: header.baseOffset), at: position)
        }
        if judgesEpochs, let problem = try epochProblem(header) { return .invalid(problem, at: position) }
        defer { position = position.advanced(by: header.batchSize) }
        expectedOffset = header.nextOffset
        epoch = header.leaderEpoch
        return .batch(header, batch, at: position)
    }

    /// Epochs rise or stay. Where they seem not to, one batch carries a wrong one, and the two that follow tell which.
    private func epochProblem(_ header: BatchHeader) throws(FileError) -> InvalidBatch? {
        let found = header.leaderEpoch
        if let known = knownEpochs.epoch(of: header.baseOffset) {
            return found == known ? nil : .epoch(expected: known, found: found)
        }
        if found == epoch { return nil }
        let next = try successor(of: header, at: position)
        if found < epoch {
            // Two batches against one: the one before was wrong, and has been let through.
            if let next, next.header.leaderEpoch < epoch, next.header.leaderEpoch >= found { return nil }
            return .epochWentBack(previous: epoch, found: found)
        }
        guard let next, next.header.leaderEpoch < found, next.header.leaderEpoch >= epoch else { return nil }
        if let third = try successor(of: next.header, at: next.position), third.header.leaderEpoch >= found {
            return nil
        }
        return .epoch(expected: next.header.leaderEpoch, found: found)
    }

    /// The header that follows, when it continues the offsets.
    private func successor(
        of header: BatchHeader, at position: Position
    ) throws(FileError) -> (header: BatchHeader, position: Position)? {
        let place = position.advanced(by: header.batchSize)
        guard place.distance(to: end) >= BatchHeader.size else { return nil }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: BatchHeader.size, alignment: 16)
        defer { bytes.deallocate() }
        guard try file.read(into: bytes, at: place) == bytes.count,
            let next = try? BatchHeader(decoding: UnsafeRawBufferPointer(bytes)), next.baseOffset == header.nextOffset
        else { return nil }
        return (next, place)
    }

    /// `count` bytes at the cursor, or fewer where the file turns out to be shorter.
    private mutating func bytes(_ count: Int) throws(FileError) -> UnsafeRawBufferPointer {
        let offset = bufferStart.distance(to: position)
        if offset < 0 || offset + count > bufferCount {
            if count > buffer.count {
                buffer.deallocate()
                buffer = .allocate(byteCount: count, alignment: 16)
            }
            let wanted = min(buffer.count, position.distance(to: end))
            bufferStart = position
            bufferCount = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
            return UnsafeRawBufferPointer(rebasing: buffer[..<min(count, bufferCount)])
        }
        return UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + count])
    }
}

extension [EpochStart] {
    /// The epoch whose records include `offset`; nil before the first start. O(log starts).
    func epoch(of offset: Offset) -> LeaderEpoch? {
        let count = partitioningIndex { $0.startOffset > offset }
        return count > 0 ? self[count - 1].epoch : nil
    }
}
