// A consumer as a member of a group: it does what `MembershipPlan` says whenever its user asks for records, so that nothing is
// taken away from a user in the midst of a batch. What it hears of the coordinator is in `GroupMembership+Joining`, what it reads
// in `+Topics`, its commits are in `+Committing`, how it ends is in `+Leaving`.

internal import DaybookModel
internal import Synchronization

/// The client's side of a group, for one consumer.
///
/// Nothing runs while nothing happens: members in this process need no heartbeats, because whoever holds the group would end with
/// them. A member that is gone has left, and one whose user does not ask for records for too long leaves.
final class GroupMembership: Sendable {
    let daybook: Daybook
    let group: CoordinatedGroup
    let committer: OffsetCommitter
    let subscription: Subscription
    let configuration: GroupMemberConfiguration
    let state: Mutex<State>
    /// There is something to be done before records are handed out.
    private let hasSteps = Atomic<Bool>(true)
    let watcher = Mutex<Int?>(nil)
    /// Held from the look at the topics until this member knows of what was seen, so that nothing older comes behind it.
    let looking = Mutex(())
    /// The member whose callback the current task is in.
    @TaskLocal static var callingBack: ObjectIdentifier?

    struct State {
        var plan: MembershipPlan
        /// Who it is a member for; it goes with it.
        weak var consumer: Consumer?
        /// Where it begins when nothing has been committed.
        let start: ConsumerConfiguration
        /// Somebody does steps, and those who wait for the end of that.
        var isAttending = false
        var waitingForTurn: [CheckedContinuation<Void, Never>] = []
        /// What it has assigned as the leader of a generation: topics that are wanted, and how many partitions they had.
        var led: (generation: Int32, counts: [TopicName: Int])?
        /// How often it has been refused since it was last assigned something, because the group could not be written down.
        var refusalsInARow = 0
        /// It is to leave as soon as nobody does steps; and it has left.
        var isClosing = false
        var isClosed = false
        /// When its user last had records or asked for some; nil while it waits for some, and before it does.
        var idleSince: Duration?
        var isWatchingIdleness = false
        /// Those who wait until the member has been told what it is assigned.
        var waiting: [@Sendable () -> Void] = []
    }

    init(
        _ daybook: Daybook, _ group: CoordinatedGroup, _ committer: OffsetCommitter, _ subscription: Subscription,
        _ configuration: GroupMemberConfiguration, start: ConsumerConfiguration
    ) {
        self.daybook = daybook
        self.group = group
        self.committer = committer
        self.subscription = subscription
        self.configuration = configuration
        let plan = MembershipPlan(isCooperative: configuration.assignors.allSatisfy(\.isCooperative), topics: [])
        state = Mutex(State(plan: plan, start: start))
    }

    deinit { leave() }

    /// Reads with this one from now on, and follows the topics.
    func begin(_ consumer: Consumer) {
        state.withLock { $0.consumer = consumer }
        let number = daybook.topicWatchers.add { [weak self] in self?.topicsHaveChanged() }
        watcher.withLock { $0 = number }
        topicsHaveChanged()
    }

    var fetcher: Fetcher? { state.withLock { $0.consumer }?.fetcher }

    // MARK: steps

    /// Whether `attend` is to be called before records are handed out. Costs a load.
    var needsAttention: Bool { hasSteps.load(ordering: .acquiring) }

    /// Does what is to be done, with the user's callbacks, until nothing is. Does not wait for other members.
    ///
    /// Throws what keeps this member from its work, `.noCommittedOffset` where the user wants to decide where to begin, and what
    /// reading committed offsets throws; the next call goes on there. What a callback throws is thrown when everything has been
    /// done: the others do not suffer for it.
    func attend() async throws {
        let isOurs = state.withLock { state in
            defer { state.isAttending = true }
            return !state.isAttending
        }
        guard isOurs else { throw Fetcher.inUse }
        // Callbacks are the user's work, too: one that takes too long does not hold up the group for ever.
        userIsBusy()
        let outcome: Result<(any Error)?, any Error>
        do { outcome = .success(try await doSteps()) } catch { outcome = .failure(error) }
        if state.withLock({ $0.isClosing }) { await finish() }
        endTurn()
        if let error = try outcome.get() { throw error }
    }

    /// Returns the first error that a callback has thrown.
    private func doSteps() async throws -> (any Error)? {
        var problem: (any Error)?
        while let (step, life) = nextStep() {
            switch step {
            case .lose(let partitions):
                problem = await call(configuration.onLost, partitions) ?? problem
                fetcher?.revoke(partitions)
            case .revoke(let partitions):
                problem = await call(configuration.onRevoked, partitions) ?? problem
                // What was handed over to be committed would be refused afterwards.
                await committer.settleIfBusy()
                fetcher?.revoke(partitions)
            case .assign(let partitions):
                guard let places = try await places(of: partitions) else { continue }
                // One that was put out meanwhile has lost them before it began. Owned before they are read, they are given up again
                // whatever happens now. Whoever is called owns them already, and may say where to begin.
                let isStillMember = state.withLock { state in
                    guard state.plan.life == life else { return false }
                    state.plan.done(step)
                    return true
                }
                guard isStillMember else { continue }
                fetcher?.assign(places)
                if !partitions.isEmpty { problem = await call(configuration.onAssigned, partitions) ?? problem }
                continue
            case .join:
                try await askToJoin()
                continue
            case .fail(let error):
                state.withLock { $0.plan.done(step) }
                throw error
            }
            state.withLock { $0.plan.done(step) }
        }
        return problem
    }

    /// With the life of the member for whom it is the next one.
    private func nextStep() -> (MembershipPlan.Step, life: Int)? {
        state.withLock { state in
            let step = state.isClosing ? nil : state.plan.nextStep()
            // Under the lock, or a step that comes now would be forgotten.
            if step == nil { hasSteps.store(false, ordering: .releasing) }
            return step.map { ($0, state.plan.life) }
        }
    }

    /// Calls the user's code, of which nothing is left over when it returns. Returns what it throws.
    func call(_ callback: GroupMemberConfiguration.Callback, _ partitions: [TopicPartition]) async -> (any Error)? {
        guard let consumer = state.withLock({ $0.consumer }) else { return nil }
        return await Self.$callingBack.withValue(ObjectIdentifier(self)) {
            do {
                try await callback(consumer, partitions)
                return nil
            } catch {
                return error
            }
        }
    }

    /// Takes in something that has happened, and has the user's task do what follows.
    func note(_ change: (inout State) -> Void) {
        let (consumer, woken) = state.withLock { state -> (Consumer?, [@Sendable () -> Void]) in
            change(&state)
            let woken = state.takeWaiting()
            guard !state.isClosing, state.plan.hasNextStep else { return (nil, woken) }
            hasSteps.store(true, ordering: .releasing)
            return (state.consumer, woken)
        }
        for then in woken { then() }
        consumer?.fetcher.interrupt()
    }

    /// Returns when the member is not about to be told what it is assigned. That takes no longer than a rebalance may.
    func whenSettled() async {
        await withCheckedContinuation { continuation in whenSettled { continuation.resume() } }
    }

    /// Calls back once when the member is not about to be told what it is assigned, now or on a thread of the engine.
    func whenSettled(_ then: @escaping @Sendable () -> Void) {
        let isSettled = state.withLock { state in
            if state.isSettled { return true }
            state.waiting.append(then)
            return false
        }
        if isSettled { then() }
    }
}

extension GroupMembership.State {
    fileprivate var isSettled: Bool { isClosed || !plan.isJoining }

    mutating func takeWaiting() -> [@Sendable () -> Void] {
        guard isSettled else { return [] }
        defer { waiting = [] }
        return waiting
    }
}
