// Turns the bytes of one batch into record views: decompresses into memory that it keeps, then walks the records.
// Allocates nothing per record, and nothing per batch once its memory has grown. Trusts no length.

package import DaybookCompression
internal import DaybookModel

/// Decodes batches, one at a time. Not thread-safe.
package final class RecordDecoder {
    private let decompressor: Decompressor

    package init(limits: DecompressionLimits = .standard) { decompressor = Decompressor(limits: limits) }

    /// Calls `body` with each record of `batch`, in order.
    ///
    /// `batch` is exactly the bytes that `header` was decoded from; its checksum has been verified or does not matter.
    /// Throws `RecordBatchError` at the first malformed record (the ones before it have been handed out), or
    /// whatever `body` throws.
    package func forEachRecord(
        in batch: UnsafeRawBufferPointer, _ header: BatchHeader, _ body: (borrowing RecordView) throws -> Void
    ) throws {
        let plain = try plainRecords(of: batch, header)
        try Self.forEachRecord(inPlain: plain, header, body)
    }

    /// Unpacks the records of `batch`: the bytes behind its header, in the decoder's own memory until it is used again.
    func plainRecords(
        of batch: UnsafeRawBufferPointer, _ header: BatchHeader
    ) throws(RecordBatchError) -> UnsafeRawBufferPointer {
        do throws(CompressionError) {
            return try decompressor.decompress(
                UnsafeRawBufferPointer(rebasing: batch[BatchLayout.records...]), header.codec)
        } catch {
            throw .compression(error)
        }
    }

    /// Calls `body` with each record in `plain`, which is what stands behind the header, unpacked.
    static func forEachRecord(
        inPlain plain: UnsafeRawBufferPointer, _ header: BatchHeader, _ body: (borrowing RecordView) throws -> Void
    ) throws {
        var reader = ByteReader(plain)
        var previousDelta: Int32 = -1
        let appendTime = header.timestampType == .append ? header.maxTimestamp : nil
        for index in 0..<Int(header.recordsCount) {
            do {
                let length = try reader.varint()
                guard length >= 0 else { throw Problem.negativeLength }
                let start = try reader.skip(Int(length))
                let end = reader.place
                var record = ByteReader(from: start, to: end)
                _ = try record.byte()  // attributes: no bit is in use
                let timestampDelta = try record.varlong()
                let offsetDelta = try record.varint()
                guard offsetDelta > previousDelta, offsetDelta <= header.lastOffsetDelta else {
                    throw Problem.offsetDelta(offsetDelta)
                }
                previousDelta = offsetDelta
                let keyCount = try record.varint()
                let key = try record.skip(max(0, Int(keyCount)))
                let valueCount = try record.varint()
                let value = try record.skip(max(0, Int(valueCount)))
                guard keyCount >= -1, valueCount >= -1 else { throw Problem.negativeLength }
                let headerCount = try record.varint()
                let headers = record.place
                if headerCount != 0 { try checkHeaders(headerCount, &record) }
                guard record.remaining == 0 else { throw Problem.trailingBytes(record.remaining) }
                try body(
                    RecordView(
                        offset: header.baseOffset.advanced(by: Int64(offsetDelta)),
                        timestamp: appendTime ?? header.baseTimestamp.advanced(byMilliseconds: timestampDelta),
                        keyStart: key, keyCount: keyCount, valueStart: value, valueCount: valueCount,
                        headersStart: headers, headerCount: Int(headerCount), end: end))
            } catch let problem as Problem {
                throw RecordBatchError.malformedRecord(index: index, reason: problem.description)
            } catch let malformed as ByteReader.Malformed {
                throw RecordBatchError.malformedRecord(
                    index: index,
                    reason: malformed == .endsEarly ? "it ends early" : "a variable-length integer is too long")
            }
        }
        guard reader.remaining == 0 else { throw RecordBatchError.trailingBytes(reader.remaining) }
    }

    private static func checkHeaders(_ count: Int32, _ record: inout ByteReader) throws {
        guard count > 0 else { throw Problem.negativeLength }
        for _ in 0..<count {
            let nameCount = try record.varint()
            guard nameCount >= 0 else { throw Problem.negativeLength }
            _ = try record.skip(Int(nameCount))
            let valueCount = try record.varint()
            guard valueCount >= -1 else { throw Problem.negativeLength }
            _ = try record.skip(max(0, Int(valueCount)))
        }
    }

    private enum Problem: Error, CustomStringConvertible {
        case negativeLength
        case offsetDelta(Int32)
        case trailingBytes(Int)

        var description: String {
            switch self {
            case .negativeLength: "a length is negative"
            case .offsetDelta(let delta): "offset delta \(delta) is out of order"
            case .trailingBytes(let count): "\(count) bytes follow its headers"
            }
        }
    }
}
