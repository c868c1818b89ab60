// A daybook on the simulated disk: what a power cut and a killed process leave of it. Random histories are not run here.

import Daybook
import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@Suite struct PowerCutTests {
    @Test(arguments: PowerCut.allCases)
    func `What was acknowledged as durable survives a power cut, whatever else does`(_ cut: PowerCut) async throws {
        for seed in UInt64(0)..<20 {
            let disk = SimulatedDisk(seed: seed)
            let before = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
            #expect(before.recovery.wasClosedCleanly)
            try await before.createTopic("orders")
            let durable = try before.makeProducer()
            let hasty = try before.makeProducer(ProducerConfiguration(durability: .osCache))
            for number in 0..<10 {
                let producer = number < 8 && number % 2 == 1 ? durable : hasty
                _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders")
            }
            disk.crash()
            await #expect(throws: DaybookError.self) { try await before.close() }
            disk.restart(cut)

            let after = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
            #expect(!after.recovery.wasClosedCleanly)
            #expect(after.recovery.leaderEpoch == LeaderEpoch(rawValue: 1))
            // With the default isolation: what was acknowledged is shown at once, and what is shown is durable.
            let values = try await after.content(try partition()).values
            #expect(values.count >= 8, "seed \(seed): \(values)")
            #expect(values == (0..<10).prefix(values.count).map(String.init), "seed \(seed)")
            try await after.close()
        }
    }

    @Test func `What the system took survives a killed process, and a clean end is known on the next open`()
        async throws
    {
        let disk = SimulatedDisk()
        var daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
        for number in 0..<5 { _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders") }
        disk.restartProcess()
        await #expect(throws: DaybookError.self) { try await daybook.close() }
        daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        #expect(!daybook.recovery.wasClosedCleanly)
        #expect(try await daybook.content(try partition(), isolation: .pageCache).records.count == 5)
        try await daybook.close()
        disk.restart(.nothing)
        daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        #expect(daybook.recovery.wasClosedCleanly)
        #expect(try await daybook.content(try partition()).records.count == 5)
        try await daybook.close()
    }

    @Test func `C22 a directory whose making was cut short by kill -9 is durable all the same, once it is used`()
        async throws
    {
        for number in 0..<1000 {
            let disk = SimulatedDisk()
            disk.crash(at: number)
            let configuration = Configuration().with(disk: disk)
            do { try await Daybook.open("/srv/data", configuration: configuration).close() } catch {}
            guard disk.isDown else { return #expect(number > 10) }
            disk.restartProcess()
            let next = try await Daybook.open("/srv/data", configuration: Configuration().with(disk: disk))
            try await next.createTopic("orders")
            _ = try await next.makeProducer().send(Record(key: nil, value: "x"), to: "orders")
            disk.restart(.nothing)
            let last = try await Daybook.open("/srv/data", configuration: Configuration().with(disk: disk))
            #expect(try await last.content(try partition()).values == ["x"], "killed at call \(number)")
            try await last.close()
        }
    }

    @Test func `C1 damage at the end of a log that a reader has met is no torn tail after a power cut`() async throws {
        let disk = SimulatedDisk()
        var daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer()
        for number in 0..<10 { _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders") }
        try disk.corrupt("/data/orders-0/00000000000000000000.log", at: 100..<101)
        let before = try await daybook.content(try partition())
        #expect(before.gaps.map(\.nextOffset) == [2])
        #expect(before.values == (0..<10).filter { $0 != 1 }.map(String.init))
        // No watermark and no sidecar tells any more that these bytes were durable.
        disk.crash()
        await #expect(throws: DaybookError.self) { try await daybook.close() }
        disk.restart(.nothing)
        daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        #expect(daybook.recovery.findings.map(\.kind) == [.corruption])
        let after = try await daybook.content(try partition())
        #expect(after.gaps == before.gaps && after.values == before.values)
        try await daybook.close()
    }
}
