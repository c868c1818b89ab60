// A simulation that cannot fail proves nothing: every known mistake has to be caught within a few seeds.

import DaybookTesting
import Testing

@Suite struct BrokenVariantTests {
    /// Histories that may pass before a mistake has to be noticed.
    private static let limit = 150

    @Test(arguments: BrokenVariant.allCases)
    func `Every deliberate mistake is caught`(variant: BrokenVariant) {
        var options = SimulationOptions()
        options.sabotage = variant.wrap
        var limit = Self.limit
        if variant == .mistakesRestartForKill {
            // A restart that looks like a kill does harm only where a sidecar outlives the bytes it speaks of. Among many
            // power cuts and little else that happens now and then, else hardly ever.
            options.weights = SimulatedOperation.Weights([
                .append: 60, .createTopic: 1, .pause: 2, .kill: 1, .cutPower: 10, .cutPowerSoon: 8,
            ])
            limit = 400
        }
        for seed in 0..<UInt64(limit) {
            if Simulation(seed: seed, steps: 150, options: options).run().failure != nil { return }
        }
        Issue.record("\(variant.rawValue) was not noticed in \(limit) histories")
    }
}
