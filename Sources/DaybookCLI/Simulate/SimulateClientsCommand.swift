// `daybook simulate clients`: producers, transactions, readers and workers against the real engine, in memory and in virtual time,
// over several lives of a process. The simulation and the judge of its histories are in DaybookTesting.

import ArgumentParser
import DaybookTesting

/// `simulate clients`.
struct SimulateClientsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clients",
        abstract: "Try to make clients see what they must not: lost, duplicate, reordered, phantom or aborted records.",
        discussion: """
            Runs producers, transactions, readers and workers that consume, process and produce, all at once, over several \
            lives of a process that is closed, killed or loses its power, on a simulated disk. Everything they ask for, are told \
            and are handed is written down and judged. The same seed gives the same history. Exit code 0: nothing was wrong; 1: \
            something was, with the few events that show it.
            """)

    @Option(help: "Seed of the first history; the others follow it. Otherwise one is drawn.")
    var seed: UInt64?
    @Option(help: "Lives of the process in each history.")
    var lives = 4
    @Option(help: "How many histories to run.")
    var runs = 10
    @Option(help: "Run histories for this long, however many that are: 60s.", transform: OptionValues.duration)
    var time: Duration?
    @Option(help: ArgumentHelp("Let the engine make a mistake, to see it caught.", valueName: "mistake"))
    var broken: BrokenVariant?
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard lives > 0, runs > 0 else { throw ValidationError("--lives and --runs are at least 1") }
    }

    func run() throws {
        let first = seed ?? UInt64.random(in: 0..<1_000_000_000)
        var options = ClientSimulationOptions()
        options.lives = lives
        if let broken { options.sabotage = broken.wrap }
        var counts = ClientCounts()
        var failed: ClientSimulationOutcome?
        let progress = Progress(label: "Histories")
        let begun = ContinuousClock.now
        var number = 0
        while failed == nil, time.map({ begun.duration(to: .now) < $0 }) ?? (number < runs) {
            let outcome = ClientSimulation(seed: first &+ UInt64(number), options: options).run()
            counts.add(outcome.counts)
            if outcome.complaint != nil { failed = outcome }
            number += 1
            progress.update(number, of: max(runs, number))
        }
        progress.finish()
        let text = ClientsText(
            counts: counts, firstSeed: first, lives: lives, seconds: begun.duration(to: .now) / .seconds(1), failed,
            broken: broken)
        try StandardStream.output.writeAll((json ? text.json.text + "\n" : text.text).utf8)
        if failed != nil { throw ExitCode.failure }
    }
}
