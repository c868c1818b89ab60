// Collects records into one batch: each is encoded once, straight into the memory that will be written, and the batch
// is then compressed if that helps, checksummed and given away. One builder makes many batches, one after the other.

package import DaybookCompression
package import DaybookModel

/// Builds record batches. Not thread-safe.
package struct RecordBatchBuilder: ~Copyable {
    /// What goes into the header of every batch this builder makes.
    package struct Options: Sendable {
        package var compression: Compression
        package var producer: ProducerIdentity
        package var isTransactional: Bool
        package var limits: DecompressionLimits

        package init(
            compression: Compression = .none, producer: ProducerIdentity = .none, isTransactional: Bool = false,
            limits: DecompressionLimits = .standard
        ) {
            self.compression = compression
            self.producer = producer
            self.isTransactional = isTransactional
            self.limits = limits
        }
    }

    package var options: Options
    /// How many bytes of records a batch takes, header included and before compression, unless one record needs more.
    package private(set) var targetSize: Int
    private var memory: UnsafeMutableRawBufferPointer
    private var filled = BatchLayout.records
    /// What the batch before took.
    private var lastSize = 0
    package private(set) var recordsCount: Int32 = 0
    private var baseTimestamp = Timestamp.none
    private var maxTimestamp = Timestamp.none

    package init(targetSize: Int, options: Options = Options()) {
        self.targetSize = max(targetSize, BatchLayout.records + 32)
        self.options = options
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    deinit { IdleMemory.give(back: memory) }

    /// Changes the target size of the batches to come. The builder must be empty.
    package mutating func setTargetSize(_ size: Int) {
        precondition(isEmpty, "the batch that is being filled keeps its size")
        targetSize = max(size, BatchLayout.records + 32)
    }

    package var isEmpty: Bool { recordsCount == 0 }
    /// Bytes of the batch as it stands, uncompressed, header included.
    package var size: Int { filled }

    /// Adds a record, unless the batch would grow beyond the target size; returns whether it was added.
    ///
    /// A record that is alone larger than the target gets a batch of its own. O(bytes of the record).
    @discardableResult
    package mutating func append(
        key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, headers: [RecordHeader], timestamp: Timestamp
    ) -> Bool {
        if recordsCount == 0 { baseTimestamp = timestamp }
        let (timestampDelta, overflow) = timestamp.rawValue.subtractingReportingOverflow(baseTimestamp.rawValue)
        // Readers add the delta to the base: a record so far from the first one must begin a batch of its own.
        if overflow { return false }
        let offsetDelta = recordsCount
        var bodySize =
            1 + Varint.size(timestampDelta) + Varint.size(Int64(offsetDelta))
            + Self.sizeOfField(key) + Self.sizeOfField(value) + Varint.size(Int64(headers.count))
        if !headers.isEmpty { bodySize += Self.size(of: headers) }
        let size = Varint.size(Int64(bodySize)) + bodySize
        guard reserve(size) else { return false }

        var place = memory.baseAddress! + filled
        place = Varint.write(Int64(bodySize), to: place)
        place.storeBytes(of: 0, as: UInt8.self)
        place = Varint.write(timestampDelta, to: place + 1)
        place = Varint.write(Int64(offsetDelta), to: place)
        place = Self.writeField(key, to: place)
        place = Self.writeField(value, to: place)
        place = Varint.write(Int64(headers.count), to: place)
        for header in headers { place = Self.write(header, to: place) }
        filled += size
        recordsCount += 1
        maxTimestamp = recordsCount == 1 ? timestamp : max(maxTimestamp, timestamp)
        return true
    }

    /// An owned record, with `timestamp` where the record has none.
    @discardableResult
    package mutating func append(_ record: Record, timestamp: Timestamp) -> Bool {
        record.key.withBytes { key in
            record.value.withBytes { value in
                append(key: key, value: value, headers: record.headers, timestamp: record.timestamp ?? timestamp)
            }
        }
    }

    /// The most bytes that a record can take in a batch, header of the batch not included.
    package static func maximumSize(of record: Record) -> Int {
        // Attributes, timestamp delta, and five varints: length, offset delta, key, value and number of headers.
        1 + 10 + 5 * 5 + (record.key?.count ?? 0) + (record.value?.count ?? 0) + size(of: record.headers)
    }

    /// Finishes the batch and begins the next one, empty. The builder must not be empty.
    ///
    /// The records stay uncompressed when compression does not shrink them, or shrinks them so far that the
    /// decompression limits would refuse to read them back. After an error of the library the batch is still there.
    package mutating func seal(using compressor: Compressor) throws(CompressionError) -> EncodedBatch {
        precondition(recordsCount > 0, "an empty batch cannot be sealed")
        if options.compression != .none, let batch = try sealCompressed(using: compressor) {
            reset()
            return batch
        }
        var header = makeHeader(codec: .none, batchSize: filled)
        header.seal(into: UnsafeMutableRawBufferPointer(rebasing: memory[..<filled]))
        let batch = EncodedBatch(adopting: memory, header: header)
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        reset()
        return batch
    }

    /// Drops what has been collected.
    package mutating func reset() {
        lastSize = filled
        filled = BatchLayout.records
        recordsCount = 0
    }

    private borrowing func sealCompressed(using compressor: Compressor) throws(CompressionError) -> EncodedBatch? {
        let records = UnsafeRawBufferPointer(rebasing: memory[BatchLayout.records..<filled])
        let bound = Compressor.bound(records.count, options.compression)
        let output = IdleMemory.take(BatchLayout.records + bound)
        let compressed: Int
        do {
            compressed = try compressor.compress(
                records, into: UnsafeMutableRawBufferPointer(rebasing: output[BatchLayout.records...]),
                options.compression)
        } catch {
            IdleMemory.give(back: output)
            throw error
        }
        guard compressed < records.count, records.count <= options.limits.allowedSize(compressed: compressed) else {
            IdleMemory.give(back: output)
            return nil
        }
        let size = BatchLayout.records + compressed
        var header = makeHeader(codec: options.compression.codec, batchSize: size)
        header.seal(into: UnsafeMutableRawBufferPointer(rebasing: output[..<size]))
        return EncodedBatch(adopting: output, header: header)
    }

    private func makeHeader(codec: CompressionCodec, batchSize: Int) -> BatchHeader {
        BatchHeader(
            attributes: UInt16(codec.rawValue) | (options.isTransactional ? BatchAttributes.transactional : 0),
            lastOffsetDelta: recordsCount - 1, baseTimestamp: baseTimestamp, maxTimestamp: maxTimestamp,
            producer: options.producer, recordsCount: recordsCount, batchSize: batchSize)
    }

    // MARK: memory and fields

    /// Makes room for `size` more bytes; false when the batch is full.
    @inline(__always)
    private mutating func reserve(_ size: Int) -> Bool {
        let needed = filled + size
        if needed > targetSize && recordsCount > 0 { return false }
        if needed > memory.count { grow(to: needed) }
        return true
    }

    /// As much as the last batch took, and then twice as much each time: ten thousand partitions may each have a small
    /// batch open, while full batches get their memory at once.
    private mutating func grow(to needed: Int) {
        precondition(needed <= Int(Int32.max), "a record batch holds at most 2 GiB")
        let wish = memory.count == 0 ? max(4096, lastSize + lastSize / 8) : memory.count * 2
        let capacity = max(needed, min(wish, targetSize))
        let larger = IdleMemory.take(capacity)
        if filled > BatchLayout.records {
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<filled]))
        }
        IdleMemory.give(back: memory)
        memory = larger
    }

    @inline(__always)
    private static func sizeOfField(_ bytes: UnsafeRawBufferPointer?) -> Int {
        guard let bytes else { return 1 }
        return Varint.size(Int64(bytes.count)) + bytes.count
    }

    @inline(__always)
    private static func writeField(
        _ bytes: UnsafeRawBufferPointer?, to place: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        guard let bytes else { return Varint.write(-1, to: place) }
        let start = Varint.write(Int64(bytes.count), to: place)
        if let source = bytes.baseAddress { start.copyMemory(from: source, byteCount: bytes.count) }
        return start + bytes.count
    }

    private static func size(of headers: [RecordHeader]) -> Int {
        headers.reduce(0) { sum, header in
            let name = header.name.utf8.count
            let value = header.value?.count
            return sum + Varint.size(Int64(name)) + name + Varint.size(Int64(value ?? -1)) + (value ?? 0)
        }
    }

    private static func write(
        _ header: RecordHeader, to place: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var name = header.name
        let behindName = name.withUTF8 { writeField(UnsafeRawBufferPointer($0), to: place) }
        return header.value.withBytes { writeField($0, to: behindName) }
    }
}

extension [UInt8]? {
    /// Calls `body` with the bytes, or with nil.
    func withBytes<R>(_ body: (UnsafeRawBufferPointer?) throws -> R) rethrows -> R {
        switch self {
        case .none: try body(nil)
        case .some(let bytes): try bytes.withUnsafeBytes { try body($0) }
        }
    }
}
