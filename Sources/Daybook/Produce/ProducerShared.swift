// What the parts of one producer share: memory, codec contexts, counts. Knows none of the parts, so that nothing holds
// itself: the way from a topic's name to its accumulators is `ProducerRoutes`.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// The insides of a producer.
final class ProducerShared: Sendable {
    let daybook: Daybook
    let configuration: ProducerConfiguration
    let budget: MemoryBudget
    var compressors: CompressorPool { daybook.compressors }
    let progress = ProducerProgress()
    private let phase: Atomic<Phase>
    private let producerID = Mutex(ProducerID.none)

    /// Looked at for each record.
    private enum Phase: UInt8, AtomicRepresentable {
        /// The producer gets its id with its first record.
        case unidentified
        case open
        case closed
    }

    /// No record may be larger, compressed or not: a reader must be able to unpack it within its limits.
    static let largestRecord = 128 << 20

    /// `isTransactional`: its transactions say who the producer is.
    init(_ daybook: Daybook, _ configuration: ProducerConfiguration, isTransactional: Bool = false) {
        self.daybook = daybook
        self.configuration = configuration
        budget = MemoryBudget(capacity: configuration.bufferMemory.rawValue)
        phase = Atomic(configuration.isIdempotent && !isTransactional ? .unidentified : .open)
    }

    var now: Timestamp { daybook.services.clock.now() }

    // MARK: identity

    /// Id and epoch for the batches that are sealed now; `.none` for a producer that is not idempotent.
    var identity: (id: ProducerID, epoch: Int16) { (producerID.withLock { $0 }, 0) }

    /// Whether records may come in as they are. One atomic operation.
    var isOpen: Bool { phase.load(ordering: .acquiring) == .open }

    /// Lets a record in: gets an id first where the producer has none.
    ///
    /// Throws `.closed`, or `.diskFull` or `.inputOutput` where an id could not be had; the next record tries again.
    func enter() async throws(DaybookError) {
        switch phase.load(ordering: .acquiring) {
        case .open: return
        case .closed: throw DaybookError(.closed, "The producer has been closed; make another one")
        case .unidentified: break
        }
        let id = try await daybook.takeProducerID()
        // Another task may have been quicker.
        producerID.withLock { if $0 == .none { $0 = id } }
        let (hasOpened, found) = phase.compareExchange(
            expected: .unidentified, desired: .open, ordering: .acquiringAndReleasing)
        if !hasOpened && found == .closed { try await enter() }
    }

    /// Takes no more records.
    func close() { phase.store(.closed, ordering: .releasing) }
}

/// Counts what has been handed over and what became of it.
final class ProducerProgress: Sendable {
    private struct State {
        var summary = FlushSummary()
        var lostRecordsCount = 0
        var firstFailure: DaybookError?
    }
    private let state = Mutex(State())

    func end(_ result: Result<BatchReceipt, DaybookError>, unawaitedCount: Int, bytes: Int) {
        state.withLock { state in
            switch result {
            case .success(let receipt): state.summary.add(receipt, bytes: bytes)
            case .failure(let error):
                guard unawaitedCount > 0 else { return }
                state.lostRecordsCount += unawaitedCount
                state.firstFailure = state.firstFailure ?? error
            }
        }
    }

    /// What has got into the log so far; begins anew, whatever has not.
    func takeSummary() -> FlushSummary {
        state.withLock { state in
            defer { state = State() }
            return state.summary
        }
    }

    /// What there is so far; begins anew.
    func take() throws(FlushFailure) -> FlushSummary {
        let taken = state.withLock { state in
            defer { state = State() }
            return state
        }
        guard let cause = taken.firstFailure else { return taken.summary }
        throw FlushFailure(summary: taken.summary, lostRecordsCount: taken.lostRecordsCount, cause: cause)
    }
}
