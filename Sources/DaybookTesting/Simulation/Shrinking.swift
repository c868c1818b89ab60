// From a history that fails to the shortest one that can be had by leaving steps out.
// Delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002).

/// The steps of a failing history that are needed for it to fail.
package struct ShrunkHistory: Sendable {
    /// Numbers of the steps, in order.
    package let steps: [Int]
    /// How the history of just these steps ends, with a line for each.
    package let outcome: SimulationOutcome
    /// Histories run to find them.
    package let attempts: Int
}

extension Simulation {
    /// Leaves out steps for as long as some promise is still broken; nil when the whole history breaks none.
    ///
    /// Runs at most `limit` histories. Any violation counts as the one that is looked for.
    package static func shrink(
        seed: UInt64, steps: Int, options: SimulationOptions, limit: Int = 2000
    ) -> ShrunkHistory? {
        var attempts = 0
        func run(_ only: [Int], transcribes: Bool = false) -> SimulationOutcome {
            attempts += 1
            var options = options
            options.only = Set(only)
            options.transcribes = transcribes
            return Simulation(seed: seed, steps: steps, options: options).run()
        }
        var kept = options.only.map { $0.sorted() } ?? Array(0..<steps)
        guard let first = run(kept).failure else { return nil }
        // What comes behind the failure has no part in it.
        kept = kept.filter { $0 <= first.step }
        var pieces = 2
        while kept.count > 1, attempts < limit {
            let size = (kept.count + pieces - 1) / pieces
            var isShorter = false
            var start = 0
            while start < kept.count, attempts < limit {
                let rest = Array(kept[..<start] + kept[min(start + size, kept.count)...])
                if let failure = run(rest).failure {
                    kept = rest.filter { $0 <= failure.step }
                    isShorter = true
                } else {
                    start += size
                }
            }
            if isShorter {
                pieces = max(2, min(pieces, kept.count))
            } else if size > 1 {
                pieces = min(kept.count, pieces * 2)
            } else {
                break
            }
        }
        if run([]).failure != nil { kept = [] }
        return ShrunkHistory(steps: kept, outcome: run(kept, transcribes: true), attempts: attempts)
    }
}
