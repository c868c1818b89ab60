// The life of one transactional id: who may use it, and how far its transaction is. Decides and does nothing: the actions that
// it returns are carried out by `TransactionCoordinator`, which tells it how they ended.

package import DaybookModel
package import DaybookRecords

/// Markers to be written: the end of a transaction, partition by partition.
package struct TransactionMarks: Hashable, Sendable {
    package let kind: ControlRecord.Kind
    package let producer: ProducerID
    /// One above the epoch of the transaction's records.
    package let epoch: Int16
    /// In order; never empty.
    package let partitions: [TopicPartition]
}

/// One transactional id as its coordinator sees it. Kafka's states are named with each case.
///
/// Every end of a transaction raises the producer's epoch by one, and its markers carry the new epoch (KIP-890): a marker that
/// comes late, or twice, finds the next transaction with that epoch and cannot end it, and records that come late find it gone.
/// Sequence numbers begin at 0 with each transaction.
///
/// `Ongoing` is not written down. Kafka needs to know later which partitions a producer of another machine has touched; here a
/// producer lives in the process that keeps the log, its transaction ends with the process, and the partitions themselves
/// know who has left one open. So the one thing that must be durable before the first marker is the decision to commit:
/// `PrepareCommit`, with the partitions. Whatever is open at the next start and was not decided is aborted.
package struct TransactionStateMachine: Sendable {
    /// How far the id and its transaction are.
    package enum State: Hashable, Sendable {
        /// No transaction is open (Empty, CompleteCommit, CompleteAbort).
        case idle
        /// A new producer's epoch is being written down.
        case registering
        /// Open (Ongoing).
        case open
        /// To be committed; the decision is being written down (PrepareCommit).
        case deciding([TopicPartition])
        /// Decided; these markers are not written yet (PrepareCommit, PrepareAbort).
        case ending(ControlRecord.Kind, remaining: Set<TopicPartition>)
        /// Nothing can be decided before the directory is opened again: the flush behind a decision failed, and only the log
        /// knows what it says; or a partition took no marker of a transaction that was decided, and the decision must stay the
        /// last word until it has one.
        case suspended
        /// Nobody has used it for long, and it has been forgotten: whoever wants the id begins anew (Dead).
        case expired
    }

    /// The last epoch that records may have: the markers behind them have one more.
    package static let lastEpoch: Int16 = .max - 1

    package private(set) var state = State.idle
    package private(set) var producer: ProducerID
    /// Of the records of the open transaction, or of the next one. −1 before the first producer.
    package private(set) var epoch: Int16
    /// Raised with each producer of this id; all but the last one are fenced.
    package private(set) var incarnation = 0
    /// Of the open transaction, or the last one.
    package private(set) var number = 0
    private var timeout: Int32 = 0
    private var startTime = Timestamp.none
    /// A marker of the transaction that is ending has been left to the next opening of the directory.
    private var hasLeftMarkers = false

    /// As the log leaves it: `epoch` is the highest one that has been used or promised; of a new id nothing is known.
    /// `isSuspended`: opening could not write all markers of a decision.
    package init(producer: ProducerID = .none, epoch: Int16 = -1, isSuspended: Bool = false) {
        self.producer = producer
        self.epoch = epoch
        if isSuspended { state = .suspended }
    }

    /// Whether something is being written down, so that others have to wait.
    package var isBusy: Bool {
        switch state {
        case .registering, .deciding, .ending: true
        case .idle, .open, .suspended, .expired: false
        }
    }

    // MARK: producers

    /// What has to be done for a new producer of this id.
    package enum Admission: Hashable, Sendable {
        /// Write this down, durably, and tell by `registered`.
        case write(TransactionLogValue)
        /// Ask again with a producer id that nobody has.
        case needsProducerID
        /// The open transaction of the last producer is aborted: write these, and ask again when it has ended.
        case mark(TransactionMarks)
        /// Ask again when the state has changed.
        case wait
        /// Nobody can use the id before the directory has been opened again.
        case suspended
        /// This is not the id's state any more.
        case expired
    }

    /// Lets a new producer in. `partitions` are those of the open transaction, which is given up; none when none is open.
    package mutating func admit(
        freshID: ProducerID?, timeout: Int32, givingUp partitions: [TopicPartition], now: Timestamp
    ) -> Admission {
        switch state {
        case .open:
            guard let marks = end(.abort, partitions) else { break }
            return .mark(marks)
        case .registering, .deciding, .ending: return .wait
        case .suspended: return .suspended
        case .expired: return .expired
        case .idle: break
        }
        guard raiseEpoch(freshID) else { return .needsProducerID }
        self.timeout = timeout
        startTime = .none
        state = .registering
        return .write(value(.empty, epoch: epoch, partitions: nil, now: now))
    }

    /// The new producer's epoch is durable, or could not be written. Returns the number of the incarnation.
    package mutating func registered(isWritten: Bool) -> Int {
        precondition(state == .registering, "nobody is being let in")
        state = .idle
        if isWritten { incarnation += 1 }
        return incarnation
    }

    /// A new epoch, or a new producer id where there is none left.
    private mutating func raiseEpoch(_ freshID: ProducerID?) -> Bool {
        if producer != .none, epoch < Self.lastEpoch {
            epoch += 1
            return true
        }
        guard let freshID else { return false }
        (producer, epoch) = (freshID, 0)
        return true
    }

    /// Forgets the id, of which nothing is under way; false, and nothing happens, while something is. Its producers are fenced.
    package mutating func expire() -> Bool {
        guard state == .idle else { return false }
        state = .expired
        return true
    }

    // MARK: transactions

    /// Whether a transaction may begin.
    package enum Beginning: Hashable, Sendable {
        /// Its number, and the producer id and epoch of its records.
        case begun(number: Int, ProducerID, epoch: Int16)
        /// Ask again with a producer id that nobody has: the last one has used up its epochs.
        case needsProducerID
        /// The last transaction has not quite ended: ask again when the state has changed.
        case wait
        /// The producer has a transaction open.
        case isOpen
        case fenced
        case suspended
        case expired
    }

    /// Begins a transaction of an incarnation.
    package mutating func begin(_ incarnation: Int, freshID: ProducerID?, now: Timestamp) -> Beginning {
        guard incarnation > 0, incarnation == self.incarnation else { return .fenced }
        switch state {
        case .open: return .isOpen
        case .registering, .deciding, .ending: return .wait
        case .suspended: return .suspended
        case .expired: return .expired
        case .idle: break
        }
        if epoch > Self.lastEpoch {
            guard let freshID else { return .needsProducerID }
            (producer, epoch) = (freshID, 0)
        }
        number += 1
        startTime = now
        state = .open
        return .begun(number: number, producer, epoch: epoch)
    }

    /// Decides to commit the open transaction, whose records are all durable. Write the value down and tell by `decided`; with
    /// nil there was nothing in the transaction, and it has ended.
    package mutating func commit(_ partitions: [TopicPartition], now: Timestamp) -> TransactionLogValue? {
        precondition(state == .open, "no transaction is open")
        if partitions.isEmpty {
            state = .idle
            return nil
        }
        state = .deciding(partitions)
        return value(.prepareCommit, epoch: epoch + 1, partitions: partitions, now: now)
    }

    /// What became of the decision.
    package enum Decision: Hashable, Sendable {
        case durable
        /// It is not in the log: the transaction is aborted.
        case refused
        /// It may be in the log or not.
        case inDoubt
    }

    /// The markers to write now; nil when nothing more can be done before the directory is opened again.
    package mutating func decided(_ decision: Decision) -> TransactionMarks? {
        guard case .deciding(let partitions) = state else { preconditionFailure("nothing was to be decided") }
        switch decision {
        case .durable: return end(.commit, partitions)
        case .refused: return end(.abort, partitions)
        case .inDoubt:
            state = .suspended
            return nil
        }
    }

    /// Aborts the open transaction. The markers to write; nil when there was nothing in it, and it has ended.
    package mutating func abort(_ partitions: [TopicPartition]) -> TransactionMarks? {
        precondition(state == .open, "no transaction is open")
        return end(.abort, partitions)
    }

    /// What remains to be done when a marker has been dealt with.
    package enum Progress: Hashable, Sendable {
        case goesOn
        /// The transaction has ended. The value, if there is one, may be written down without waiting for it.
        case ended(TransactionLogValue?)
    }

    /// A marker is durable; or, `isLeft`, the partition takes none any more, and the next opening sees to it.
    package mutating func marked(_ partition: TopicPartition, isLeft: Bool, now: Timestamp) -> Progress {
        guard case .ending(let kind, var remaining) = state, remaining.remove(partition) != nil else {
            preconditionFailure("no marker of \(partition) was to be written")
        }
        hasLeftMarkers = hasLeftMarkers || isLeft
        guard remaining.isEmpty else {
            state = .ending(kind, remaining: remaining)
            return .goesOn
        }
        defer { hasLeftMarkers = false }
        epoch += 1
        // What was not decided needs nothing to stay undecided.
        if kind == .abort {
            state = .idle
            return .ended(nil)
        }
        state = hasLeftMarkers ? .suspended : .idle
        return .ended(
            hasLeftMarkers ? nil : value(.completeCommit, epoch: epoch, partitions: [], now: now))
    }

    private mutating func end(_ kind: ControlRecord.Kind, _ partitions: [TopicPartition]) -> TransactionMarks? {
        state = .idle
        if partitions.isEmpty { return nil }
        state = .ending(kind, remaining: Set(partitions))
        return TransactionMarks(kind: kind, producer: producer, epoch: epoch + 1, partitions: partitions.sorted())
    }

    private func value(
        _ status: TransactionLogValue.Status, epoch: Int16, partitions: [TopicPartition]?, now: Timestamp
    ) -> TransactionLogValue {
        var value = TransactionLogValue(
            producerID: producer, producerEpoch: epoch, timeout: timeout, status: status,
            partitions: partitions?.sorted(), lastUpdateTime: now, startTime: startTime)
        // Of KIP-890: the epoch is that of the markers.
        value.clientVersion = 2
        return value
    }
}
