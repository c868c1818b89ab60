// Bounds what a producer holds. Who wants more than there is waits its turn; no thread does.
// Knows nothing of records: `Producer` takes, `Accumulator` gives back.

internal import Synchronization

/// A number of bytes that many may take from and give back to. First come, first served.
final class MemoryBudget: Sendable {
    let capacity: Int
    private let state: Mutex<State>

    private struct State {
        var available: Int
        var nextID = 0
        var queue: [(id: Int, amount: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    }

    init(capacity: Int) {
        self.capacity = capacity
        state = Mutex(State(available: capacity))
    }

    /// Takes `amount` if there is that much and nobody is waiting. O(1).
    func take(_ amount: Int) -> Bool {
        state.withLock { state in
            guard state.queue.isEmpty, state.available >= clamped(amount) else { return false }
            state.available -= clamped(amount)
            return true
        }
    }

    /// Takes `amount` as soon as it is there; throws `CancellationError`, having taken nothing, when the task is cancelled.
    func takeWhenAvailable(_ amount: Int) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let isTaken = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now = state.withLock { state -> Bool? in
                    if Task.isCancelled { return false }
                    if state.queue.isEmpty, state.available >= clamped(amount) {
                        state.available -= clamped(amount)
                        return true
                    }
                    state.queue.append((id, clamped(amount), continuation))
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.queue.firstIndex { $0.id == id }.map { state.queue.remove(at: $0).continuation }
            }
            continuation?.resume(returning: false)
        }
        guard isTaken else { throw CancellationError() }
    }

    /// Gives back what was taken.
    func give(back amount: Int) {
        guard amount > 0 else { return }
        let served = state.withLock { state in
            state.available += amount
            var served: [CheckedContinuation<Bool, Never>] = []
            while let first = state.queue.first, first.amount <= state.available {
                state.available -= first.amount
                served.append(first.continuation)
                state.queue.removeFirst()
            }
            return served
        }
        for continuation in served { continuation.resume(returning: true) }
    }

    /// One record may be larger than the whole budget; it then takes all of it.
    func clamped(_ amount: Int) -> Int { min(amount, capacity) }
}
