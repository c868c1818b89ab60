// Producers, transactions, readers and workers over several lives of a process: fixed seeds, fresh ones, the same seed twice, and
// mistakes of the disk and of clients, each of which the history must show.

import DaybookTesting
import Testing

@Suite struct ClientSimulationTests {
    private func expectKept(_ outcome: ClientSimulationOutcome) {
        if let complaint = outcome.complaint { Issue.record("seed \(outcome.seed): \(complaint)") }
    }

    @Test func `Whatever clients do, and however their process ends, their histories are right`() {
        var counts = ClientCounts()
        for seed in UInt64(1)...8 {
            let outcome = ClientSimulation(seed: seed).run()
            expectKept(outcome)
            counts.add(outcome.counts)
        }
        // Otherwise nothing of that has been tried.
        #expect(counts.sent > 1500 && counts.handed > 1500 && counts.results > 150, "\(counts)")
        #expect(counts.committed > 70 && counts.fenced > 7 && counts.timedOut > 2, "\(counts)")
        #expect(counts.deaths.count == 3 && counts.audits == counts.histories * 4, "\(counts)")
    }

    @Test func `Fresh seeds are right too`() {
        let begun = ContinuousClock.now
        var seed = UInt64.random(in: 0..<1_000_000_000)
        print("fresh seeds of clients from \(seed)")
        while begun.duration(to: .now) < .seconds(3) {
            expectKept(ClientSimulation(seed: seed).run())
            seed += 1
        }
    }

    @Test func `The same seed is the same history to the last event`() {
        let (first, second) = (ClientSimulation(seed: 5).run().history, ClientSimulation(seed: 5).run().history)
        #expect(first.events.count > 300)
        #expect(first.events == second.events)
    }

    private func kinds(of options: ClientSimulationOptions, seeds: Int) -> Set<HistoryViolation.Kind> {
        var kinds: Set<HistoryViolation.Kind> = []
        for seed in 0..<UInt64(seeds) {
            kinds.formUnion(ClientSimulation(seed: seed, options: options).run().violations.map(\.kind))
        }
        return kinds
    }

    @Test func `Readers that take what is not committed are found out`() {
        var options = ClientSimulationOptions()
        options.mistake = .readsUncommitted
        #expect(kinds(of: options, seeds: 2).contains(.abortedRead))
    }

    @Test func `Workers that commit apart from their results are found out`() {
        var options = ClientSimulationOptions()
        options.mistake = .commitsApart
        #expect(!kinds(of: options, seeds: 6).isDisjoint(with: [.duplicate, .torn]))
    }

    @Test func `A disk that never flushes is found out`() {
        var options = ClientSimulationOptions()
        options.sabotage = BrokenVariant.neverFlushes.wrap
        #expect(kinds(of: options, seeds: 6).contains(.lost))
    }
}
