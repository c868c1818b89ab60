// What `daybook simulate --enumerate` prints: how many crashes were tried, how deep, and the one that broke a promise.
// The counts come from DaybookTesting as values.

import DaybookTesting

/// The outcome of an enumeration, for people and for programs.
struct EnumerationText {
    private let outcome: CrashEnumeration.Outcome
    private let seed: UInt64
    private let seconds: Double

    init(_ outcome: CrashEnumeration.Outcome, seed: UInt64, seconds: Double) {
        self.outcome = outcome
        self.seed = seed
        self.seconds = seconds
    }

    var text: String {
        var text = "A history of \(CrashEnumeration.standardKinds.count) steps (seed \(seed)) crashed at "
        text += "\(Numbers.grouped(outcome.crashPoints)) calls\n"
        for (level, count) in outcome.recoveries.enumerated() {
            text += "  recoveries after \(level + 1) \(level == 0 ? "crash" : "crashes"): \(Numbers.grouped(count))\n"
        }
        text += "  disks seen before and left out: \(Numbers.grouped(outcome.pruned))\n"
        text += outcome.isComplete ? "Every crash was tried" : "The budget was used up: a sample was tried"
        text += ", in \(Numbers.fixed(seconds, 1)) s\n"
        guard let failure = outcome.failure else { return text + "Lost of what was promised: nothing\n" }
        text += "\nA PROMISE WAS BROKEN:\n  \(failure.violation)\nafter\n"
        for crash in failure.crashes { text += "  \(crash)\n" }
        return text
    }

    var json: JSONValue {
        [
            "seed": .integer(seed), "crashPoints": .integer(outcome.crashPoints),
            "recoveries": .array(outcome.recoveries.map { .integer($0) }), "pruned": .integer(outcome.pruned),
            "complete": .bool(outcome.isComplete), "seconds": .number(seconds, places: 3),
            "violation": .optional(outcome.failure?.violation.description),
            "crashes": .array((outcome.failure?.crashes ?? []).map { .string($0) }),
        ]
    }
}
