// The one record of a control batch of Daybook's own: it stands where records were lost, covers their offsets, and says
// where their bytes are. Written by repair; reads turn it into a gap, and Kafka's readers step over it.

package import DaybookModel

/// Stands in the place of offsets whose records are lost.
///
/// Kafka's clients skip control batches whose type they do not know, so that the chain of offsets is whole for them too.
///
/// | part | bytes | field | |
/// |---|---|---|---|
/// | key | 2 | version | 0 |
/// | key | 2 | type | 17490, the letters "DR"; Kafka counts from 0 |
/// | value | 2 | version | 0 |
/// | value | … | copy | UTF-8: where the bytes are, from the data directory on; empty when there were none |
package struct LossMarker: Hashable, Sendable {
    /// Where the bytes are that stood here, as a path from the data directory on; empty when no file held any.
    package var copy: String

    package static let type: Int16 = 0x4452
    /// The most offsets that one marker can cover: a batch counts them in an Int32.
    package static let largestCount = Int64(Int32.max) + 1

    package init(copy: String) { self.copy = copy }

    /// Reads the key and value of a control record; nil for every other kind.
    package init?(key: RawSpan?, value: RawSpan?) {
        guard let key, let value, key.byteCount >= 4, value.byteCount >= 2,
            key.withUnsafeBytes({ $0.bigEndian(at: 2, as: Int16.self) }) == Self.type
        else { return nil }
        copy = value.withUnsafeBytes { String(decoding: $0.dropFirst(2), as: UTF8.self) }
    }

    /// The marker that a control batch holds; nil for a batch of any other kind. `batch` is exactly the bytes that
    /// `header` was decoded from. O(1) for batches that are not control batches.
    package init?(in batch: UnsafeRawBufferPointer, _ header: BatchHeader, decoder: RecordDecoder) {
        guard header.isControl, header.recordsCount == 1 else { return nil }
        var found: LossMarker?
        do {
            try decoder.forEachRecord(in: batch, header) { found = LossMarker(key: $0.key, value: $0.value) }
        } catch {
            return nil
        }
        guard let found else { return nil }
        self = found
    }

    /// The markers that cover `offsets`, as batches: one, or several where there are more than an Int32 counts.
    ///
    /// `leaderEpoch` is that of the batch before, so that epochs never fall. They have no timestamp.
    package func batches(covering offsets: Range<Offset>, leaderEpoch: LeaderEpoch) -> [EncodedBatch] {
        var batches: [EncodedBatch] = []
        var base = offsets.lowerBound
        while base < offsets.upperBound {
            let count = min(base.distance(to: offsets.upperBound), Self.largestCount)
            let batch = batch(count: count)
            batch.stamp(baseOffset: base, leaderEpoch: leaderEpoch)
            batches.append(batch)
            base = base.advanced(by: count)
        }
        return batches
    }

    private func batch(count: Int64) -> EncodedBatch {
        let key: [UInt8] = [0, 0, UInt8(Self.type >> 8), UInt8(Self.type & 0xff)]
        let value = [0, 0] + Array(copy.utf8)
        let fields = [key, value].reduce(0) { $0 + Varint.size(Int64($1.count)) + $1.count }
        let body = 1 + 1 + 1 + fields + 1
        let size = BatchLayout.records + Varint.size(Int64(body)) + body
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        var place = memory.baseAddress! + BatchLayout.records
        place = Varint.write(Int64(body), to: place)
        place.storeBytes(of: 0, as: UInt8.self)  // attributes
        place = Varint.write(0, to: place + 1)  // timestamp delta
        place = Varint.write(0, to: place)  // offset delta
        for field in [key, value] {
            place = Varint.write(Int64(field.count), to: place)
            field.withUnsafeBytes { place.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
            place += field.count
        }
        place = Varint.write(0, to: place)  // headers
        var header = BatchHeader(
            attributes: BatchAttributes.control, lastOffsetDelta: Int32(count - 1), baseTimestamp: .none,
            maxTimestamp: .none, producer: .none, recordsCount: 1, batchSize: size)
        header.seal(into: memory)
        return EncodedBatch(adopting: memory, header: header)
    }
}
