// Finds where valid batches begin again behind damaged bytes.
// Used by `SegmentScan`; ordinary reads know where damage ends.

package import DaybookFiles
package import DaybookModel
package import DaybookRecords

/// The search for the next valid batch.
package struct Resynchronisation {
    let file: PooledFile
    /// Valid batches end here at the latest.
    let end: Position
    /// A batch found must begin in this range, its end included: not behind us, and not in another segment.
    let offsets: Range<Offset>
    let index: SegmentIndex

    package init(file: PooledFile, end: Position, offsets: Range<Offset>, index: SegmentIndex) {
        self.file = file
        self.end = end
        self.offsets = offsets
        self.index = index
    }

    /// The first valid batch behind `damaged`, or nil when there is none up to `end`.
    ///
    /// Trusts the damaged batch's own length first, because most damage hits records and not headers; then the index;
    /// and looks byte by byte only between the two, so that a batch stored as some record's value is rarely mistaken
    /// for one of the log. O(bytes skipped).
    package func next(behind damaged: Position) throws(FileError) -> (header: BatchHeader, position: Position)? {
        if let header = try self.header(at: damaged) {
            let successor = damaged.advanced(by: header.batchSize)
            if let found = try validBatch(at: successor) { return (found, successor) }
        }
        var indexed: (header: BatchHeader, position: Position)?
        var candidate = index.boundary(after: damaged)
        while let position = candidate, indexed == nil {
            if let header = try validBatch(at: position) { indexed = (header, position) }
            candidate = index.boundary(after: position)
        }
        if let found = try scan(from: damaged.advanced(by: 1), to: indexed?.position ?? end) { return found }
        return indexed
    }

    private func scan(from start: Position, to limit: Position) throws(FileError) -> (BatchHeader, Position)? {
        let window = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { window.deallocate() }
        var windowStart = start
        while windowStart < limit {
            let count = try file.read(into: window, at: windowStart)
            guard count >= BatchHeader.size else { return nil }
            for offset in 0...(count - BatchHeader.size)
            where window[offset + BatchLayout.magic] == BatchLayout.currentMagic {
                let position = windowStart.advanced(by: offset)
                guard position < limit else { return nil }
                let bytes = UnsafeRawBufferPointer(rebasing: window[offset..<offset + BatchHeader.size])
                guard let header = try? BatchHeader(decoding: bytes), isPlausible(header, at: position) else {
                    continue
                }
                if let found = try validBatch(at: position) { return (found, position) }
            }
            // Windows overlap by a header, so that none is missed at a seam.
            windowStart = windowStart.advanced(by: count - BatchHeader.size + 1)
        }
        return nil
    }

    private func header(at position: Position) throws(FileError) -> BatchHeader? {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: BatchHeader.size, alignment: 16)
        defer { bytes.deallocate() }
        guard try file.read(into: bytes, at: position) == bytes.count else { return nil }
        return try? BatchHeader(decoding: UnsafeRawBufferPointer(bytes))
    }

    private func isPlausible(_ header: BatchHeader, at position: Position) -> Bool {
        header.baseOffset >= offsets.lowerBound && header.baseOffset <= offsets.upperBound
            && header.batchSize <= position.distance(to: end)
    }

    private func validBatch(at position: Position) throws(FileError) -> BatchHeader? {
        guard let header = try header(at: position), isPlausible(header, at: position) else { return nil }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: header.batchSize, alignment: 16)
        defer { bytes.deallocate() }
        guard try file.read(into: bytes, at: position) == bytes.count,
            (try? header.verifyChecksum(of: UnsafeRawBufferPointer(bytes))) != nil
        else { return nil }
        return header
    }
}
