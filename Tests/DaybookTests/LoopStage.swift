// A daybook whose threads are a loop in virtual time: what happens follows from a seed, and what is idle can be seen to be.

import Daybook
import DaybookTesting

/// Opens a daybook on a simulated disk with a topic `orders`, on a loop, and closes it afterwards.
func onLoop<R: Sendable>(
    seed: UInt64? = nil, partitions: Int = 1, topic: TopicConfiguration = TopicConfiguration(),
    _ body: @escaping @Sendable (Daybook, SimulationLoop) async throws -> R
) throws -> R {
    let disk = SimulatedDisk(seed: seed ?? 1, clock: ManualClock())
    let loop = SimulationLoop(clock: disk.clock, seed: seed)
    var configuration = Configuration().with(disk: disk)
    configuration.executor = loop
    configuration.housekeeping.isAutomatic = false
    let settings = configuration
    return try loop.run {
        let daybook = try await Daybook.open("/data", configuration: settings)
        try await daybook.createTopic("orders", partitions: partitions, configuration: topic)
        let result = try await body(daybook, loop)
        try await daybook.close()
        return result
    }
}
