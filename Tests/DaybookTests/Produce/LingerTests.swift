// How long a batch waits for company: from its first record on, whatever became of the batches before it. On one thread and in
// virtual time.

import DaybookTesting
import Testing

@testable import Daybook

@Suite struct LingerTests {
    /// What has been written by now, flushed or not.
    private func written(_ daybook: Daybook) throws -> Int64 {
        try daybook.partition(partition(0)).offsets.logEndOffset.rawValue
    }

    @Test func `A batch lingers from its first record on, also behind one that has gone earlier`() throws {
        try onOneThread(SimulatedDisk()) { (daybook, loop) async throws in
            let producer = try daybook.makeProducer(
                ProducerConfiguration(linger: .milliseconds(10), durability: .osCache))
            try await producer.enqueue(Record(key: "k", value: "first"), to: "orders", partition: 0)
            await loop.pass(.milliseconds(1))
            try await producer.flush()
            #expect(try written(daybook) == 1)
            await loop.pass(.milliseconds(5))
            try await producer.enqueue(Record(key: "k", value: "second"), to: "orders", partition: 0)
            // The timer of the first one finds a batch that has not lingered yet.
            await loop.pass(.milliseconds(9))
            #expect(try written(daybook) == 1)
            await loop.pass(.milliseconds(2))
            #expect(try written(daybook) == 2)
            // And nobody looks any more when there is nothing.
            await loop.pass(.seconds(1))
            try await producer.enqueue(Record(key: "k", value: "third"), to: "orders", partition: 0)
            await loop.pass(.milliseconds(9))
            #expect(try written(daybook) == 2)
            await loop.pass(.milliseconds(2))
            #expect(try written(daybook) == 3)
        }
    }

    @Test func `Records that were taken in go on their way when nobody holds the producer any more`() throws {
        try onOneThread(SimulatedDisk()) { (daybook, loop) async throws in
            try await daybook.makeProducer(ProducerConfiguration(linger: .milliseconds(10), durability: .osCache))
                .enqueue(Record(key: "k", value: "left behind"), to: "orders", partition: 0)
            await loop.pass(.milliseconds(12))
            #expect(try written(daybook) == 1)
        }
    }
}
