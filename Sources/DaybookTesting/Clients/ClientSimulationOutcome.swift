// What a simulation of clients did and what came of it, counted from its history. Several can be added up; printing them is the
// command line's work.

internal import DaybookModel

/// How one simulation of clients ended.
package struct ClientSimulationOutcome: Sendable {
    package let seed: UInt64
    package let history: ClientHistory
    /// How often clients were refused something that they should be refused, by the errors' codes.
    package let refusals: [String: Int]
    /// What clients, or who looked at everything, were told that nothing explains.
    package let failures: [String]
    /// Calls on the simulated disk.
    package let calls: Int
    package let violations: [HistoryViolation]

    init(seed: UInt64, history: ClientHistory, refusals: [String: Int], failures: [String], calls: Int) {
        self.seed = seed
        self.history = history
        self.refusals = refusals
        self.failures = failures
        self.calls = calls
        violations = HistoryChecker.violations(in: history)
    }

    /// The first thing that is wrong, with the few events that show it; nil when all is well.
    package var complaint: String? { failures.first ?? violations.first?.explanation(in: history) }

    package var counts: ClientCounts { ClientCounts(self) }
}

/// What happened in some simulations of clients. Can be added up.
package struct ClientCounts: Hashable, Sendable {
    package private(set) var histories = 0
    /// Everything that was asked for, told or handed out.
    package private(set) var events = 0
    package private(set) var sent = 0
    package private(set) var handed = 0
    package private(set) var results = 0
    package private(set) var commits = 0
    package private(set) var transactions = 0
    package private(set) var committed = 0
    package private(set) var inDoubt = 0
    package private(set) var fenced = 0
    package private(set) var timedOut = 0
    package private(set) var audits = 0
    package private(set) var deaths: [ClientHistory.Death: Int] = [:]
    package private(set) var calls = 0

    package init() {}

    init(_ outcome: ClientSimulationOutcome) {
        histories = 1
        events = outcome.history.events.count
        calls = outcome.calls
        fenced = outcome.refusals["producerFenced", default: 0]
        timedOut = outcome.refusals["transactionTimedOut", default: 0]
        for event in outcome.history.events { count(event) }
    }

    private mutating func count(_ event: ClientHistory.Event) {
        switch event {
        case .sent(_, let record):
            sent += 1
            if record.source != nil { results += 1 }
        case .handed: handed += 1
        case .committed: commits += 1
        case .began: transactions += 1
        case .ended(_, let outcome):
            if outcome == .committed || outcome == .written { committed += 1 }
            if outcome == .unknown { inDoubt += 1 }
        case .died(let death): deaths[death, default: 0] += 1
        case .audited: audits += 1
        case .answered, .committing, .opened, .answeredCommit: break
        }
    }

    /// Adds another's counts.
    package mutating func add(_ other: ClientCounts) {
        histories += other.histories
        events += other.events
        sent += other.sent
        handed += other.handed
        results += other.results
        commits += other.commits
        transactions += other.transactions
        committed += other.committed
        inDoubt += other.inDoubt
        fenced += other.fenced
        timedOut += other.timedOut
        audits += other.audits
        deaths.merge(other.deaths, uniquingKeysWith: +)
        calls += other.calls
    }
}
