// A processor as users see it: it owns a group, runs as a service, answers what stands where, and takes operations of people.
// How it works is `GroupWorker`'s business.

public import Daybook
internal import DaybookModel
public import ServiceLifecycle
internal import Synchronization

/// Handles the events of some topics for one group: each in the order of its key, many keys at once, each effect once by the
/// rules of its class.
///
/// ```swift
/// let invoices = Route(
///     "crm.order.*", to: Downstream("accounting", concurrency: 32), effect: .idempotent(window: .seconds(86_400))
/// ) { event, context in
///     let order = try event.decoded(as: Order.self)
///     return .done(reference: try await accounting.invoice(order, idempotencyKey: context.effectKey))
/// }
/// let processor = try Processor(
///     daybook, ProcessorConfiguration(group: "accounting", topics: ["orders"]), routes: [invoices])
/// try await ServiceGroup(services: [daybook, processor], logger: logger).run()
/// ```
///
/// What has happened to an event is in the group's journal and nowhere else; a processor that is started again, here or in the
/// next process, goes on from there. A processor runs once.
public final class Processor: Service, Sendable {
    let daybook: Daybook
    private let configuration: ProcessorConfiguration
    private let routes: [Route]

    private struct State {
        var worker: GroupWorker?
        var hasRun = false
        var failure: (any Error)?
        var isStopped = false
    }
    private let state = Mutex(State())

    /// A processor for this daybook. Throws `.invalidConfiguration` where a setting is not allowed, or routes to one downstream
    /// give it different limits.
    public init(_ daybook: Daybook, _ configuration: ProcessorConfiguration, routes: [Route]) throws(ProcessingError) {
        self.daybook = daybook
        self.configuration = configuration
        self.routes = routes
        func require(_ isAllowed: Bool, _ sentence: String) throws(ProcessingError) {
            if !isAllowed { throw ProcessingError(.invalidConfiguration, sentence) }
        }
        try require(!configuration.group.isEmpty, "A processor needs the name of a group")
        try require(!configuration.topics.isEmpty, "A processor needs a topic to read")
        try require(!routes.isEmpty, "A processor needs a route: without a handler every event would be skipped")
        for (name, value) in [
            ("maximumOpenEvents", configuration.maximumOpenEvents),
            ("maximumOpenBytes", configuration.maximumOpenBytes.rawValue),
            ("rememberedEffects", configuration.rememberedEffects), ("deadLetterLimit", configuration.deadLetterLimit),
            ("parkedLimit", configuration.parkedLimit), ("snapshotInterval", configuration.snapshotInterval),
        ] { try require(value >= 1, "\(name) is \(value); use a number from 1 upwards") }
        try require(
            configuration.deadLetterShare?.isAllowed ?? true,
            "deadLetterShare needs a share from 0 to less than 1, of 1 to \(OutcomeWindow.capacity) events")
        try require(configuration.stopGrace >= .zero, "stopGrace is \(configuration.stopGrace); use zero or more")
        for route in routes {
            let same = routes.first { $0.downstream.name == route.downstream.name }?.downstream
            try require(
                same == route.downstream,
                "The downstream \(route.downstream.name) has different limits in two routes; give both the same value")
        }
    }

    /// Takes the group over and handles its events until it is stopped, by its service group or by ``stop()``, or something
    /// fails.
    ///
    /// After a stop, what was under way has ended and is durable. After a failure it is cancelled and not waited for: its outcome
    /// would not count. Throws `ProcessingError` with `.fenced` when another
    /// processor has taken the group over, `.diverged` or `.damagedJournal` where log and journal do not belong together,
    /// `.notRunning` for a second run; and `DaybookError` when the disk has failed.
    public func run() async throws {
        let isFirst = state.withLock { state in
            defer { state.hasRun = true }
            return !state.hasRun
        }
        guard isFirst else { throw ProcessingError(.notRunning, "A processor runs once; make another one") }
        do {
            try await work()
            configuration.observer?.didEnd(configuration.group, nil)
        } catch {
            state.withLock { $0.failure = error }
            configuration.observer?.didEnd(configuration.group, error)
            throw error
        }
    }

    private func work() async throws {
        let worker = GroupWorker(try await OpenedGroup(daybook, configuration, routes))
        configuration.observer?.didTakeOver(configuration.group)
        let isStopped = state.withLock { state in
            state.worker = worker
            return state.isStopped
        }
        // Decisions that other processes ask for come here from now on.
        let registration = daybook.control.takeOver(GroupDecision.verb(configuration.group)) { [weak worker] request in
            try await GroupDecision.answer(request.arguments) { decision in
                guard let worker else { throw GroupWorker.ended(request.verb) }
                return try await worker.decide(decision)
            }
        }
        defer { daybook.control.release(registration) }
        if isStopped { await worker.stop() }
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await worker.run()
            } onGracefulShutdown: {
                self.stop()
            }
        } onCancel: {
            self.stop()
        }
    }

    /// Begins nothing any more; `run` returns when what is under way has ended.
    public func stop() {
        let worker = state.withLock { state in
            state.isStopped = true
            return state.worker
        }
        if let worker { Task(executorPreference: daybook.taskExecutor) { await worker.stop() } }
    }

    /// What `run` has thrown; nil while the processor is at work, and when it has ended as it was told to.
    public var failure: (any Error)? { state.withLock { $0.failure } }

    /// The name of the group.
    public var group: String { configuration.group }

    /// The worker; throws `.notRunning` before the group has been taken over.
    func worker() throws(ProcessingError) -> GroupWorker {
        guard let worker = state.withLock({ $0.worker }) else {
            throw ProcessingError(.notRunning, "The processor has not taken the group over yet; run it first")
        }
        return worker
    }
}
