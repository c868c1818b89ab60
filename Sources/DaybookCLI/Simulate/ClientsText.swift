// What `daybook simulate clients` prints: what clients did, how their processes ended, and what was wrong with their history.
// The counts come from DaybookTesting as values.

import DaybookTesting

/// The outcome of some histories of clients, for people and for programs.
struct ClientsText {
    private let counts: ClientCounts
    private let firstSeed: UInt64
    private let lives: Int
    private let seconds: Double
    private let failed: ClientSimulationOutcome?
    private let broken: BrokenVariant?

    init(
        counts: ClientCounts, firstSeed: UInt64, lives: Int, seconds: Double, _ failed: ClientSimulationOutcome?,
        broken: BrokenVariant?
    ) {
        self.counts = counts
        self.firstSeed = firstSeed
        self.lives = lives
        self.seconds = seconds
        self.failed = failed
        self.broken = broken
    }

    private var rows: [(String, Int)] {
        [
            ("records sent", counts.sent), ("records handed to readers and workers", counts.handed),
            ("results of consume, process, produce", counts.results), ("commits of groups", counts.commits),
            ("transactions begun", counts.transactions), ("transactions committed", counts.committed),
            ("transactions left in doubt by a crash", counts.inDoubt), ("producers fenced by others", counts.fenced),
            ("transactions aborted by time", counts.timedOut),
        ] + ends
    }

    private var ends: [(String, Int)] {
        ClientHistory.Death.allCases.map { ("process: \($0.rawValue)", counts.deaths[$0, default: 0]) }
            + [("everything looked at", counts.audits)]
    }

    var text: String {
        var text = "Seeds \(firstSeed) to \(firstSeed &+ UInt64(max(1, counts.histories) - 1)), \(lives) lives each\n\n"
        var table = TextTable(columns: [.left("  what happened"), .right("times")])
        for (name, count) in rows { table.addRow(["  \(name)", Numbers.grouped(count)]) }
        text += table.render()
        text += "\n\(Numbers.grouped(counts.events)) events in \(Numbers.fixed(seconds, 2)) s; "
        text += "\(Numbers.grouped(counts.calls)) calls on the disk\n"
        guard let failed, let complaint = failed.complaint else {
            return text + "Lost, duplicate, reordered, phantom or aborted reads: none\n"
        }
        text += "\nSOMETHING IS WRONG with seed \(failed.seed):\n\(complaint)\n"
        let mistake = broken.map { " --broken \($0.rawValue)" } ?? ""
        text +=
            "\nTo see it again: daybook simulate clients --seed \(failed.seed) --lives \(lives) --runs 1\(mistake)\n"
        return text
    }

    var json: JSONValue {
        [
            "firstSeed": .integer(firstSeed), "histories": .integer(counts.histories), "livesEach": .integer(lives),
            "events": .integer(counts.events), "seconds": .number(seconds, places: 3), "calls": .integer(counts.calls),
            "counts": .object(rows.map { (key: $0.0, value: .integer($0.1)) }),
            "failures": .array((failed?.failures ?? []).map { .string($0) }),
            "violations": .array(
                (failed?.violations ?? []).map { violation in
                    [
                        "kind": .string(violation.kind.rawValue), "sentence": .string(violation.sentence),
                        "evidence": .array(violation.evidence.map { .integer($0) }),
                    ]
                }),
            "failedSeed": .optional(failed?.seed),
        ]
    }
}
