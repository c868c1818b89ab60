// The one record of a control batch: the end of a transaction, as Kafka's brokers write it.
// Read by whoever isolates readers from open transactions; ordinary readers skip control batches.

package import DaybookModel

/// A transaction marker: how the producer's transaction ended.
package struct ControlRecord: Hashable, Sendable {
    /// How the transaction ended, with Kafka's number for it.
    package enum Kind: Int16, Sendable {
        case abort = 0
        case commit = 1
    }

    package var kind: Kind
    /// Raised at each election of the transaction coordinator.
    package var coordinatorEpoch: Int32

    package init(kind: Kind, coordinatorEpoch: Int32) {
        self.kind = kind
        self.coordinatorEpoch = coordinatorEpoch
    }

    /// Reads the key and value of a control record; nil for kinds that Daybook does not know and may skip.
    ///
    /// Key: int16 version, int16 type. Value: int16 version, int32 coordinator epoch.
    package init?(key: RawSpan?, value: RawSpan?) {
        guard let key, let value, key.byteCount >= 4, value.byteCount >= 6 else { return nil }
        let type = key.withUnsafeBytes { $0.bigEndian(at: 2, as: Int16.self) }
        guard let kind = Kind(rawValue: type) else { return nil }
        self.kind = kind
        coordinatorEpoch = value.withUnsafeBytes { $0.bigEndian(at: 2, as: Int32.self) }
    }

    /// The marker that a control batch holds; nil for a batch of any other kind. `batch` is exactly the bytes that `header`
    /// was decoded from.
    package init?(in batch: UnsafeRawBufferPointer, _ header: BatchHeader) {
        guard header.isControl, header.isTransactional, header.recordsCount == 1 else { return nil }
        var found: ControlRecord?
        do {
            try RecordDecoder().forEachRecord(in: batch, header) { found = ControlRecord(key: $0.key, value: $0.value) }
        } catch {
            return nil
        }
        guard let found else { return nil }
        self = found
    }

    /// The marker as a batch of its own: 78 bytes, one offset, uncompressed, transactional, with no sequence.
    package func batch(producer: ProducerID, epoch: Int16, timestamp: Timestamp) -> EncodedBatch {
        let key: [UInt8] = [0, 0, 0, UInt8(kind.rawValue)]
        let value = [0, 0] + withUnsafeBytes(of: coordinatorEpoch.bigEndian) { [UInt8]($0) }
        let size = BatchLayout.records + 17
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        var place = memory.baseAddress! + BatchLayout.records
        place = Varint.write(16, to: place)  // bytes that follow
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
            attributes: BatchAttributes.control | BatchAttributes.transactional, lastOffsetDelta: 0,
            baseTimestamp: timestamp, maxTimestamp: timestamp,
            producer: ProducerIdentity(id: producer, epoch: epoch, baseSequence: -1), recordsCount: 1, batchSize: size)
        header.seal(into: memory)
        return EncodedBatch(adopting: memory, header: header)
    }
}
