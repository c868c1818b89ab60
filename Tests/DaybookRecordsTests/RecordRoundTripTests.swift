// The property that everything else rests on:
// any records, put into a batch of any kind, come out as they went in.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookTesting
import Testing

@Suite("Records there and back")
struct RecordRoundTripTests {
    @Test("any records come out as they went in", arguments: 1...8 as ClosedRange<UInt64>)
    func property(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let compressor = Compressor()
        let decoder = RecordDecoder()
        var builder = RecordBatchBuilder(targetSize: 20_000)
        for round in 0..<400 {
            builder.options = RecordBatchBuilder.Options(
                compression: Batches.everyCompression[Int(generator.next() % 5)],
                producer: generator.next() % 2 == 0 ? .none : generator.producer(),
                isTransactional: generator.next() % 4 == 0)
            let records = generator.records(upTo: 12).filter { builder.append($0, timestamp: Timestamp.none) }
            let baseOffset = Offset(Int64(generator.next() >> 2))
            let batch = try builder.seal(using: compressor)
            batch.stamp(baseOffset: baseOffset, leaderEpoch: LeaderEpoch(rawValue: Int32(generator.next() >> 33)))
            let bytes = batch.array
            var expected = Batches.placed(records, baseOffset: baseOffset)
            #expect(try Batches.read(bytes, decoder: decoder) == expected, "seed \(seed), round \(round)")
            let header = try Batches.validate(bytes, decoder: decoder)
            #expect(
                header == batch.header && header.producer == builder.options.producer, "seed \(seed), round \(round)")
            #expect(header.maxTimestamp == records.compactMap(\.timestamp).max(), "seed \(seed), round \(round)")
            if round % 4 == 0 {
                let time = Timestamp(milliseconds: Int64(bitPattern: generator.next()))
                batch.stamp(appendTime: time)
                expected = expected.map { placed in
                    var record = placed.record
                    record.timestamp = time
                    return PlacedRecord(offset: placed.offset, record: record)
                }
                #expect(try Batches.read(batch.array, decoder: decoder) == expected, "seed \(seed), round \(round)")
            }
        }
    }

    @Test("a batch as large as they come in practice", arguments: Batches.everyCompression)
    func large(compression: Compression) throws {
        var generator = SeededGenerator(seed: 99)
        let records = (0..<5000).map { index in
            Record(
                key: "order-\(generator.next() % 100)",
                value: "{\"line\":\(index),\"amount\":\(generator.next() % 10_000)}",
                headers: index % 100 == 0 ? [RecordHeader("trace", generator.bytes(16))] : [],
                timestamp: Timestamp(milliseconds: 1_700_000_000_000 + Int64(index / 10)))
        }
        let batch = try Batches.build(records, compression)
        #expect(batch.header.recordsCount == 5000)
        #expect(try Batches.read(batch.array) == Batches.placed(records))
        #expect(throws: Never.self) { try Batches.validate(batch.array) }
    }
}

extension SeededGenerator {
    fileprivate mutating func producer() -> ProducerIdentity {
        ProducerIdentity(
            id: ProducerID(rawValue: Int64(next() >> 1)), epoch: Int16(next() >> 49), baseSequence: Int32(next() >> 33))
    }
}
