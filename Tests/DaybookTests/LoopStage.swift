// A daybook whose threads are a loop in virtual time: what happens follows from a seed, and what is idle can be seen to be.

import Daybook
import DaybookTesting

/// A simulated disk and the loop that runs whoever uses it.
struct LoopStage: Sendable {
    let disk: SimulatedDisk
    let loop: SimulationLoop

    init(seed: UInt64? = nil) {
        disk = SimulatedDisk(seed: seed ?? 1, clock: ManualClock())
        loop = SimulationLoop(clock: disk.clock, seed: seed)
    }

    func configuration(_ access: Configuration.Access = .readWrite) -> Configuration {
        var configuration = Configuration(access: access).with(disk: disk)
        configuration.executor = loop
        configuration.housekeeping.isAutomatic = false
        return configuration
    }

    func open(_ access: Configuration.Access = .readWrite) async throws -> Daybook {
        try await Daybook.open("/data", configuration: configuration(access))
    }

    /// Power goes and comes back: of what was not flushed nothing is left.
    func cutPower() {
        disk.crash()
        disk.restart(.nothing)
    }
}

/// Opens a daybook on a simulated disk with a topic `orders`, on a loop, and closes it afterwards.
func onLoop<R: Sendable>(
    seed: UInt64? = nil, partitions: Int = 1, topic: TopicConfiguration = TopicConfiguration(),
    _ body: @escaping @Sendable (Daybook, SimulationLoop) async throws -> R
) throws -> R {
    let stage = LoopStage(seed: seed)
    return try stage.loop.run {
        let daybook = try await stage.open()
        try await daybook.createTopic("orders", partitions: partitions, configuration: topic)
        let result = try await body(daybook, stage.loop)
        try await daybook.close()
        return result
    }
}
