// One thread that runs everything: the engine's jobs, the tasks of whoever uses it, and the timers of both, in virtual
// time. What happens, and in which order, follows from a seed alone.

internal import Daybook
internal import Synchronization

/// The body of a run can never end: it waits, and nothing is left that could wake it.
package struct SimulationDeadlock: Error, CustomStringConvertible {
    /// The virtual time at which everything stood still.
    package let elapsed: Duration

    package var description: String {
        "Nothing is ready, nothing is scheduled, and the body has not ended: somebody waits for what never comes "
            + "(virtual time \(elapsed))"
    }
}

/// Runs the engine and its users on the calling thread.
///
/// Jobs come in from that thread only. Of several that are ready a seeded loop takes any, as several threads would; one
/// without a seed takes the first. Time stands still while anything is ready, and then moves to the next moment for which
/// something is scheduled.
package final class SimulationLoop: JobExecutor, TaskExecutor {
    package let clock: ManualClock
    private let state: Mutex<State>

    fileprivate enum Job {
        case closure(@Sendable () -> Void)
        case task(UnownedJob)
    }

    fileprivate struct State {
        var ready: [Job] = []
        var head = 0
        /// Sorted, latest first; there are never many.
        var scheduled: [(deadline: Duration, job: @Sendable () -> Void)] = []
        var generator: SeededGenerator?
        var jobsCount = 0
    }

    /// With `seed` the order of what is ready is explored; without, first come, first served.
    package init(clock: ManualClock, seed: UInt64? = nil) {
        self.clock = clock
        state = Mutex(State(generator: seed.map { SeededGenerator(seed: $0) }))
    }

    /// Takes the order of what follows from another seed; a loop without a seed goes on without one.
    package func reseed(_ seed: UInt64) {
        state.withLock { state in
            if state.generator != nil { state.generator = SeededGenerator(seed: seed) }
        }
    }

    /// Jobs run so far.
    package var jobsCount: Int { state.withLock { $0.jobsCount } }

    // MARK: jobs

    package func submit(_ job: @escaping @Sendable () -> Void) {
        state.withLock { $0.ready.append(.closure(job)) }
    }

    package func schedule(after delay: Duration, _ job: @escaping @Sendable () -> Void) {
        let deadline = clock.elapsed() + max(.zero, delay)
        state.withLock { state in
            let index = state.scheduled.partitioningIndex { $0.deadline <= deadline }
            state.scheduled.insert((deadline, job), at: index)
        }
    }

    /// A piece of a task whose executor this is; it runs on the thread that is in `run`.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.ready.append(.task(job)) }
    }

    /// Lets virtual time pass for the calling task; what is scheduled meanwhile happens.
    package func pass(_ duration: Duration) async {
        await withCheckedContinuation { continuation in
            schedule(after: duration) { continuation.resume() }
        }
    }

    /// Lets everything that is ready have its turn.
    package func settle() async { await pass(.zero) }

    // MARK: running

    /// Runs `body` and everything it starts until it has ended. What it left scheduled waits for the next run.
    ///
    /// Not to be called from within a body. Throws `SimulationDeadlock`, or what the body throws.
    package func run<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) throws -> R {
        let answer = Answer<R>()
        Task(executorPreference: self) {
            do { answer.give(.success(try await body())) } catch { answer.give(.failure(error)) }
        }
        while true {
            if let result = answer.value { return try result.get() }
            if !runNext() { throw SimulationDeadlock(elapsed: clock.elapsed()) }
        }
    }

    /// Runs what is ready and what is scheduled within `limit` of virtual time, and forgets what is scheduled later.
    package func drain(for limit: Duration) {
        let end = clock.elapsed() + limit
        while true {
            let isOver = state.withLock { state in
                guard state.head == state.ready.count, (state.scheduled.last?.deadline ?? .zero) > end else {
                    return false
                }
                state.scheduled = []
                return true
            }
            if isOver || !runNext() { return }
        }
    }

    /// Drops what is scheduled for later: the timers of a process that is no more.
    package func forgetScheduled() { state.withLock { $0.scheduled = [] } }

    /// Runs one job; false when there is none, now or later.
    private func runNext() -> Bool {
        let now = clock.elapsed()
        let (job, pause) = state.withLock { state -> (Job?, Duration?) in
            state.takeDue(at: now)
            if let job = state.takeReady() { return (job, nil) }
            return (nil, state.scheduled.last.map { $0.deadline - now })
        }
        switch job {
        case .closure(let closure): closure()
        case .task(let task): task.runSynchronously(on: asUnownedTaskExecutor())
        case nil:
            guard let pause else { return false }
            clock.advance(by: pause)
        }
        return true
    }
}

extension SimulationLoop.State {
    /// What is due becomes ready, the earliest first.
    fileprivate mutating func takeDue(at now: Duration) {
        while let last = scheduled.last, last.deadline <= now {
            ready.append(.closure(last.job))
            scheduled.removeLast()
        }
    }

    fileprivate mutating func takeReady() -> SimulationLoop.Job? {
        guard head < ready.count else { return nil }
        jobsCount += 1
        if generator != nil, ready.count - head > 1 {
            ready.swapAt(head, Int.random(in: head..<ready.count, using: &generator!))
        }
        let job = ready[head]
        // What the job holds goes with it.
        ready[head] = .closure {}
        head += 1
        if head == ready.count {
            ready.removeAll(keepingCapacity: true)
            head = 0
        }
        return job
    }
}

/// The result of a body, once it is there.
private final class Answer<R: Sendable>: Sendable {
    private let result = Mutex<Result<R, any Error>?>(nil)
    func give(_ result: Result<R, any Error>) { self.result.withLock { $0 = result } }
    var value: Result<R, any Error>? { result.withLock { $0 } }
}

extension Array {
    /// The first index whose element fulfils a condition that all later ones fulfil too.
    fileprivate func partitioningIndex(_ isBehind: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
