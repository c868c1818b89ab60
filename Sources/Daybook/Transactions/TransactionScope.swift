// One transaction while it lasts: who takes part in it, and whether it still takes records and batches. Shared by its producer,
// the accumulators with records of it, the partitions with batches of it, and the coordinator, which may end it at any time.

internal import DaybookModel
internal import Synchronization

/// A transaction that has begun. Thread-safe.
final class TransactionScope: Sendable {
    let transactionalID: String
    let incarnation: Int
    let number: Int
    let producer: ProducerID
    let epoch: Int16
    /// When it began, on the clock that never jumps.
    let began: Duration

    /// Looked at for each record and each batch.
    private enum Phase: UInt8, AtomicRepresentable {
        case open
        /// Takes no more records: one was refused, or the transaction is to be committed. Batches may still come.
        case sealed
        /// Takes nothing any more.
        case closed
    }
    private let phase = Atomic(Phase.open)
    private let state = Mutex(State())

    private struct State {
        var accumulators: [Accumulator] = []
        /// By group. Written when the transaction is committed.
        var commits: [String: GroupCommit] = [:]
        /// The commits of groups are on their way to their partitions.
        var isCommitting = false
        /// Why the transaction cannot be committed.
        var failure: DaybookError?
        /// What records and batches are told that come too late.
        var refusal: DaybookError?
    }

    init(
        transactionalID: String, incarnation: Int, number: Int, producer: ProducerID, epoch: Int16, began: Duration
    ) {
        self.transactionalID = transactionalID
        self.incarnation = incarnation
        self.number = number
        self.producer = producer
        self.epoch = epoch
        self.began = began
    }

    // MARK: on the way of a record

    /// What a record is told that comes now: nil when it may come. One atomic operation in ordinary times.
    var recordRefusal: DaybookError? {
        if phase.load(ordering: .acquiring) == .open { return nil }
        return state.withLock { $0.failure ?? $0.refusal }
    }

    /// What a batch is told that comes to its partition now: nil when it may be appended. One atomic operation in ordinary times.
    var batchRefusal: DaybookError? {
        if phase.load(ordering: .acquiring) != .closed { return nil }
        return state.withLock { $0.refusal }
    }

    /// Whether the transaction takes records.
    var isOpen: Bool { phase.load(ordering: .acquiring) == .open }

    /// Lets a partition take part; false when the transaction takes no records any more. Before its first batch.
    func enlist(_ accumulator: Accumulator) -> Bool {
        state.withLock { state in
            guard isOpen else { return false }
            state.accumulators.append(accumulator)
            return true
        }
    }

    /// Takes offsets in that a group commits with the transaction; false when the transaction takes nothing any more. Of
    /// several for one partition the last ones count.
    func add(
        _ offsets: [TopicPartition: OffsetCommit], by committer: OffsetCommitter, _ check: GroupCommit.Check
    ) -> Bool {
        state.withLock { state in
            guard isOpen else { return false }
            state.commits[committer.group, default: GroupCommit(committer)].add(offsets, check)
            return true
        }
    }

    /// Takes note that something that belongs to the transaction is not in the log. The first failure counts; what is refused
    /// because the transaction is over is none.
    func fail(_ error: DaybookError) {
        state.withLock { state in
            if phase.load(ordering: .acquiring) == .closed { return }
            state.failure = state.failure ?? error
            _ = phase.compareExchange(expected: .open, desired: .sealed, ordering: .acquiringAndReleasing)
        }
    }

    // MARK: the end

    /// Takes no more records from now on, whatever there was, and says who takes part.
    func giveUp() -> [Accumulator] {
        state.withLock { state in
            state.refusal = state.refusal ?? .transactionEnded(transactionalID)
            _ = phase.compareExchange(expected: .open, desired: .sealed, ordering: .acquiringAndReleasing)
            return state.accumulators
        }
    }

    /// What is to be written before a transaction can be committed.
    struct Content: Sendable {
        let accumulators: [Accumulator]
        /// In the order of the groups' names.
        let commits: [GroupCommit]
    }

    /// Takes no more records from now on and says what there is; throws what is known to have failed, or `refusal` from the
    /// second time on.
    func seal() throws(DaybookError) -> Content {
        try state.withLock { state -> Result<Content, DaybookError> in
            if let error = state.failure ?? state.refusal { return .failure(error) }
            state.refusal = .transactionEnded(transactionalID)
            _ = phase.compareExchange(expected: .open, desired: .sealed, ordering: .acquiringAndReleasing)
            state.isCommitting = true
            let commits = state.commits.sorted { $0.key < $1.key }.map(\.value)
            return .success(Content(accumulators: state.accumulators, commits: commits))
        }.get()
    }

    /// Takes nothing any more: whoever comes is told `refusal`, unless somebody has closed it for another reason before.
    /// Returns where it has to end; nowhere from the second time on.
    @discardableResult
    func close(_ refusal: DaybookError) -> [TransactionPart] {
        state.withLock { state in
            if phase.exchange(.closed, ordering: .acquiringAndReleasing) != .closed { state.refusal = refusal }
            defer { (state.accumulators, state.commits) = ([], [:]) }
            let parts = state.accumulators.map { TransactionPart(partition: $0.partition) }
            // What no commit has been asked for has not been written either.
            return parts + (state.isCommitting ? state.commits.values.map { TransactionPart($0.committer) } : [])
        }
    }

    /// What did not get into the log, if anything.
    var failure: DaybookError? { state.withLock { $0.failure } }
}

/// A partition in which a transaction ends.
struct TransactionPart: Sendable {
    let partition: Partition
    /// Who keeps the commits of groups that wait there for the end; nil in partitions of users' topics.
    let keeper: Daybook?

    init(partition: Partition) { (self.partition, keeper) = (partition, nil) }

    init(_ committer: OffsetCommitter) { (partition, keeper) = (committer.shard.partition, committer.daybook) }
}
