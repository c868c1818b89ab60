// What happens to a batch between its builder and a file: it gets its offset and epoch, on some topics its append time.
// Transaction markers, which are batches that no builder makes, are here too.

import DaybookCompression
import DaybookModel
import DaybookRecords
import Testing

@Suite("Encoded batches")
struct EncodedBatchTests {
    private let records = (0..<20).map {
        Record(key: "key", value: "value \($0)", timestamp: Timestamp(milliseconds: Int64($0 * 1000 - 7)))
    }

    @Test("base offset and epoch are stamped outside the checksum", arguments: Batches.everyCompression)
    func stamp(compression: Compression) throws {
        let batch = try Batches.build(records, compression)
        let before = batch.array
        for (offset, epoch) in [(Offset(0x0102_0304_0506_0708), Int32.max), (.zero, 0), (Offset(77), 3)] {
            batch.stamp(baseOffset: offset, leaderEpoch: LeaderEpoch(rawValue: epoch))
            let after = batch.array
            #expect(after[8..<12] == before[8..<12] && after[16...] == before[16...])
            #expect(batch.header == (try Batches.header(of: after)))
            #expect(batch.header.baseOffset == offset && batch.header.leaderEpoch.rawValue == epoch)
            #expect(try Batches.read(after) == Batches.placed(records, baseOffset: offset))
        }
    }

    @Test("the append time becomes every record's timestamp", arguments: Batches.everyCompression)
    func appendTime(compression: Compression) throws {
        for time in [Int64(0), -5, .min, .max, 1_800_000_000_000] {
            let batch = try Batches.build(records, compression)
            let before = batch.header
            batch.stamp(appendTime: Timestamp(milliseconds: time))
            batch.stamp(baseOffset: 40, leaderEpoch: .zero)
            let header = try Batches.validate(batch.array)
            #expect(header == batch.header)
            #expect(header.timestampType == .append && header.maxTimestamp.rawValue == time)
            #expect(header.baseTimestamp == before.baseTimestamp, "the records' deltas still count from it")
            #expect(header.codec == before.codec && header.crc != before.crc)
            let read = try Batches.read(batch.array)
            #expect(read.allSatisfy { $0.record.timestamp?.rawValue == time })
            #expect(read.map(\.record.value) == records.map(\.value) && read.first?.offset == 40)
        }
    }

    @Test("a batch from outside is copied once it has been checked", arguments: Batches.everyCompression)
    func validating(compression: Compression) throws {
        let bytes = try Batches.build(records, compression).array
        let decoder = RecordDecoder()
        let batch = try bytes.withUnsafeBytes {
            try EncodedBatch(validating: $0, decoder: decoder, maximumSize: bytes.count)
        }
        let header = try Batches.header(of: bytes)
        #expect(batch.array == bytes && batch.header == header)
        var damaged = bytes
        damaged[bytes.count - 1] ^= 1
        #expect(throws: RecordBatchError.self) {
            try damaged.withUnsafeBytes { _ = try EncodedBatch(validating: $0, decoder: decoder, maximumSize: .max) }
        }
    }

    // MARK: markers

    private func marker(_ kind: ControlRecord.Kind, coordinatorEpoch: Int32) -> EncodedBatch {
        ControlRecord(kind: kind, coordinatorEpoch: coordinatorEpoch).batch(
            producer: ProducerID(rawValue: 4711), epoch: 3, timestamp: Timestamp(milliseconds: 1_700_000_000_000))
    }

    @Test("a commit marker is Kafka's 78 bytes")
    func commitMarker() throws {
        let batch = marker(.commit, coordinatorEpoch: 9)
        #expect(batch.array == GoldenBatches.commit)
        #expect(batch.count == 78 && batch.recordsCount == 1)
        let header = try Batches.header(of: batch.array)
        #expect(header.isControl && header.isTransactional && header.codec == .none)
        #expect(header.nextOffset == 1, "it takes one offset")
        #expect(
            header.producer == ProducerIdentity(id: ProducerID(rawValue: 4711), epoch: 3, baseSequence: -1))
    }

    @Test("a marker is read back", arguments: [ControlRecord.Kind.abort, .commit], [Int32.min, -1, 0, 9, .max])
    func markers(kind: ControlRecord.Kind, coordinatorEpoch: Int32) throws {
        let batch = marker(kind, coordinatorEpoch: coordinatorEpoch)
        var found: [ControlRecord?] = []
        try batch.withBytes { bytes in
            try RecordDecoder().forEachRecord(in: bytes, batch.header) {
                found.append(ControlRecord(key: $0.key, value: $0.value))
            }
        }
        #expect(found == [ControlRecord(kind: kind, coordinatorEpoch: coordinatorEpoch)])
    }

    /// Keys and values of control records that are none of ours.
    static let foreign: [([UInt8]?, [UInt8]?)] = [
        (nil, [0, 0, 0, 0, 0, 0]), ([0, 0, 0, 1], nil), ([0, 0, 0], [0, 0, 0, 0, 0, 0]),
        ([0, 0, 0, 1], [0, 0, 0, 0, 0]), ([0, 0, 0, 2], [0, 0, 0, 0, 0, 0]), ([0, 0, 0xff, 0xff], [0, 0, 0, 0, 0, 0]),
        ([], []),
    ]

    @Test("other control records are nil, not an error", arguments: foreign)
    func foreignMarkers(key: [UInt8]?, value: [UInt8]?) throws {
        let batch = try Batches.build([Record(key: key, value: value)])
        try batch.withBytes { bytes in
            try RecordDecoder().forEachRecord(in: bytes, batch.header) {
                #expect(ControlRecord(key: $0.key, value: $0.value) == nil)
            }
        }
    }

    @Test("a marker of a later version with more in it is still read")
    func laterVersion() throws {
        let batch = try Batches.build([Record(key: [0, 1, 0, 0, 5], value: [0, 1, 0, 0, 0, 7, 1, 2])])
        try batch.withBytes { bytes in
            try RecordDecoder().forEachRecord(in: bytes, batch.header) {
                let marker = ControlRecord(key: $0.key, value: $0.value)
                #expect(marker == ControlRecord(kind: .abort, coordinatorEpoch: 7))
            }
        }
    }
}
