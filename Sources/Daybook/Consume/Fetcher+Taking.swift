// Handing out: what has been read, each partition in turn, and waiting for it. Nothing leaves a partition's line before its
// position has moved, under the lock: a wait that is given up loses nothing.

internal import DaybookModel
internal import Synchronization

/// Why a wait has ended.
enum WakeReason: Sendable {
    /// There may be something to take.
    case ready
    case timedOut
    case cancelled
    /// Somebody else is waiting already.
    case inUse
}

/// The consumer's task, waiting, and the timer that ends its wait.
struct Waiting {
    struct Waiter: Sendable {
        let number: Int
        /// On the clock that never jumps; nil: for as long as it takes.
        let deadline: Duration?
        let continuation: CheckedContinuation<WakeReason, Never>
    }

    var waiter: Waiter?
    private var nextNumber = 0
    /// When the one timer will look; nil: there is none.
    var timerDue: Duration?
    /// Nothing is read before somebody asks.
    var hasBegun = false

    mutating func makeNumber() -> Int {
        defer { nextNumber += 1 }
        return nextNumber
    }

    mutating func take() -> Waiter? {
        defer { waiter = nil }
        return waiter
    }
}

extension Fetcher {
    /// Up to `maximum` records, in batches, as soon as there are any; none when `timeout` has passed or the consumer has been
    /// closed.
    ///
    /// Throws the failure of a partition as soon as everything before it has been handed out; reading is tried again with the
    /// next call. Throws `CancellationError` instead of waiting in a cancelled task.
    func poll(upTo maximum: Int, timeout: Duration?) async throws -> [ConsumedBatch] {
        try await whenReady(timeout: timeout, else: []) { state in
            var pieces: [ConsumedBatch] = []
            var left = maximum
            while let slot = state.nextReady() {
                if pieces.isEmpty, let failure = state.takeFailure(of: slot) { return .failure(failure) }
                guard let piece = self.take(upTo: left, of: slot, &state) else { break }
                left -= piece.recordsCount
                pieces.append(piece)
            }
            return pieces.isEmpty ? nil : .success(pieces)
        }
    }

    /// The next batch or gap; nil when the consumer has been closed.
    func next() async throws -> ConsumedBatch? {
        try await whenReady(timeout: nil, else: nil) { state in
            guard let slot = state.nextReady() else { return nil }
            if let failure = state.takeFailure(of: slot) { return .failure(failure) }
            return self.take(upTo: .max, of: slot, &state).map { .success($0) }
        }
    }

    /// The next batch or gap, where there is one and nothing has to be done first: the usual case, without what a wait costs.
    func nextIfReady() throws -> ConsumedBatch? {
        if let membership, membership.needsAttention { return nil }
        try Task.checkCancellation()
        let piece = change { state -> ConsumedBatch? in
            guard state.waiting.waiter == nil, let slot = state.nextReady(), slot.first != nil else { return nil }
            defer { feed(&state) }
            return take(upTo: .max, of: slot, &state)
        }
        if piece != nil { membership?.userIsBusy() }
        return piece
    }

    private func take(upTo maximum: Int, of slot: FetchSlot, _ state: inout State) -> ConsumedBatch? {
        let (piece, bytes) = slot.take(upTo: maximum)
        guard let piece else { return nil }
        state.buffered -= bytes
        if services.observer != nil, piece.gap == nil {
            let count = piece.recordsCount + slot.takeUntoldRecords()
            state.untold.hasConsumed(slot, recordsCount: count, bytes: bytes > 0 ? piece.size : 0)
        }
        // Each partition in turn; one whose batch is not used up stays first.
        if bytes > 0 || piece.gap != nil { state.turn(slot) }
        if hasRoom(slot) { state.lineUp(slot) }
        return piece
    }

    // MARK: one record at a time

    /// A batch whose records are handed out one by one. It stays in line meanwhile.
    struct Loan: Sendable {
        fileprivate let number: Int
        fileprivate let generation: Int
        /// The position when it was lent.
        let position: Offset
        let piece: ConsumedBatch
    }

    /// The next batch or gap, which stays where it is; nil when the consumer has been closed.
    func lend() async throws -> Loan? {
        try await whenReady(timeout: nil, else: nil) { state in
            guard let slot = state.nextReady() else { return nil }
            if let failure = state.takeFailure(of: slot) { return .failure(failure) }
            guard let piece = slot.first else { return nil }
            return .success(
                Loan(number: slot.number, generation: slot.generation, position: slot.position, piece: piece))
        }
    }

    /// Moves the position from one record of a loan to the next. False when the position is not there any more: somebody has
    /// moved it, or the partition has been taken away.
    /// `recordsCount`: how many were handed out on the way, one or none.
    func advance(_ loan: Loan, from offset: Offset, to next: Offset, recordsCount: Int = 1) -> Bool {
        change { state in
            guard let slot = state.slots[loan.number], slot.generation == loan.generation, slot.position == offset,
                slot.first?.nextOffset == loan.piece.nextOffset
            else { return false }
            state.buffered -= slot.advance(to: next, recordsCount: recordsCount)
            if next == loan.piece.nextOffset {
                if loan.piece.gap == nil {
                    state.untold.hasConsumed(slot, recordsCount: slot.takeUntoldRecords(), bytes: loan.piece.size)
                }
                state.turn(slot)
                if hasRoom(slot) { state.lineUp(slot) }
                feed(&state)
            }
            return true
        }
    }

    // MARK: waiting

    /// Waits until `take` returns something; returns `none` when time is up or the consumer has been closed.
    private func whenReady<R: Sendable>(
        timeout: Duration?, else none: R, _ take: @Sendable (inout State) -> Result<R, DaybookError>?
    ) async throws -> R {
        let deadline = timeout.map { services.clock.elapsed() + $0 }
        var isOver = timeout == .zero
        var waited: Duration?
        defer {
            membership?.userIsBusy()
            tellOfWait(waited)
        }
        while true {
            try Task.checkCancellation()
            if let membership, membership.needsAttention { try await membership.attend() }
            let (result, isClosed) = change { state -> (Result<R, DaybookError>?, Bool) in
                if state.waiting.waiter != nil { return (.failure(Self.inUse), false) }
                state.waiting.hasBegun = true
                let result = take(&state)
                feed(&state)
                return (result ?? state.failure.map { .failure($0) }, state.isClosed)
            }
            if isClosed { return none }
            if let result { return try result.get() }
            if isOver { return none }
            membership?.userWaits()
            let began = services.observer.map { _ in services.clock.elapsed() }
            let reason = await wait(until: deadline)
            if let began { waited = (waited ?? .zero) + services.clock.elapsed() - began }
            switch reason {
            case .ready: break
            case .timedOut: isOver = true
            case .cancelled: throw CancellationError()
            case .inUse: throw Self.inUse
            }
        }
    }

    private func wait(until deadline: Duration?) async -> WakeReason {
        let number = state.withLock { $0.waiting.makeNumber() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let reason = state.withLock { state -> WakeReason? in
                    if state.waiting.waiter != nil { return .inUse }
                    if Task.isCancelled { return .cancelled }
                    if state.isClosed || state.failure != nil || state.nextReady() != nil { return .ready }
                    if let membership, membership.needsAttention { return .ready }
                    state.waiting.waiter = Waiting.Waiter(
                        number: number, deadline: deadline, continuation: continuation)
                    if let deadline { setTimer(deadline, now: services.clock.elapsed(), &state) }
                    return nil
                }
                if let reason { continuation.resume(returning: reason) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiting.waiter?.number == number ? state.waiting.take() : nil
            }
            waiter?.continuation.resume(returning: .cancelled)
        }
    }

    /// One timer is enough for all waits, one after the other: it looks who waits when it is due.
    private func setTimer(_ deadline: Duration, now: Duration, _ state: inout State) {
        if let due = state.waiting.timerDue, due <= deadline { return }
        state.waiting.timerDue = deadline
        services.timer.schedule(after: max(.zero, deadline - now)) { [weak self] in self?.endWait(due: deadline) }
    }

    private func endWait(due: Duration) {
        let waiter = state.withLock { state -> Waiting.Waiter? in
            if state.waiting.timerDue == due { state.waiting.timerDue = nil }
            guard let deadline = state.waiting.waiter?.deadline else { return nil }
            if deadline <= due { return state.waiting.take() }
            setTimer(deadline, now: due, &state)
            return nil
        }
        waiter?.continuation.resume(returning: .timedOut)
    }

    static let inUse = DaybookError(
        .concurrentUse,
        "Another task waits for this consumer's records; a consumer is used by one task at a time, so make one for each"
    )
}

extension Fetcher.State {
    /// The failure of a partition that has nothing else to hand out; it is read again.
    fileprivate mutating func takeFailure(of slot: FetchSlot) -> DaybookError? {
        guard slot.first == nil, let failure = slot.failure else { return nil }
        slot.failure = nil
        turn(slot)
        lineUp(slot)
        return failure
    }

    /// Lets the next partition have its turn.
    fileprivate mutating func turn(_ slot: FetchSlot) {
        if ready.first == slot.number { _ = ready.removeFirst() }
        slot.isInLine = false
        show(slot)
    }
}
