// Whole histories against the real engine: fixed seeds, fresh ones, the same seed twice, and every crash of a short one.

import DaybookTesting
import Testing

@Suite struct SimulationTests {
    /// Runs a history and records what it broke, shrunk.
    private func expectKept(seed: UInt64, steps: Int, _ options: SimulationOptions = SimulationOptions()) {
        guard let failure = Simulation(seed: seed, steps: steps, options: options).run().failure else { return }
        let shrunk = Simulation.shrink(seed: seed, steps: steps, options: options, limit: 500)
        let history = shrunk?.outcome.transcript.joined(separator: "\n") ?? ""
        Issue.record("seed \(seed), step \(failure.step) of \(steps): \(failure.violation)\n\(history)")
    }

    @Test(arguments: UInt64(1)...6)
    func `Whatever happens to the disk, no history breaks a promise`(seed: UInt64) {
        expectKept(seed: seed, steps: 150)
    }

    @Test(arguments: UInt64(1)...4)
    func `C25 a history of killed processes and power cuts breaks no promise`(seed: UInt64) {
        var options = SimulationOptions()
        options.weights = .crashes
        expectKept(seed: seed, steps: 150, options)
    }

    @Test func `Fresh seeds break no promise`() {
        let begun = ContinuousClock.now
        var seed = UInt64.random(in: 0..<1_000_000_000)
        print("fresh seeds from \(seed), 150 steps each")
        while begun.duration(to: .now) < .seconds(3) {
            expectKept(seed: seed, steps: 150)
            seed += 1
        }
    }

    @Test func `The same seed is the same run to the last line`() {
        func transcript() -> [String] {
            var options = SimulationOptions()
            options.transcribes = true
            return Simulation(seed: 11, steps: 100, options: options).run().transcript
        }
        let first = transcript()
        #expect(first.count > 100)
        #expect(first == transcript())
    }

    @Test func `C9 every crash of a short history, and of its recoveries, breaks no promise`() {
        let outcome = CrashEnumeration(seed: 1, budget: 150).run()
        #expect(outcome.crashPoints > 100)
        #expect(outcome.recoveries.count == 3 && outcome.recoveries.allSatisfy { $0 > 0 })
        if let failure = outcome.failure {
            Issue.record("\(failure.violation)\n\(failure.crashes.joined(separator: "\n"))")
        }
    }

    @Test func `A failure is shrunk to the steps that it needs`() throws {
        var options = SimulationOptions()
        options.sabotage = BrokenVariant.neverFlushes.wrap
        let shrunk = try #require(Simulation.shrink(seed: 2, steps: 100, options: options))
        #expect(shrunk.steps.count <= 3)
        #expect(shrunk.outcome.failure != nil)
        options.only = Set(shrunk.steps)
        #expect(Simulation(seed: 2, steps: 100, options: options).run().failure != nil)
    }
}
