// What a simulation did and what came of it, as values; printing them is the command line's work.
// Reports of several histories can be added up.

/// Counts of what was done, what was inflicted, and what was lost.
package struct SimulationReport: Sendable {
    package internal(set) var histories = 0
    /// Steps taken.
    package internal(set) var steps = 0
    package internal(set) var operations: [SimulatedOperation.Kind: Int] = [:]
    package internal(set) var recordsSent = 0
    package internal(set) var recordsDurable = 0
    package internal(set) var recordsWritten = 0
    package internal(set) var recordsRefused = 0
    package internal(set) var recordsRead = 0
    /// Records that had been acknowledged as written, not as durable, and that a power cut took: no promise was broken.
    package internal(set) var recordsLostUnpromised = 0
    /// Records that had been promised, whose bytes were damaged or stood behind such, and that a power cut took before anything
    /// on the disk said that they were durable: two faults at once, against which nothing is promised.
    package internal(set) var recordsLostToTwoFaults = 0
    /// Offsets in gaps, all in bytes that were damaged on purpose or above what was promised.
    package internal(set) var offsetsInGaps = 0
    package internal(set) var cleanCloses = 0
    package internal(set) var kills = 0
    package internal(set) var powerCuts = 0
    package internal(set) var crashesInRecovery = 0
    /// Recoveries after which everything was checked.
    package internal(set) var recoveries = 0
    /// Calls on the simulated disk.
    package internal(set) var calls = 0
    /// Which faults struck and how power cuts ended.
    package internal(set) var coverage = Coverage()
    /// How often each fault struck while a step of a kind was under way.
    package internal(set) var faults: [SimulatedOperation.Kind: Coverage] = [:]

    package init() {}

    /// Adds another report's counts.
    package mutating func add(_ other: SimulationReport) {
        histories += other.histories
        steps += other.steps
        operations.merge(other.operations, uniquingKeysWith: +)
        recordsSent += other.recordsSent
        recordsDurable += other.recordsDurable
        recordsWritten += other.recordsWritten
        recordsRefused += other.recordsRefused
        recordsRead += other.recordsRead
        recordsLostUnpromised += other.recordsLostUnpromised
        recordsLostToTwoFaults += other.recordsLostToTwoFaults
        offsetsInGaps += other.offsetsInGaps
        cleanCloses += other.cleanCloses
        kills += other.kills
        powerCuts += other.powerCuts
        crashesInRecovery += other.crashesInRecovery
        recoveries += other.recoveries
        calls += other.calls
        coverage += other.coverage
        for (kind, coverage) in other.faults { faults[kind, default: Coverage()] += coverage }
    }

    /// Takes note of what struck during a step.
    mutating func cover(_ operation: SimulatedOperation.Kind, _ after: Coverage, since before: Coverage) {
        for kind in Coverage.Kind.allCases where after[kind] > before[kind] {
            faults[operation, default: Coverage()].count(kind, after[kind] - before[kind])
        }
    }
}

/// How one history ended.
package struct SimulationOutcome: Sendable {
    package let seed: UInt64
    package internal(set) var report = SimulationReport()
    /// The promise that was broken, and at which step; nil when all were kept.
    package internal(set) var failure: (step: Int, violation: Violation)?
    /// What each step did, one line each, where that was asked for.
    package internal(set) var transcript: [String] = []
}
