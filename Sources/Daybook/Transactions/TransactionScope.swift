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
        /// Why the transaction cannot be committed.
        var failure: DaybookError?
        /// What records and batches are told that come too late.
        var refusal: DaybookError?
    }

    init(transactionalID: String, incarnation: Int, number: Int, producer: ProducerID, epoch: Int16) {
        self.transactionalID = transactionalID
        self.incarnation = incarnation
        self.number = number
        self.producer = producer
        self.epoch = epoch
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

    /// Takes no more records from now on and says who takes part; throws what is known to have failed, or `refusal` from the
    /// second time on.
    func seal() throws(DaybookError) -> [Accumulator] {
        try state.withLock { state -> Result<[Accumulator], DaybookError> in
            if let error = state.failure ?? state.refusal { return .failure(error) }
            state.refusal = .transactionEnded(transactionalID)
            _ = phase.compareExchange(expected: .open, desired: .sealed, ordering: .acquiringAndReleasing)
            return .success(state.accumulators)
        }.get()
    }

    /// Takes nothing any more: whoever comes is told `refusal`, unless somebody has closed it for another reason before.
    /// Returns who took part; nobody from the second time on.
    @discardableResult
    func close(_ refusal: DaybookError) -> [Accumulator] {
        state.withLock { state in
            if phase.exchange(.closed, ordering: .acquiringAndReleasing) != .closed { state.refusal = refusal }
            defer { state.accumulators = [] }
            return state.accumulators
        }
    }

    /// What did not get into the log, if anything.
    var failure: DaybookError? { state.withLock { $0.failure } }
}
