// `daybook simulate clients`: what it prints when all is well, and when a mistake is put between engine and disk.
// What it runs is tested beside the simulation itself.

import DaybookTesting
import Testing

@testable import DaybookCLI

@Suite struct SimulateClientsTests {
    private func outcome(_ broken: BrokenVariant?, seed: UInt64) -> ClientSimulationOutcome {
        var options = ClientSimulationOptions()
        options.lives = 2
        if let broken { options.sabotage = broken.wrap }
        return ClientSimulation(seed: seed, options: options).run()
    }

    private func text(_ outcome: ClientSimulationOutcome, _ broken: BrokenVariant?) -> ClientsText {
        var counts = ClientCounts()
        counts.add(outcome.counts)
        let failed = outcome.complaint == nil ? nil : outcome
        return ClientsText(counts: counts, firstSeed: outcome.seed, lives: 2, seconds: 1, failed, broken: broken)
    }

    @Test func `What happened is counted, and nothing is wrong`() {
        let text = text(outcome(nil, seed: 1), nil)
        #expect(text.text.contains("Lost, duplicate, reordered, phantom or aborted reads: none"))
        #expect(text.text.contains("Seeds 1 to 1, 2 lives each"))
        #expect(text.json.text.contains(#""violations":[]"#) && text.json.text.contains(#""failedSeed":null"#))
    }

    @Test func `What is wrong is explained, with the command that shows it again`() throws {
        let broken = BrokenVariant.neverFlushes
        let failed = try #require((0..<20).lazy.map { outcome(broken, seed: $0) }.first { $0.complaint != nil })
        let text = text(failed, broken)
        #expect(text.text.contains("SOMETHING IS WRONG with seed \(failed.seed):\nlost: "))
        #expect(text.text.contains("simulate clients --seed \(failed.seed) --lives 2 --runs 1 --broken neverFlushes"))
        #expect(text.json.text.contains(#""kind":"lost""#))
    }
}
