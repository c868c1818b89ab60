// Publishes what stands in an outbox, in order, and takes note of it. A crash between the two makes it publish an event again: it
// is the same event, by source and id, and groups have its effect once.

public import Daybook
internal import DaybookModel
public import DaybookProcessing
public import ServiceLifecycle
internal import Synchronization

/// Publishes the events of an outbox.
///
/// ```swift
/// let relay = OutboxRelay(outbox, in: .postgres("postgres:///erp"), of: daybook, through: publisher)
/// try await ServiceGroup(services: [daybook, relay], logger: logger).run()
/// ```
///
/// Events leave in the order of their numbers, one after the other is durable in the log. One relay at a time publishes from an
/// outbox; a second one would publish some events twice. A database that cannot be reached is tried again, see ``problem``.
public final class OutboxRelay: Service, Sendable {
    private let outbox: Outbox
    private let daybook: Daybook
    private let publisher: EventPublisher
    private let interval: Duration
    private let thread: SQLThread
    private let onStep: (@Sendable (Step) throws -> Void)?

    /// What is about to be done with an event: where tests cut a relay off.
    enum Step: Sendable, Hashable { case publishing, marking, marked }

    private struct State {
        var isStopped = false
        var isPrepared = false
        /// Somebody has said that there is something to publish.
        var isPoked = false
        var problem: SQLError?
        var waiter: CheckedContinuation<Void, Never>?
        var waitNumber = 0
    }
    private let state = Mutex(State())

    /// So many events are read at once.
    private static let batchSize = 100

    /// A relay that looks for events every `interval`, and whenever it is poked.
    public convenience init(
        _ outbox: Outbox, in database: SQLDatabase, of daybook: Daybook, through publisher: EventPublisher,
        interval: Duration = .milliseconds(500)
    ) {
        self.init(outbox, in: database, of: daybook, through: publisher, interval: interval, onStep: nil)
    }

    init(
        _ outbox: Outbox, in database: SQLDatabase, of daybook: Daybook, through publisher: EventPublisher,
        interval: Duration, onStep: (@Sendable (Step) throws -> Void)?
    ) {
        precondition(interval > .zero, "a relay looks for events after some time, not at once")
        self.outbox = outbox
        self.daybook = daybook
        self.publisher = publisher
        self.interval = interval
        self.onStep = onStep
        thread = SQLThread(database, .readWrite, isInline: daybook.taskExecutor != nil)
    }

    /// What keeps the relay from getting at its outbox; nil while it does.
    public var problem: SQLError? { state.withLock { $0.problem } }

    /// Publishes until it is stopped, by its service group or by ``stop()``; then what had been read is published.
    ///
    /// Throws what publishing throws, but for rejections, which are noted in the row of their event, and `SQLError` with
    /// `.unexpected`. What was published and not noted is published again by the next relay.
    public func run() async throws {
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                while !state.withLock({ $0.isStopped }) {
                    do {
                        try await publishWaiting()
                        state.withLock { $0.problem = nil }
                    } catch let error as SQLError where error.kind != .unexpected {
                        state.withLock { $0.problem = error }
                    }
                    await pause()
                }
            } onGracefulShutdown: {
                self.stop()
            }
        } onCancel: {
            self.stop()
        }
    }

    /// Begins with no event any more.
    public func stop() {
        wake {
            $0.isStopped = true
        }
    }

    /// Says that there is something to publish: it leaves now, not at the end of the interval.
    public func poke() {
        wake {
            $0.isPoked = true
        }
    }

    /// Publishes all events that wait now. Returns how many have left the outbox; those that are refused stay there, with the
    /// reason. Throws as ``run()``, and `SQLError` where the database does not answer.
    @discardableResult
    public func publishWaiting() async throws -> Int {
        let outbox = outbox
        if !state.withLock({ $0.isPrepared }) {
            try await thread.run { session in try session.transaction { try outbox.create(in: session) } }
            state.withLock { $0.isPrepared = true }
        }
        var count = 0
        while true {
            let waiting = try await thread.run { try outbox.waiting(Self.batchSize, in: $0) }
            for one in waiting {
                if try await publish(one) { count += 1 }
                if state.withLock({ $0.isStopped }) { return count }
            }
            if waiting.count < Self.batchSize { return count }
        }
    }

    private func publish(_ waiting: Outbox.Waiting) async throws -> Bool {
        try onStep?(.publishing)
        var problem: String?
        do { try await publisher.publish(waiting.event) } catch let rejection as Rejection {
            problem = rejection.description
        } catch let error as EventError {
            // Another program has put it there: this one does not put anything there that is no event.
            problem = error.description
        }
        try onStep?(.marking)
        let (outbox, now, noted) = (outbox, daybook.now, problem)
        try await thread.run { session in
            try outbox.mark(waiting.number, sentAt: noted == nil ? now : nil, problem: noted, in: session)
        }
        try onStep?(.marked)
        return noted == nil
    }

    private func pause() async {
        await withCheckedContinuation { continuation in
            let number: Int? = state.withLock { state in
                if state.isStopped || state.isPoked {
                    state.isPoked = false
                    return nil
                }
                state.waiter = continuation
                state.waitNumber += 1
                return state.waitNumber
            }
            guard let number else { return continuation.resume() }
            daybook.schedule(after: interval) { [weak self] in
                guard let self, self.state.withLock({ $0.waitNumber == number }) else { return }
                self.wake { _ in }
            }
        }
    }

    private func wake(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            guard let waiter = state.waiter else { return }
            state.waiter = nil
            state.isPoked = false
            waiter.resume()
        }
    }
}
