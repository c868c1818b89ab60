// `daybook simulate log`: histories of appends, crashes and failing disks against the real engine, in memory and in virtual time.
// The simulation itself is in DaybookTesting; how its counts are shown is in `SimulationText`.

import ArgumentParser
import DaybookTesting

/// `simulate log`, which `simulate` alone means as well.
struct SimulateLogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Try to make the log break a promise: crashes, power cuts and failing disks, simulated.",
        discussion: """
            Runs seeded histories of appends, reads and changes of topics against the engine on a simulated disk that loses what \
            a real one may lose, and checks after each recovery that everything promised is there and nothing else. The same \
            seed gives the same run. Exit code 0: every promise was kept; 1: one was broken, with the shortest history that \
            breaks it.
            """)

    @Option(help: "Seed of the first history; the others follow it. Otherwise one is drawn.")
    var seed: UInt64?
    @Option(help: "Steps of each history.")
    var steps = 2000
    @Option(help: "How many histories to run.")
    var runs = 1
    @Option(help: "Run histories for this long, however many that are: 60s.", transform: OptionValues.duration)
    var time: Duration?
    @Option(help: "Only these steps of the history: 3,7,9. Says what each of them does.")
    var only: String?
    @Flag(help: "Only crashes: no call fails and no byte changes on the disk.")
    var crashesOnly = false
    @Option(
        help: ArgumentHelp("Let the engine make a mistake, to see it caught: \(Self.mistakes).", valueName: "mistake"))
    var broken: BrokenVariant?
    @Flag(help: "Instead of long histories, crash a short one at every call, and its recovery, three deep.")
    var enumerate = false
    @Option(help: "With --enumerate: at most this many recoveries, drawn from all there are.")
    var budget: Int?
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard steps > 0, runs > 0 else { throw ValidationError("--steps and --runs are at least 1") }
        _ = try chosenSteps()
    }

    func run() throws {
        let first = seed ?? UInt64.random(in: 0..<1_000_000_000)
        var options = SimulationOptions()
        if crashesOnly { options.weights = .crashes }
        options.only = try chosenSteps()
        options.transcribes = options.only != nil
        if let broken { options.sabotage = broken.wrap }
        if enumerate { return try runEnumeration(first, options) }
        var total = SimulationReport()
        var failed: SimulationOutcome?
        let progress = Progress(label: "Steps")
        let begun = ContinuousClock.now
        var number = 0
        while failed == nil, goesOn(number, begun) {
            let outcome = Simulation(seed: first &+ UInt64(number), steps: steps, options: options).run()
            total.add(outcome.report)
            if outcome.failure != nil { failed = outcome }
            if options.only != nil { note(outcome.transcript.joined(separator: "\n")) }
            number += 1
            progress.update(total.steps, of: steps * max(runs, number))
        }
        progress.finish()
        let seconds = begun.duration(to: .now) / .seconds(1)
        let shrunk = failed.flatMap { outcome -> ShrunkHistory? in
            note("Seed \(outcome.seed) breaks a promise; looking for the shortest history that does")
            return Simulation.shrink(seed: outcome.seed, steps: steps, options: options)
        }
        let text = SimulationText(report: total, firstSeed: first, steps: steps, seconds: seconds, failed, shrunk)
        try StandardStream.output.writeAll((json ? text.json.text + "\n" : text.text).utf8)
        if failed != nil { throw ExitCode.failure }
    }

    private func runEnumeration(_ seed: UInt64, _ options: SimulationOptions) throws {
        let begun = ContinuousClock.now
        let outcome = CrashEnumeration(seed: seed, budget: budget ?? .max, options: options).run()
        let text = EnumerationText(outcome, seed: seed, seconds: begun.duration(to: .now) / .seconds(1))
        try StandardStream.output.writeAll((json ? text.json.text + "\n" : text.text).utf8)
        if outcome.failure != nil { throw ExitCode.failure }
    }

    private static let mistakes = BrokenVariant.allCases.map(\.rawValue).joined(separator: ", ")

    private func goesOn(_ number: Int, _ begun: ContinuousClock.Instant) -> Bool {
        guard let time else { return number < runs }
        return begun.duration(to: .now) < time
    }

    private func chosenSteps() throws -> Set<Int>? {
        try only.map { list in
            Set(
                try list.split(separator: ",").map { word in
                    guard let number = Int(word) else { throw ValidationError("--only takes numbers: 3,7,9") }
                    return number
                })
        }
    }
}

extension BrokenVariant: ExpressibleByArgument {}
