// A simulation that cannot fail proves nothing: every known mistake has to be caught within a few seeds.

import DaybookTesting
import Testing

@Suite struct BrokenVariantTests {
    /// Histories that may pass before a mistake has to be noticed.
    private static let limit = 60

    @Test(arguments: BrokenVariant.allCases)
    func `Every deliberate mistake is caught`(variant: BrokenVariant) {
        var options = SimulationOptions()
        options.sabotage = variant.wrap
        if variant == .replacesInTwoSteps {
            // Two calls lie between the two steps: little but small files that are replaced, and crashes.
            options.weights = SimulatedOperation.Weights([
                .append: 20, .createTopic: 4, .alterTopic: 10, .deleteRecords: 10, .pause: 2, .killSoon: 8,
                .cutPowerSoon: 16,
            ])
        }
        for seed in 0..<UInt64(Self.limit) {
            if Simulation(seed: seed, steps: 150, options: options).run().failure != nil { return }
        }
        Issue.record("\(variant.rawValue) was not noticed in \(Self.limit) histories")
    }
}
