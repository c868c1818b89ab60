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
    let compressors = CompressorPool()
    let progress = ProducerProgress()
    let isClosed = Atomic(false)

    /// No record may be larger, compressed or not: a reader must be able to unpack it within its limits.
    static let largestRecord = 128 << 20

    init(_ daybook: Daybook, _ configuration: ProducerConfiguration) {
        self.daybook = daybook
        self.configuration = configuration
        budget = MemoryBudget(capacity: configuration.bufferMemory.rawValue)
    }

    var now: Timestamp { daybook.services.clock.now() }
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
