// Calls handlers: many at once, on as few tasks as that takes. A task that is through with one attempt takes the next, and another
// task begins only while attempts wait and none is about to take one; so handlers that do not wait cost no task each, and
// handlers that do each have one. What the outcomes mean is decided in `GroupMachine`.

internal import Synchronization

/// What an attempt needs to be made.
struct AttemptCall: Sendable {
    let attempt: Attempt
    let read: ReadEvent
    let context: EventContext
}

/// How an attempt ended.
struct AttemptEnd: Sendable {
    let attempt: Attempt
    let outcome: AttemptOutcome
    /// What the call took; nothing where nobody wants to know.
    let duration: Duration
}

/// Makes the attempts of one group.
final class AttemptRunner: Sendable {
    private struct Runner {
        var task: Task<Void, Never>?
        /// The attempt that it makes.
        var token: UInt64 = 0
        var isCancelled = false
    }
    private struct State {
        var waiting: [AttemptCall] = []
        /// How many of `waiting` have been taken.
        var taken = 0
        var runners: [UInt64: Runner] = [:]
        var nextNumber: UInt64 = 0
        /// A task has been started that has not taken an attempt yet.
        var isStarting = false
        var ends: [AttemptEnd] = []
        /// Whoever wants the ends has been told of some, and has not taken them yet.
        var isTold = false
        var isOver = false
    }
    private let state = Mutex(State())
    private let routes: [Route]
    private let scope: (any AttemptScope)?
    private let executor: (any TaskExecutor)?
    private let elapsed: (@Sendable () -> Duration)?
    private let whenEnded: @Sendable () -> Void

    /// `whenEnded` is told when there are ends to take, and again after they have been taken. `elapsed`: the clock by which calls are
    /// timed; nil where nobody wants to know.
    init(
        _ routes: [Route], scope: (any AttemptScope)?, on executor: (any TaskExecutor)?,
        elapsed: (@Sendable () -> Duration)?,
        whenEnded: @escaping @Sendable () -> Void
    ) {
        self.routes = routes
        self.scope = scope
        self.executor = executor
        self.elapsed = elapsed
        self.whenEnded = whenEnded
    }

    /// Makes attempts, in this order where they must wait for a thread.
    func begin(_ calls: [AttemptCall]) {
        let number = state.withLock { state -> UInt64? in
            guard !state.isOver else { return nil }
            if state.taken > 1000, state.taken * 2 > state.waiting.count {
                state.waiting.removeFirst(state.taken)
                state.taken = 0
            }
            state.waiting += calls
            return Self.nextRunner(&state)
        }
        if let number { start(number) }
    }

    /// The ends since the last call.
    func takeEnds() -> [AttemptEnd] {
        state.withLock { state in
            state.isTold = false
            defer { state.ends = [] }
            return state.ends
        }
    }

    /// Cancels the task that makes an attempt. Its end may still come, and does not count.
    func cancel(_ token: UInt64) {
        let task = state.withLock { state -> Task<Void, Never>? in
            guard let number = state.runners.first(where: { $0.value.token == token })?.key else {
                // Its turn has not come, and will not any more.
                state.waiting = state.waiting[state.taken...].filter { $0.attempt.token != token }
                state.taken = 0
                return nil
            }
            state.runners[number]?.isCancelled = true
            return state.runners[number]?.task
        }
        task?.cancel()
    }

    /// Cancels everything, and begins nothing any more. A handler that does not heed it is left behind: its outcome does not count.
    func cancelAll() {
        let tasks = state.withLock { state in
            state.isOver = true
            (state.waiting, state.taken) = ([], 0)
            for number in state.runners.keys { state.runners[number]?.isCancelled = true }
            return state.runners.values.compactMap(\.task)
        }
        for task in tasks { task.cancel() }
    }

    // MARK: tasks

    /// The number of a task that is to be started, if one is.
    private static func nextRunner(_ state: inout State) -> UInt64? {
        guard !state.isStarting, state.taken < state.waiting.count else { return nil }
        state.isStarting = true
        state.nextNumber += 1
        state.runners[state.nextNumber] = Runner()
        return state.nextNumber
    }

    private func start(_ number: UInt64) {
        let task = Task(executorPreference: executor) { await self.run(number) }
        let isCancelled = state.withLock { state in
            // It may be through already.
            state.runners[number]?.task = task
            return state.runners[number]?.isCancelled == true
        }
        if isCancelled { task.cancel() }
    }

    private func run(_ number: UInt64) async {
        var end: AttemptEnd?
        var isFirst = true
        while let call = next(number, isFirst, end) {
            isFirst = false
            let start = elapsed?() ?? .zero
            let outcome = await outcome(of: call)
            end = AttemptEnd(attempt: call.attempt, outcome: outcome, duration: (elapsed?() ?? .zero) - start)
        }
    }

    /// Hands in an end, and takes the next attempt; nil when the task is to end.
    private func next(_ number: UInt64, _ isFirst: Bool, _ end: AttemptEnd?) -> AttemptCall? {
        let (call, other, tells) = state.withLock { state -> (AttemptCall?, UInt64?, Bool) in
            if isFirst { state.isStarting = false }
            var tells = false
            if let end, !state.isOver {
                state.ends.append(end)
                tells = !state.isTold
                state.isTold = true
            }
            guard state.runners[number]?.isCancelled == false, state.taken < state.waiting.count else {
                state.runners[number] = nil
                return (nil, Self.nextRunner(&state), tells)
            }
            let call = state.waiting[state.taken]
            state.taken += 1
            if state.taken == state.waiting.count { (state.waiting, state.taken) = ([], 0) }
            state.runners[number]?.token = call.attempt.token
            return (call, Self.nextRunner(&state), tells)
        }
        if let other { start(other) }
        if tells { whenEnded() }
        return call
    }
}

extension AttemptRunner {
    /// Calls the handler or the probe, and says how that ended.
    private func outcome(of call: AttemptCall) async -> AttemptOutcome {
        guard let event = call.read.event else { preconditionFailure("no attempt is made at what is no event") }
        let route = routes[call.attempt.route]
        do {
            if call.attempt.isProbe, let probe = route.effect.probe {
                let result =
                    if let scope {
                        try await scope.call(event, call.context) { try await probe(event, call.context) }
                    } else {
                        try await probe(event, call.context)
                    }
                switch result {
                case .found(let reference): return .found(reference: reference)
                case .absent: return .absent
                }
            }
            let result =
                if let scope {
                    try await scope.call(event, call.context) { try await route.handler(event, call.context) }
                } else {
                    try await route.handler(event, call.context)
                }
            switch result {
            case .done(let reference): return .succeeded(reference: reference, isAdopted: false)
            case .alreadyDone(let reference): return .succeeded(reference: reference, isAdopted: true)
            }
        } catch {
            if call.attempt.isProbe { return .unanswered(FailureNote(error)) }
            return .failed(route.classifier.kind(of: error, route.effect.rule), FailureNote(error))
        }
    }
}
