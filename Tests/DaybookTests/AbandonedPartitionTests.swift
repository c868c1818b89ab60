// A partition that outlives its daybook, because something is still on its way to it: the directory may be another's by now.

import DaybookCompression
import DaybookModel
import DaybookRecords
import DaybookTesting
import Synchronization
import SystemPackage
import Testing

@testable import Daybook

@Suite struct AbandonedPartitionTests {
    private func batch(_ value: String) throws -> EncodedBatch {
        var builder = RecordBatchBuilder(targetSize: .max)
        builder.append(Record(key: nil, value: value), timestamp: Timestamp(milliseconds: 1000))
        return try builder.seal(using: Compressor())
    }

    private func append(_ batch: EncodedBatch, _ durability: Durability, to partition: Partition) async -> DaybookError?
    {
        await withCheckedContinuation { continuation in
            partition.submit(
                AppendRequest(batch: batch, durability: durability) { continuation.resume(returning: $0.failure) })
        }
    }

    /// A partition with a record that is not flushed, of a daybook that nobody holds.
    private func leave(_ stage: LoopStage) async throws -> Partition {
        let daybook = try await stage.open()
        try await daybook.createTopic("orders")
        let orders = try daybook.partition(try partition())
        #expect(await append(try batch("kept"), .osCache, to: orders) == nil)
        return orders
    }

    @Test func `C39 a partition whose daybook nobody holds writes nothing, and whoever waits is told`() throws {
        let stage = LoopStage()
        try stage.loop.run {
            let orders = try await leave(stage)
            let written = Mutex<[String]>([])
            stage.disk.inject(
                Fault(.fail(.ioError), [.write, .rename, .truncate, .removeFile], calls: 0..<Int.max) { path in
                    written.withLock { $0.append(path.string) }
                    return true
                })
            #expect(await append(try batch("late"), .durable, to: orders)?.code == .closed)
            #expect(orders.offsets.logEndOffset == 1)
            let error = await #expect(throws: DaybookError.self) { try await orders.flush() }
            #expect(error?.code == .closed)
            await stage.loop.pass(.seconds(30))
            #expect(written.withLock { $0 } == [])
            stage.disk.heal()
            let daybook = try await stage.open()
            #expect(try await daybook.makeConsumer(topics: ["orders"]).values(1) == ["kept"])
            try await daybook.close()
        }
    }
}
