// Judges a history of clients: goes through its events once, knows at each what may and what must be there, and names what is
// otherwise. Pure: how the history came about is not its business. What one reader must not get is in `HistoryChecker+Reading`,
// what must be there when nobody is at work in `HistoryChecker+Audit`.

internal import DaybookModel

/// The judge of a history.
///
/// Readers are readers of committed records: what one of them has been handed is durable, and everybody finds it at that offset
/// from then on. What was answered with `.unknown`, or not at all, may be there or not; but once it has been found to be there,
/// or not, it stays so.
package struct HistoryChecker {
    /// One record, as far as it is known.
    struct RecordState {
        let sent: ClientHistory.Sent
        let event: Int
        var answer: ClientHistory.Answer?
        var answerEvent: Int?
        /// Where it stands in its partition, once somebody has seen it, and the event that says so.
        var place: (offset: Offset, event: Int)?
        /// The audit that has not found it although it had come to rest by then.
        var absence: Int?
    }

    struct TransactionState {
        let event: Int
        var records: [Int] = []
        var commits: [Int] = []
        var committing: Int?
        var outcome: ClientHistory.Outcome?
        var endEvent: Int?
        /// What an audit, or a reader, has found where the client knows nothing; and which event.
        var found: (isCommitted: Bool, event: Int)?

        /// Nil when nobody knows.
        var isCommitted: Bool? {
            if let found { return found.isCommitted }
            switch outcome {
            case .committed, .written: return true
            case .aborted: return false
            // Whoever has not asked for a commit gets none.
            case .unknown, nil: return committing == nil ? false : nil
            }
        }

        /// The events that say how it ended.
        var evidence: [Int?] { [event, committing, endEvent, found?.event] }
    }

    struct CommitState {
        let commit: ClientHistory.Commit
        let event: Int
        var answer: ClientHistory.Answer?
        var answerEvent: Int?
    }

    /// What one reader has got of one partition.
    struct Reading {
        /// Where it began.
        let first: Offset
        var next: Offset
        let event: Int
        var handed: [Int: (offset: Offset, event: Int)] = [:]
        /// Of each sender the last record, by the event of its sending.
        var last: [Int: (sent: Int, event: Int)] = [:]

        init(from first: Offset, event: Int) { (self.first, next, self.event) = (first, first, event) }
    }

    let processingGroups: Set<String>
    var records: [Int: RecordState] = [:]
    var transactions: [Int: TransactionState] = [:]
    var commits: [Int: CommitState] = [:]
    /// By reader.
    var readings: [Int: [TopicPartition: Reading]] = [:]
    /// What stands where, as far as anybody has seen it.
    var seen: [TopicPartition: [Offset: (record: Int, event: Int)]] = [:]
    /// The places of groups that the last audit has found.
    var places: [String: [TopicPartition: (offset: Offset, event: Int)]] = [:]
    var violations: [HistoryViolation] = []
    /// The event that is looked at.
    var event = 0

    private init(_ processingGroups: Set<String>) { self.processingGroups = processingGroups }

    /// What is wrong with a history, in the order of the events that show it; empty when all is well. O(events and audits).
    package static func violations(in history: ClientHistory) -> [HistoryViolation] {
        var checker = HistoryChecker(history.processingGroups)
        for (number, event) in history.events.enumerated() {
            checker.event = number
            checker.take(event)
        }
        return checker.violations
    }

    private mutating func take(_ event: ClientHistory.Event) {
        switch event {
        case .sent(let record, let sent):
            precondition(records[record] == nil, "record \(record) is sent twice: numbers occur once")
            records[record] = RecordState(sent: sent, event: self.event)
            if let transaction = sent.transaction { transactions[transaction]?.records.append(record) }
        case .answered(let record, let answer):
            records[record]?.answer = answer
            records[record]?.answerEvent = self.event
        case .began(let transaction): transactions[transaction] = TransactionState(event: self.event)
        case .committing(let transaction): transactions[transaction]?.committing = self.event
        case .ended(let transaction, let outcome): end(transaction, outcome)
        case .opened(let reader, let partition, let offset):
            readings[reader, default: [:]][partition] = Reading(from: offset, event: self.event)
        case .handed(let reader, let partition, let handed): hand(handed, of: partition, to: reader)
        case .committed(let number, let commit):
            commits[number] = CommitState(commit: commit, event: self.event)
            if let transaction = commit.transaction { transactions[transaction]?.commits.append(number) }
        case .answeredCommit(let commit, let answer):
            commits[commit]?.answer = answer
            commits[commit]?.answerEvent = self.event
        case .died(let death): die(death)
        case .audited(let audit): check(audit)
        }
    }

    private mutating func end(_ number: Int, _ outcome: ClientHistory.Outcome) {
        guard var transaction = transactions[number] else { return }
        (transaction.outcome, transaction.endEvent) = (outcome, event)
        transactions[number] = transaction
        // Readers may have been quicker than the answer.
        guard outcome == .aborted, let found = transaction.found, found.isCommitted else { return }
        report(
            .abortedRead, "transaction \(number) was aborted, and a reader had got a record of it", transaction.evidence
        )
    }

    private mutating func die(_ death: ClientHistory.Death) {
        switch death {
        case .killed: return
        case .closed:
            for (number, record) in records where record.answer == .written { records[number]?.answer = .durable }
            for (number, transaction) in transactions where transaction.outcome == .written {
                transactions[number]?.outcome = .committed
            }
        case .powerCut:
            for (number, record) in records where record.answer == .written { records[number]?.answer = .unknown }
            for (number, transaction) in transactions where transaction.outcome == .written {
                transactions[number]?.outcome = .unknown
            }
        }
    }

    mutating func report(_ kind: HistoryViolation.Kind, _ sentence: String, _ evidence: [Int?]) {
        violations.append(HistoryViolation(kind, sentence, evidence + [event]))
    }
}
