// What `daybook simulate` prints: what was done, what was inflicted, what was lost, and how to see a failure again.
// The counts come from DaybookTesting as values.

import DaybookTesting

/// The outcome of some histories, for people and for programs.
struct SimulationText {
    private let report: SimulationReport
    private let firstSeed: UInt64
    private let steps: Int
    private let seconds: Double
    private let failed: SimulationOutcome?
    private let shrunk: ShrunkHistory?

    init(
        report: SimulationReport, firstSeed: UInt64, steps: Int, seconds: Double, _ failed: SimulationOutcome?,
        _ shrunk: ShrunkHistory?
    ) {
        self.report = report
        self.firstSeed = firstSeed
        self.steps = steps
        self.seconds = seconds
        self.failed = failed
        self.shrunk = shrunk
    }

    private var stepsPerSecond: Int { Int(Double(report.steps) / max(seconds, 0.000_001)) }

    // MARK: for people

    var text: String {
        var text = "Seeds \(firstSeed) to \(firstSeed &+ UInt64(max(1, report.histories) - 1)), \(steps) steps each\n\n"
        text += "What was done\n" + operations() + "\n"
        text += "What was inflicted\n" + faults() + "\n"
        text += "What became of the records\n" + records() + "\n"
        text += "\(Numbers.grouped(report.steps)) steps in \(Numbers.fixed(seconds, 2)) s, "
        text += "\(Numbers.grouped(stepsPerSecond)) a second; \(Numbers.grouped(report.calls)) calls on the disk\n"
        guard let failed, let failure = failed.failure else {
            return text + "Lost of what was promised: nothing\n"
        }
        text += "\nA PROMISE WAS BROKEN at step \(failure.step) of seed \(failed.seed):\n  \(failure.violation)\n"
        guard let shrunk else { return text }
        let numbers = shrunk.steps.map(String.init).joined(separator: ",")
        text += "\n\(shrunk.steps.count) steps are enough (found in \(shrunk.attempts) runs):\n"
        for line in shrunk.outcome.transcript { text += "  \(line)\n" }
        if let shorter = shrunk.outcome.failure { text += "  => \(shorter.violation)\n" }
        return text + "\nTo see it again: daybook simulate --seed \(failed.seed) --steps \(steps) --only \(numbers)\n"
    }

    private func operations() -> String {
        var table = TextTable(columns: [.left("  step"), .right("times"), .left("faults that struck meanwhile")])
        for kind in SimulatedOperation.Kind.allCases {
            guard let count = report.operations[kind] else { continue }
            let struck = Coverage.Kind.allCases.filter { (report.faults[kind]?[$0] ?? 0) > 0 && $0.isFault }
            table.addRow(["  \(kind.rawValue)", Numbers.grouped(count), "\(struck.count) kinds"])
        }
        return table.render()
    }

    private func faults() -> String {
        var table = TextTable(columns: [.left("  fault, or how a crash left the disk"), .right("times")])
        for kind in Coverage.Kind.allCases {
            table.addRow([
                "  \(kind.rawValue)", report.coverage[kind] == 0 ? "-" : Numbers.grouped(report.coverage[kind]),
            ])
        }
        table.addRow(["  crash in the midst of recovery", Numbers.grouped(report.crashesInRecovery)])
        return table.render()
    }

    private func records() -> String {
        var table = TextTable(columns: [.left("  records"), .right("count")])
        for (name, count) in counts { table.addRow(["  \(name)", Numbers.grouped(count)]) }
        return table.render()
    }

    private var counts: [(String, Int)] {
        [
            ("sent", report.recordsSent), ("acknowledged as durable", report.recordsDurable),
            ("acknowledged as written", report.recordsWritten), ("refused or not answered", report.recordsRefused),
            ("read and compared", report.recordsRead),
            ("lost to power cuts, never promised", report.recordsLostUnpromised),
            ("lost to damage and a power cut at once", report.recordsLostToTwoFaults),
            ("in gaps of damaged bytes", report.offsetsInGaps),
            ("recoveries checked", report.recoveries), ("proper closes", report.cleanCloses),
        ]
    }

    // MARK: for programs

    var json: JSONValue {
        [
            "firstSeed": .integer(firstSeed), "histories": .integer(report.histories),
            "stepsEach": .integer(steps), "steps": .integer(report.steps), "seconds": .number(seconds, places: 3),
            "stepsPerSecond": .integer(stepsPerSecond), "calls": .integer(report.calls),
            "operations": .object(
                SimulatedOperation.Kind.allCases.map {
                    (key: $0.rawValue, value: .integer(report.operations[$0] ?? 0))
                }),
            "faults": .object(
                Coverage.Kind.allCases.map { (key: "\($0)", value: .integer(report.coverage[$0])) }),
            "crashesInRecovery": .integer(report.crashesInRecovery),
            "records": .object(counts.map { (key: $0.0, value: .integer($0.1)) }),
            "violation": .optional(failed?.failure?.violation.description),
            "failedSeed": .optional(failed?.seed),
            "shrunk": shrunk.map { history in
                [
                    "steps": .array(history.steps.map { .integer($0) }),
                    "history": .array(history.outcome.transcript.map { .string($0) }),
                ]
            } ?? .null,
        ]
    }
}

extension Coverage.Kind {
    /// Whether it befalls calls, and is not a way in which a crash ends.
    fileprivate var isFault: Bool {
        switch self {
        case .refusedIO, .refusedSpace, .interrupted, .refusedOther, .shortRead, .shortWrite, .tornWrite, .flushFailure,
            .directoryFlushFailure, .writeBackFailure, .diskFull, .bitRot, .processCrash, .machineCrash, .tornByCrash:
            true
        default: false
        }
    }
}
