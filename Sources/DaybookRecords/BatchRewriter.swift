// Makes a batch anew with some of its records, for compaction. Offsets stay, and so does the batch's place in the chain:
// what a batch loses it still covers, so that the next one follows on it as before.

package import DaybookCompression
package import DaybookModel

/// Rewrites batches. Keeps its memory between batches; not thread-safe.
package final class BatchRewriter {
    private let decoder: RecordDecoder
    private let compressor = Compressor()
    private let limits: DecompressionLimits
    private let lz4Level: Int32
    private let zstdLevel: Int32

    /// Batches keep their codec; the levels are those to compress with anew.
    package init(lz4Level: Int32 = 0, zstdLevel: Int32 = 1, limits: DecompressionLimits = .standard) {
        decoder = RecordDecoder(limits: limits)
        self.limits = limits
        self.lz4Level = lz4Level
        self.zstdLevel = zstdLevel
    }

    private func compression(_ codec: CompressionCodec) -> Compression {
        switch codec {
        case .lz4: .lz4(level: lz4Level)
        case .zstd: .zstd(level: zstdLevel)
        case .none, .gzip, .snappy: .none
        }
    }

    /// What has become of a batch.
    package enum Outcome {
        /// It stays as it is, byte for byte.
        case unchanged
        case rewritten(EncodedBatch)
        /// No record is left.
        case emptied
    }

    /// What is to be done with one record.
    package enum Verdict {
        case keep
        /// Keep, and see to it that the batch says from when on it may go.
        case keepTombstone
        case drop
    }

    /// Calls `body` with each record. Throws `RecordBatchError`.
    package func forEachRecord(
        in batch: UnsafeRawBufferPointer, _ header: BatchHeader, _ body: (borrowing RecordView) throws -> Void
    ) throws {
        try decoder.forEachRecord(in: batch, header, body)
    }

    /// The batch with the records that `judge` keeps; `judge` may be asked twice about each.
    ///
    /// Where it keeps a tombstone and the batch does not say yet when its tombstones may go, `expiry` is written into it:
    /// Kafka's delete horizon. What is dropped is dropped
    /// even where the rest, compressed anew, takes more room than all of it did: otherwise a value could come back when
    /// its tombstone goes. Throws `RecordBatchError` where the batch cannot be decoded. O(size).
    package func rewrite(
        _ batch: UnsafeRawBufferPointer, _ header: BatchHeader, expiry: Timestamp,
        judge: (borrowing RecordView) -> Verdict
    ) throws -> Outcome {
        var kept = 0
        var tombstones = 0
        var bytes = 0
        try decoder.forEachRecord(in: batch, header) { record in
            switch judge(record) {
            case .drop: return
            case .keepTombstone: tombstones += 1
            case .keep: break
            }
            kept += 1
            // Two deltas may grow by as much as a variable-length integer can.
            bytes += record.encodedCount + 20
        }
        if kept == 0 { return .emptied }
        let needsExpiry = tombstones > 0 && header.tombstoneExpiry == nil
        if kept == Int(header.recordsCount), !needsExpiry { return .unchanged }
        var copy = header
        // With its last tombstone a batch has nothing left that could expire.
        if tombstones == 0 { copy.attributes &= ~BatchAttributes.deleteHorizon }
        if needsExpiry, header.timestampType == .append || isReachable(header, from: expiry) {
            copy.attributes |= BatchAttributes.deleteHorizon
            copy.baseTimestamp = expiry
        }
        return .rewritten(try encode(batch, header, as: copy, capacity: bytes, judge))
    }

    /// Whether every timestamp of the batch can be told as a distance from `expiry`.
    private func isReachable(_ header: BatchHeader, from expiry: Timestamp) -> Bool {
        // The smallest timestamp is not in the header; half of Int64 is more than any calendar needs.
        let reach = Int64.max / 2
        return abs(expiry.rawValue) < reach && header.baseTimestamp.rawValue.magnitude < UInt64(reach)
            && header.maxTimestamp.rawValue.magnitude < UInt64(reach)
    }

    private func encode(
        _ batch: UnsafeRawBufferPointer, _ old: BatchHeader, as new: BatchHeader, capacity: Int,
        _ judge: (borrowing RecordView) -> Verdict
    ) throws -> EncodedBatch {
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: BatchLayout.records + capacity, alignment: 16)
        var place = plain.baseAddress! + BatchLayout.records
        var header = new
        header.recordsCount = 0
        var maxTimestamp = Timestamp(milliseconds: .min)
        do {
            try decoder.forEachRecord(in: batch, old) { record in
                if case .drop = judge(record) { return }
                let delta = record.timestamp.rawValue.subtractingReportingOverflow(header.baseTimestamp.rawValue)
                place = record.encode(
                    timestampDelta: delta.partialValue,
                    offsetDelta: old.baseOffset.distance(to: record.offset), to: place)
                header.recordsCount += 1
                maxTimestamp = max(maxTimestamp, record.timestamp)
            }
        } catch {
            plain.deallocate()
            throw error
        }
        if old.timestampType == .create { header.maxTimestamp = maxTimestamp }
        let filled = UnsafeRawBufferPointer(rebasing: plain[..<(place - plain.baseAddress!)])
        if old.codec != .none, let batch = try? compressed(filled, header, compression(old.codec)) {
            plain.deallocate()
            return batch
        }
        header.attributes &= ~BatchAttributes.codecMask
        header.batchLength = Int32(filled.count - BatchLayout.lengthOverhead)
        header.seal(into: UnsafeMutableRawBufferPointer(rebasing: plain[..<filled.count]))
        return EncodedBatch(adopting: plain, header: header)
    }

    /// Nil when compression does not make the batch smaller, or so much that nobody would unpack it.
    private func compressed(
        _ plain: UnsafeRawBufferPointer, _ header: BatchHeader, _ compression: Compression
    ) throws(CompressionError) -> EncodedBatch? {
        let records = UnsafeRawBufferPointer(rebasing: plain[BatchLayout.records...])
        let bound = Compressor.bound(records.count, compression)
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: BatchLayout.records + bound, alignment: 16)
        let count: Int
        do {
            count = try compressor.compress(
                records, into: UnsafeMutableRawBufferPointer(rebasing: output[BatchLayout.records...]), compression)
        } catch {
            output.deallocate()
            throw error
        }
        guard count < records.count, records.count <= limits.allowedSize(compressed: count) else {
            output.deallocate()
            return nil
        }
        var header = header
        header.batchLength = Int32(BatchLayout.records + count - BatchLayout.lengthOverhead)
        header.seal(into: UnsafeMutableRawBufferPointer(rebasing: output[..<(BatchLayout.records + count)]))
        return EncodedBatch(adopting: output, header: header)
    }
}

extension BatchHeader {
    /// From when on the batch's tombstones may go: Kafka's delete horizon, which compaction writes in place of the base
    /// timestamp. Nil while nobody has said so.
    package var tombstoneExpiry: Timestamp? {
        attributes & BatchAttributes.deleteHorizon == 0 ? nil : baseTimestamp
    }
}

extension EncodedBatch {
    /// A copy of a batch that has been checked.
    package convenience init(copying bytes: UnsafeRawBufferPointer, _ header: BatchHeader) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        memory.copyMemory(from: bytes)
        self.init(adopting: memory, header: header)
    }

    /// A batch without records and of no producer that covers the offsets of a batch that is gone.
    package convenience init(covering removed: BatchHeader) {
        var model = removed
        model.attributes &= ~(BatchAttributes.transactional | BatchAttributes.control)
        model.producer = .none
        self.init(emptying: model, offsets: removed.baseOffset..<removed.nextOffset)
    }

    /// A batch without records that covers `offsets`, as `model` did: of its epoch and its producer.
    package convenience init(emptying model: BatchHeader, offsets: Range<Offset>) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: BatchLayout.records, alignment: 16)
        var header = model
        header.attributes &= ~(BatchAttributes.codecMask | BatchAttributes.deleteHorizon)
        header.baseOffset = offsets.lowerBound
        header.lastOffsetDelta = Int32(offsets.lowerBound.distance(to: offsets.upperBound) - 1)
        header.recordsCount = 0
        header.batchLength = Int32(BatchLayout.minimumBatchLength)
        header.seal(into: memory)
        self.init(adopting: memory, header: header)
    }
}
