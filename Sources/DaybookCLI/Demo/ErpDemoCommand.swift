// `daybook demo erp`: orders flow from a CRM to an ERP, to accounting and to logistics, with everything going wrong that goes
// wrong in practice, on a virtual clock. The scenario is in DaybookScenario; what is printed is in `ErpDemoText`.

import ArgumentParser
import Daybook
import DaybookScenario
import DaybookTesting

/// Runs the ERP scenario and shows what came of every event.
struct ErpDemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erp",
        abstract: "Carry orders to three outside systems that fail, and show what came of every event.",
        discussion: """
            A CRM publishes orders, amendments and cancellations, some of them twice, some too early. Three groups carry them to an ERP \
            (transactional), to accounting (idempotency keys; some answers are lost, some tax ids are rejected) and to logistics (can be \
            asked; down for 45 seconds). Then somebody corrects the tax ids and redrives. Everything runs in this process on a simulated \
            disk and a virtual clock: the same orders give the same result every time.
            """)

    @Option(help: "How many orders.")
    var orders = 1000

    @Flag(help: "Show what direct calls with plain retries would have done.")
    var naive = false

    @Flag(help: "Print every figure as one JSON object.")
    var json = false

    func validate() throws {
        if !(1...1_000_000).contains(orders) { throw ValidationError("--orders needs a number from 1 to 1000000.") }
    }

    func run() async throws {
        let disk = SimulatedDisk(seed: 1, clock: ManualClock())
        let loop = SimulationLoop(clock: disk.clock)
        let progress = Progress(label: "Events published", isShown: StandardStream.showsProgress)
        let start = ContinuousClock.now
        let scenario = try ErpScenario(
            orders: 1...orders,
            clock: ScenarioClock(now: { loop.clock.elapsed() }, wait: { await loop.pass($0) }),
            onPublished: { progress.update($0) })
        if naive {
            let result = try NaiveRun(scenario.arrivals)
            return try print(json ? result.json(orders: orders).text : result.text(orders: orders))
        }
        var configuration = Configuration().with(disk: disk)
        configuration.executor = loop
        configuration.housekeeping.isAutomatic = false
        configuration.hasControlSocket = false
        let opened = configuration
        let outcome = try loop.run {
            let daybook = try await Daybook.open("/data", configuration: opened)
            let outcome = try await scenario.run(daybook)
            try await daybook.close()
            return outcome
        }
        progress.finish()
        let result = ErpDemoResult(
            orders: orders, scenario: scenario, outcome: outcome, log: try ErpLogFigures(scenario.arrivals),
            naive: try NaiveRun(scenario.arrivals), virtual: loop.clock.elapsed(),
            seconds: start.duration(to: .now).seconds)
        try print(json ? result.json.text : result.text)
    }

    private func print(_ text: String) throws {
        try StandardStream.output.writeLine(text.hasSuffix("\n") ? String(text.dropLast()) : text)
    }
}
