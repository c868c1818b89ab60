// What clients of a log have asked for, been told and been handed, in the order in which it happened. Values only: who the
// clients are is in `ClientSimulation`, what must follow from a history in `HistoryChecker`.

package import DaybookModel

/// A recorded history. Records, transactions, commits and readers have numbers that occur once in it.
package struct ClientHistory: Sendable {
    package private(set) var events: [Event] = []
    /// Groups whose records are processed exactly once: each record of their inputs has one record in the outputs that names it
    /// as its source, or none as long as the group is not behind it.
    package var processingGroups: Set<String> = []

    package init() {}

    /// One thing that happened.
    package enum Event: Hashable, Sendable {
        /// A record is handed over.
        case sent(record: Int, Sent)
        /// What became of it. A record of a transaction is told only that it was refused.
        case answered(record: Int, Answer)
        case began(transaction: Int)
        /// Its commit is asked for.
        case committing(transaction: Int)
        case ended(transaction: Int, Outcome)
        /// A reader of committed records begins.
        case opened(reader: Int, TopicPartition, at: Offset)
        case handed(reader: Int, TopicPartition, Handed)
        /// Offsets of a group are handed over, alone or with a transaction.
        case committed(commit: Int, Commit)
        case answeredCommit(commit: Int, Answer)
        /// The process is over.
        case died(Death)
        /// Nobody is at work, and everything is looked at.
        case audited(Audit)
    }

    /// A record on its way.
    package struct Sent: Hashable, Sendable {
        /// Records of one sender to one partition keep their order.
        package var sender: Int
        package var partition: TopicPartition
        package var transaction: Int?
        package var source: Source?

        package init(sender: Int, partition: TopicPartition, transaction: Int? = nil, source: Source? = nil) {
            self.sender = sender
            self.partition = partition
            self.transaction = transaction
            self.source = source
        }
    }

    /// The record that another one was made of.
    package struct Source: Hashable, Sendable {
        package var group: String
        package var partition: TopicPartition
        package var offset: Offset

        package init(group: String, partition: TopicPartition, offset: Offset) {
            self.group = group
            self.partition = partition
            self.offset = offset
        }
    }

    /// What somebody was told.
    package enum Answer: Hashable, Sendable {
        /// It survives a power cut.
        case durable
        /// It survives the end of the process; a power cut may take it.
        case written
        /// It is not in the log.
        case refused
        /// Nobody knows.
        case unknown
    }

    /// How a transaction ended, as far as its client knows.
    package enum Outcome: Hashable, Sendable {
        case committed, aborted
        /// Committed, but a power cut may take it as a whole.
        case written
        case unknown
    }

    /// Offsets that a group commits: all or none.
    package struct Commit: Hashable, Sendable {
        package var group: String
        package var offsets: [TopicPartition: Offset]
        package var transaction: Int?

        package init(group: String, offsets: [TopicPartition: Offset], transaction: Int? = nil) {
            self.group = group
            self.offsets = offsets
            self.transaction = transaction
        }
    }

    /// How a process ends.
    package enum Death: String, Hashable, Sendable, CaseIterable {
        case closed, killed
        case powerCut = "power cut"
    }

    /// A record as a reader gets it.
    package struct Handed: Hashable, Sendable {
        package var offset: Offset
        /// Nil for bytes that nobody has sent.
        package var record: Int?

        package init(_ offset: Offset, _ record: Int?) {
            self.offset = offset
            self.record = record
        }
    }

    /// Everything that readers of committed records may see, and where the groups are.
    package struct Audit: Hashable, Sendable {
        package var views: [TopicPartition: [Handed]] = [:]
        package var places: [String: [TopicPartition: Offset]] = [:]

        package init() {}
    }

    /// Adds what has happened after everything else.
    package mutating func append(_ event: Event) { events.append(event) }

    /// Some of the events, one line each, with their numbers.
    package func lines(_ numbers: [Int]) -> [String] { numbers.map { "\($0): \(events[$0])" } }
}

extension ClientHistory.Event: CustomStringConvertible {
    package var description: String {
        switch self {
        case .sent(let record, let sent):
            let part = sent.transaction.map { " in transaction \($0)" } ?? ""
            let source = sent.source.map { ", made of \($0.partition) at \($0.offset)" } ?? ""
            return "record \(record) is sent to \(sent.partition) by \(sent.sender)\(part)\(source)"
        case .answered(let record, let answer): return "record \(record) is answered: \(answer)"
        case .began(let transaction): return "transaction \(transaction) begins"
        case .committing(let transaction): return "transaction \(transaction) is to be committed"
        case .ended(let transaction, let outcome): return "transaction \(transaction) has ended: \(outcome)"
        case .opened(let reader, let partition, let offset):
            return "reader \(reader) begins in \(partition) at \(offset)"
        case .handed(let reader, let partition, let handed):
            let record = handed.record.map { "record \($0)" } ?? "bytes that nobody has sent"
            return "reader \(reader) gets \(record) at \(handed.offset) of \(partition)"
        case .committed(let commit, let offsets):
            let part = offsets.transaction.map { " in transaction \($0)" } ?? ""
            let places = offsets.offsets.sorted { $0.key < $1.key }.map { "\($0.key) at \($0.value)" }
            return "commit \(commit) of \(offsets.group)\(part): \(places.joined(separator: ", "))"
        case .answeredCommit(let commit, let answer): return "commit \(commit) is answered: \(answer)"
        case .died(let death): return "the process ends: \(death.rawValue)"
        case .audited(let audit):
            return "all is looked at: \(audit.views.values.reduce(0) { $0 + $1.count }) records can be read"
        }
    }
}
