// The loop that runs a simulation: order, virtual time, and what it says when nothing can go on.

import Daybook
import DaybookTesting
import Synchronization
import Testing

@Suite struct SimulationLoopTests {
    @Test func `Time moves to what is scheduled next and not further`() throws {
        let clock = ManualClock()
        let loop = SimulationLoop(clock: clock)
        let times: [Duration] = try loop.run {
            var times: [Duration] = []
            await withTaskGroup(of: Duration.self) { group in
                for milliseconds in [30, 10, 20] {
                    group.addTask {
                        await loop.pass(.milliseconds(milliseconds))
                        return clock.elapsed()
                    }
                }
                for await time in group { times.append(time) }
            }
            return times
        }
        #expect(times == [.milliseconds(10), .milliseconds(20), .milliseconds(30)])
        #expect(clock.elapsed() == .milliseconds(30))
    }

    @Test func `A body that waits for what never comes is told so`() {
        let loop = SimulationLoop(clock: ManualClock())
        let never = Mutex<CheckedContinuation<Void, Never>?>(nil)
        #expect(throws: SimulationDeadlock.self) {
            try loop.run { await withCheckedContinuation { continuation in never.withLock { $0 = continuation } } }
        }
        never.withLock { $0?.resume() }
        loop.drain(for: .zero)
    }

    @Test func `A seed decides the order and the same seed decides the same`() throws {
        func order(_ seed: UInt64?) throws -> [Int] {
            let loop = SimulationLoop(clock: ManualClock(), seed: seed)
            return try loop.run {
                await withTaskGroup(of: Int.self, returning: [Int].self) { group in
                    for number in 0..<10 { group.addTask { number } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
        }
        #expect(try order(nil) == Array(0..<10))
        #expect(try order(1) == order(1))
        #expect(try order(1) != order(2))
    }

    @Test func `The engine runs on one thread and follows the manual clock`() throws {
        let clock = ManualClock()
        let loop = SimulationLoop(clock: clock)
        let directory = try TemporaryDirectory()
        var configuration = Configuration().with(clock: clock)
        configuration.executor = loop
        let settings = configuration
        let watermark = try loop.run {
            let daybook = try await Daybook.open(directory.path, configuration: settings)
            try await daybook.createTopic("orders")
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            _ = try await producer.send(Record(key: nil, value: "first"), to: "orders")
            let orders = TopicPartition(topic: try TopicName("orders"), partition: 0)
            let before = try await daybook.offsets(orders).highWatermark
            // The background flush comes by itself, after the topic's flush.ms.
            await loop.pass(.milliseconds(100))
            await loop.settle()
            let after = try await daybook.offsets(orders).highWatermark
            try await daybook.close()
            return (before, after)
        }
        #expect(watermark == (0, 1))
        #expect(clock.elapsed() < .milliseconds(200))
    }
}
