// Marks of lost records as bytes: what is written is read back, and no other control batch is taken for one.

import DaybookCompression
import DaybookModel
import DaybookRecords
import Testing

@Suite("Loss markers")
struct LossMarkerTests {
    private let epoch = LeaderEpoch(rawValue: 3)

    private func read(_ batch: EncodedBatch) throws -> LossMarker? {
        let header = try Batches.header(of: batch.array)
        return batch.array.withUnsafeBytes { LossMarker(in: $0, header, decoder: RecordDecoder()) }
    }

    @Test(arguments: [
        "", "quarantine/orders-0-00000000000000000000-0-77-abc.bytes", String(repeating: "ü", count: 300),
    ])
    func `A marker is read back, with its copy, its offsets and its epoch`(copy: String) throws {
        let marker = LossMarker(copy: copy)
        let batches = marker.batches(covering: 7..<12, leaderEpoch: epoch)
        #expect(batches.count == 1)
        let header = try Batches.header(of: batches[0].array)
        #expect(header.baseOffset == 7 && header.nextOffset == 12 && header.leaderEpoch == epoch)
        #expect(header.isControl && !header.isTransactional && header.recordsCount == 1 && header.codec == .none)
        #expect(try read(batches[0]) == marker)
        #expect(try Batches.read(batches[0].array).map(\.offset) == [7])
        // It never comes in from outside.
        #expect(throws: RecordBatchError.controlNotAllowed) { try Batches.validate(batches[0].array) }
    }

    @Test func `More offsets than an Int32 counts take several markers`() throws {
        let end = Offset(5).advanced(by: 2 * LossMarker.largestCount + 3)
        let headers = LossMarker(copy: "x").batches(covering: 5..<end, leaderEpoch: epoch).map(\.header)
        #expect(headers.count == 3 && headers[0].lastOffsetDelta == .max && headers[2].lastOffsetDelta == 2)
        #expect(zip(headers, headers.dropFirst()).allSatisfy { $0.nextOffset == $1.baseOffset })
        #expect(headers[2].nextOffset == end)
        #expect(LossMarker(copy: "").batches(covering: 5..<5, leaderEpoch: epoch).isEmpty)
    }

    @Test func `Ends of transactions and ordinary records are no markers, nor is a damaged one`() throws {
        let end = ControlRecord(kind: .abort, coordinatorEpoch: 7).batch(
            producer: ProducerID(rawValue: 9), epoch: 2, timestamp: Timestamp(milliseconds: 1))
        #expect(try read(end) == nil)
        #expect(try read(try Batches.build([Record(key: [0, 0, 0x44, 0x52], value: [0, 0])])) == nil)
        var bytes = LossMarker(copy: "x").batches(covering: 0..<1, leaderEpoch: epoch)[0].array
        bytes[BatchLayout.records] ^= 0x7f
        let header = try Batches.header(of: bytes)
        #expect(bytes.withUnsafeBytes { LossMarker(in: $0, header, decoder: RecordDecoder()) } == nil)
    }
}
