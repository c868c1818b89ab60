// Health turns red when the disk is dead, the daybook closed or a group stopped, and yellow while the disk is full; a check
// that throws or hangs is a problem and holds up nothing.

import Daybook
import DaybookServices
import DaybookTesting
import Testing

@Suite("Health")
struct HealthTests {
    private struct Misfortune: Error {}

    @Test func `A check that finds nothing is well, and no checks are too`() async {
        let report = await Health([HealthCheck("a") { [] }, HealthCheck("b") { [] }]).report()
        #expect(report.isHealthy && report.isReady)
        #expect(report.checked == ["a", "b"])
        #expect(await Health([]).report().isReady)
    }

    @Test func `Problems stand in the order of the checks, with their severity`() async {
        let waits = HealthCheck("slow") {
            await Task.yield()
            return [(.notReady, "warming up")]
        }
        let report = await Health([waits, HealthCheck("dead") { [(.broken, "gone")] }]).report()
        #expect(report.problems.map(\.check) == ["slow", "dead"])
        #expect(report.problems.map(\.message) == ["warming up", "gone"])
        #expect(!report.isHealthy && !report.isReady)
        let warming = await Health([waits]).report()
        #expect(warming.isHealthy && !warming.isReady)
    }

    @Test func `A check that throws is broken`() async {
        let report = await Health([HealthCheck("a") { throw Misfortune() }]).report()
        #expect(!report.isHealthy)
        #expect(report.problems.first?.message.contains("Misfortune") == true)
    }

    @Test func `A check that hangs loses its time, is cancelled, and holds up no other`() async {
        let (cancelled, continuation) = AsyncStream<Void>.makeStream()
        let hanging = HealthCheck("disk") {
            await withTaskCancellationHandler {
                // Cancellation does not end it, as with a call that blocks.
                await withCheckedContinuation { (ended: CheckedContinuation<Void, Never>) in
                    Task {
                        for await _ in cancelled { break }
                        ended.resume()
                    }
                }
            } onCancel: {
                continuation.yield()
            }
            return []
        }
        let report = await Health([hanging, HealthCheck("b") { [] }], patience: .milliseconds(20)).report()
        #expect(report.problems.map(\.check) == ["disk"])
        #expect(!report.isHealthy)
    }

    @Test func `The engine is broken when closed and when the disk has failed it`() async throws {
        let disk = SimulatedDisk()
        let daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await daybook.createTopic("orders")
        let health = Health([.engine(daybook)])
        let well = await health.report()
        #expect(well.isReady, "\(well.problems)")
        disk.failNext(.flush)
        await #expect(throws: DaybookError.self) {
            try await daybook.makeProducer().send(Record(key: "k", value: "v"), to: "orders")
        }
        let failed = await health.report()
        #expect(!failed.isHealthy)
        #expect(failed.problems.count == 1 && failed.problems[0].message.contains("orders-0"), "\(failed.problems)")
        _ = try? await daybook.close()
        let closed = await health.report()
        #expect(!closed.isHealthy)
    }

    @Test func `A full disk is not ready and becomes so again by itself`() async throws {
        let disk = SimulatedDisk(capacity: 100 << 20)
        let daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await daybook.createTopic("orders")
        let health = Health([.engine(daybook)])
        #expect(await health.report().isReady)
        disk.capacity = 32 << 20
        let full = await health.report()
        #expect(full.isHealthy && !full.isReady)
        #expect(full.problems.first?.message.contains("reserve") == true)
        disk.capacity = 100 << 20
        #expect(await health.report().isReady)
        try await daybook.close()
    }

    @Test func `A group that commits nothing while records wait is broken, one that never began is not`() async throws {
        let clock = ManualClock()
        let directory = try TemporaryDirectory()
        let daybook = try await Daybook.open(directory.path, configuration: Configuration().with(clock: clock))
        try await daybook.createTopic("orders")
        let health = Health([.group("billing", of: daybook)])
        let orders = try daybook.topic("orders").partitions[0]
        for _ in 0..<3 { _ = try await daybook.makeProducer().send(Record(key: "k", value: "v"), to: "orders") }
        #expect(await health.report().isReady)
        try await daybook.commit(group: "billing", offsets: [orders: OffsetCommit(1)])
        #expect(await health.report().isReady)
        clock.advance(by: .seconds(3_600))
        let stopped = await health.report()
        #expect(!stopped.isHealthy)
        #expect(stopped.problems.first?.message.hasPrefix("2 records wait in orders-0") == true, "\(stopped.problems)")
        try await daybook.commit(group: "billing", offsets: [orders: OffsetCommit(3)])
        #expect(await health.report().isReady)
        try await daybook.close()
    }
}
