// One transactional id at work: carries out what its state machine decides. Everything is done by the queues of partitions and
// told by completions on the engine's threads; the tasks of producers only wait for the end.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

/// A transactional id of an open daybook. Thread-safe.
final class TransactionEntry: Sendable {
    let id: String
    /// The partition of the internal topic that holds the id's states.
    private let log: Partition
    /// Stamped into markers; never falls from one opening of a directory to the next.
    private let coordinatorEpoch: Int32
    private let state: Mutex<State>

    private struct State {
        var machine: TransactionStateMachine
        /// The open transaction.
        var scope: TransactionScope?
        /// When somebody last did something with the id.
        var lastUse: Timestamp
        /// When the open transaction is given up, on the clock that never jumps.
        var deadline = Duration.zero
        var timeout = Duration.zero
        var isTimerSet = false
        /// Markers that were refused, and are tried again in a while.
        var retriesCount = 0
        /// Why, when they have been refused for so long that nobody should wait for them.
        var hindrance: DaybookError?
        var isClosing = false
        /// Who waits for the machine to be done with something.
        var waiters: [CheckedContinuation<DaybookError?, Never>] = []
    }

    init(
        _ id: String, _ machine: TransactionStateMachine, log: Partition, coordinatorEpoch: Int32, isClosing: Bool
    ) {
        self.id = id
        self.log = log
        self.coordinatorEpoch = coordinatorEpoch
        state = Mutex(State(machine: machine, lastUse: log.services.clock.now(), isClosing: isClosing))
    }

    private var now: Timestamp { log.services.clock.now() }

    // MARK: producers

    /// Puts a new producer in the place of the last one, whose open transaction is aborted; returns the number of its
    /// incarnation. Durable when it returns. Nil when the id has been forgotten: the entry is of no use any more.
    func admit(timeout: Duration, _ daybook: Daybook) async throws(DaybookError) -> Int? {
        var freshID: ProducerID?
        while true {
            try requireOpen()
            let (admission, partitions, fenced) = state.withLock {
                state -> (TransactionStateMachine.Admission, MarkedPartitions, TransactionScope?) in
                let fenced = state.scope
                state.lastUse = now
                let partitions = giveUp(&state, .producerFenced(id))
                let admission = state.machine.admit(
                    freshID: freshID, timeout: Int32(clamping: timeout.milliseconds),
                    givingUp: partitions.keys.sorted(), now: now)
                if case .write = admission { state.timeout = timeout }
                return (admission, partitions, fenced)
            }
            if let fenced { log.observeEnd(.fenced, of: fenced, partitionsCount: partitions.count) }
            switch admission {
            case .write(let value):
                let error: DaybookError? = await withCheckedContinuation { continuation in
                    write(value) { error in
                        if let error { continuation.resume(returning: error) }
                    } durable: {
                        continuation.resume(returning: $0)
                    }
                }
                let incarnation = change { $0.registered(isWritten: error == nil) }
                if let error { throw error }
                return incarnation
            case .needsProducerID: freshID = try await daybook.takeProducerID()
            case .mark(let marks):
                await withCheckedContinuation { continuation in
                    write(marks, in: partitions) { continuation.resume() }
                }
            case .wait: try await waitForChange()
            case .suspended: throw .transactionsSuspended(id)
            case .expired: return nil
            }
        }
    }

    /// Whether the id has its states in a partition of the internal topic.
    func isKept(in partition: Partition) -> Bool { log === partition }

    /// Forgets the id if nobody has used it since `limit` and nothing of it is under way; returns whether that is so.
    func expire(before limit: Timestamp) -> Bool {
        state.withLock { state in
            guard !state.isClosing, state.lastUse < limit, state.scope == nil, state.retriesCount == 0,
                state.machine.expire()
            else { return false }
            // Under the lock: whatever the id's next user writes is behind it.
            log.submit(TransactionLog.forgetting(id, at: now))
            return true
        }
    }

    // MARK: transactions

    /// Begins a transaction, after the last one of the same producer has ended in every partition.
    func begin(_ incarnation: Int, _ daybook: Daybook) async throws(DaybookError) -> TransactionScope {
        var freshID: ProducerID?
        while true {
            try requireOpen()
            let beginning = state.withLock { state in
                let beginning = state.machine.begin(incarnation, freshID: freshID, now: now)
                if case .begun(let number, let producer, let epoch) = beginning {
                    let began = log.services.clock.elapsed()
                    state.scope = TransactionScope(
                        transactionalID: id, incarnation: incarnation, number: number, producer: producer, epoch: epoch,
                        began: began)
                    state.deadline = began + state.timeout
                    state.lastUse = now
                    setTimer(&state)
                }
                return (beginning, state.scope)
            }
            switch beginning {
            case (.begun, let scope?): return scope
            case (.begun, nil): preconditionFailure("a transaction that has begun has a scope")
            case (.needsProducerID, _): freshID = try await daybook.takeProducerID()
            case (.wait, _): try await waitForChange()
            case (.isOpen, _): throw .transactionOpen(id)
            case (.fenced, _): throw .producerFenced(id)
            case (.suspended, _): throw .transactionsSuspended(id)
            case (.expired, _): throw .transactionalIDExpired(id)
            }
        }
    }

    /// Commits a transaction whose records are durable. Returns when every partition has its marker, durably; with
    /// `waitsForFlushes` false as soon as the decision is in the page cache, and the rest follows.
    ///
    /// Throws when the transaction has been ended by somebody else before, when the decision could not be written
    /// (`.transactionAborted`), or when nobody knows whether it has been (`.transactionInDoubt`).
    func commit(_ scope: TransactionScope, waitsForFlushes: Bool) async throws(DaybookError) {
        let error: DaybookError? = await withCheckedContinuation { continuation in
            let answer = Once { continuation.resume(returning: $0) }
            let (value, partitions, refusal) = state.withLock {
                state -> (TransactionLogValue?, MarkedPartitions, DaybookError?) in
                guard state.scope === scope else { return (nil, [:], scope.batchRefusal ?? .transactionEnded(id)) }
                let partitions = giveUp(&state, .transactionEnded(id))
                return (state.machine.commit(partitions.keys.sorted(), now: now), partitions, nil)
            }
            guard let value else {
                change { _ in }
                if refusal == nil { log.observeEnd(.committed, of: scope, partitionsCount: 0) }
                return answer(refusal)
            }
            let hasFailedBefore = log.withLog { $0.poison != nil }
            write(value) { error in
                if let error {
                    guard hasFailedBefore || Self.isCertainlyAbsent(error) else {
                        self.change { _ = $0.decided(.inDoubt) }
                        return answer(.transactionInDoubt(self.id, because: error))
                    }
                    let marks = self.change { $0.decided(.refused) }
                    self.log.observeEnd(.aborted, of: scope, partitionsCount: partitions.count)
                    self.write(marks, in: partitions) { answer(.transactionAborted(self.id, because: error)) }
                } else if !waitsForFlushes {
                    answer(nil)
                }
            } durable: { error in
                if let error {
                    self.change { _ = $0.decided(.inDoubt) }
                    return answer(.transactionInDoubt(self.id, because: error))
                }
                let marks = self.change { $0.decided(.durable) }
                self.log.observeEnd(.committed, of: scope, partitionsCount: partitions.count)
                self.write(marks, in: partitions) { answer(nil) }
            }
        }
        if let error { throw error }
    }

    /// Whether a decision that was refused like that can on no account be in the log. After an error of the disk the bytes may
    /// be there all the same, and a power cut can bring back what was cut off again.
    private static func isCertainlyAbsent(_ error: DaybookError) -> Bool {
        error.code != .partitionFailed && error.code != .inputOutput
    }

    /// Aborts a transaction, unless somebody else has ended it before. Returns when every partition has its marker, or is out
    /// of service.
    func abort(_ scope: TransactionScope) async { await abort(scope, .transactionEnded(id)) }

    private func abort(_ scope: TransactionScope, _ refusal: DaybookError) async {
        await withCheckedContinuation { continuation in
            abort(scope, refusal) { continuation.resume() }
        }
    }

    private func abort(
        _ scope: TransactionScope, _ refusal: DaybookError, _ completion: @escaping @Sendable () -> Void
    ) {
        let (marks, partitions, isOurs) = state.withLock { state -> (TransactionMarks?, MarkedPartitions, Bool) in
            guard state.scope === scope else { return (nil, [:], false) }
            let partitions = giveUp(&state, refusal)
            return (state.machine.abort(partitions.keys.sorted()), partitions, true)
        }
        if isOurs {
            let outcome: TransactionObservation.Outcome = refusal.code == .transactionTimedOut ? .timedOut : .aborted
            log.observeEnd(outcome, of: scope, partitionsCount: partitions.count)
        }
        write(marks, in: partitions, completion)
    }

    /// Aborts what is open and waits until nothing is under way any more that can be brought to an end. What cannot is ended
    /// by the next opening.
    func close() async {
        let scope = state.withLock { state in
            state.isClosing = true
            return state.scope
        }
        if let scope { await abort(scope, .closed) }
        _ = await hindranceToChange()
    }

    // MARK: steps

    private func requireOpen() throws(DaybookError) {
        if state.withLock({ $0.isClosing }) { throw .closed }
    }

    /// Where a transaction ends.
    private typealias MarkedPartitions = [TopicPartition: TransactionPart]

    /// Takes the open transaction, if there is one, out of its producer's hands: whoever comes with something for it is told
    /// `refusal` from now on. Returns the partitions that have, or may get, something of it.
    private func giveUp(_ state: inout State, _ refusal: DaybookError) -> MarkedPartitions {
        guard let scope = state.scope else { return [:] }
        state.scope = nil
        state.lastUse = now
        return scope.close(refusal).reduce(into: [:]) { $0[$1.partition.topicPartition] = $1 }
    }

    /// Writes a state down. `appended` is called first, and `durable` afterwards if `appended` was told no error.
    private func write(
        _ value: TransactionLogValue, appended: @escaping @Sendable (DaybookError?) -> Void,
        durable: @escaping @Sendable (DaybookError?) -> Void
    ) {
        let batch = TransactionLog.batch(id, value, timestamp: now)
        log.submit(
            AppendRequest(batch: batch, durability: .osCache) { [log] result in
                switch result {
                case .failure(let error): appended(error)
                case .success:
                    appended(nil)
                    log.submit(.settle(durable))
                }
            })
    }

    /// Writes markers. `completion` is called when each is durable, left to the next opening, or has been refused once: those
    /// are tried again in a while.
    private func write(
        _ marks: TransactionMarks?, in partitions: MarkedPartitions, _ completion: @escaping @Sendable () -> Void
    ) {
        guard let marks else {
            change { _ in }
            return completion()
        }
        let countdown = Countdown(marks.partitions.count, completion)
        for topicPartition in marks.partitions {
            guard let part = partitions[topicPartition] else {
                preconditionFailure("\(topicPartition) takes part and is not there")
            }
            mark(part, marks) { countdown.arrive() }
        }
    }

    private func mark(
        _ part: TransactionPart, _ marks: TransactionMarks, attempt: Int = 1, _ tried: @escaping @Sendable () -> Void
    ) {
        let request = MarkRequest(
            kind: marks.kind, producer: marks.producer, epoch: marks.epoch, coordinatorEpoch: coordinatorEpoch
        ) { error in
            self.finish(part, marks, attempt, error)
            tried()
        }
        part.partition.submit(.mark(request))
    }

    private func finish(_ part: TransactionPart, _ marks: TransactionMarks, _ attempt: Int, _ error: DaybookError?) {
        let topicPartition = part.partition.topicPartition
        guard let error else {
            part.keeper?.endTransaction(marks.kind, of: marks.producer, in: topicPartition)
            return marked(topicPartition, isLeft: false)
        }
        switch error.code {
        case .unknownTopic, .producerFenced:
            // Gone with the topic, or overtaken by whoever has the id now.
            marked(topicPartition, isLeft: false)
        case .partitionFailed, .closed: marked(topicPartition, isLeft: true)
        default:
            let isClosing = state.withLock { state in
                if !state.isClosing { state.retriesCount += 1 }
                return state.isClosing
            }
            if isClosing { return marked(topicPartition, isLeft: true) }
            if attempt >= Self.patience { tell(.transactionUnfinished(id, because: error)) }
            log.services.timer.schedule(after: Self.pause) {
                self.state.withLock { $0.retriesCount -= 1 }
                self.mark(part, marks, attempt: attempt + 1) {}
            }
        }
    }

    /// Between two attempts to write a marker.
    private static let pause = Duration.milliseconds(100)
    /// After so many attempts nobody waits for it any more.
    private static let patience = 50

    private func tell(_ hindrance: DaybookError) {
        let waiters = state.withLock { state in
            state.hindrance = hindrance
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: hindrance) }
    }

    private func marked(_ topicPartition: TopicPartition, isLeft: Bool) {
        let progress = change { $0.marked(topicPartition, isLeft: isLeft, now: now) }
        guard case .ended(let value?) = progress else { return }
        // Nothing depends on it, nobody waits for it: without it the next opening finds that no marker is missing.
        let batch = TransactionLog.batch(id, value, timestamp: now)
        log.submit(AppendRequest(batch: batch, durability: .osCache) { _ in })
    }

    // MARK: time

    /// Sees to it that somebody looks at the deadline of the open transaction. One timer serves all transactions of a producer,
    /// one after the other.
    private func setTimer(_ state: inout State) {
        guard !state.isTimerSet else { return }
        state.isTimerSet = true
        let left = state.deadline - log.services.clock.elapsed()
        log.services.timer.schedule(after: max(.milliseconds(1), left)) { [weak self] in self?.lookAtDeadline() }
    }

    private func lookAtDeadline() {
        let overdue = state.withLock { state -> (TransactionScope, Duration)? in
            state.isTimerSet = false
            guard let scope = state.scope else { return nil }
            if log.services.clock.elapsed() >= state.deadline { return (scope, state.timeout) }
            setTimer(&state)
            return nil
        }
        guard let (scope, timeout) = overdue else { return }
        abort(scope, .transactionTimedOut(id, timeout)) {}
    }

    // MARK: waiting

    /// Changes the machine and calls those who wait for it to be done.
    @discardableResult
    private func change<R: Sendable>(_ body: (inout TransactionStateMachine) -> R) -> R {
        let (result, waiters) = state.withLock { state -> (R, [CheckedContinuation<DaybookError?, Never>]) in
            let result = body(&state.machine)
            guard !state.machine.isBusy else { return (result, []) }
            defer { (state.waiters, state.hindrance) = ([], nil) }
            return (result, state.waiters)
        }
        for waiter in waiters { waiter.resume(returning: nil) }
        return result
    }

    /// Returns when nothing is under way; throws when what is under way may never come to its end.
    private func waitForChange() async throws(DaybookError) {
        if let hindrance = await hindranceToChange() { throw hindrance }
    }

    /// Returns nil when nothing is under way, or, in a daybook that closes, nothing that will come to an end.
    private func hindranceToChange() async -> DaybookError? {
        await withCheckedContinuation { continuation in
            let answer = state.withLock { state -> DaybookError?? in
                if !state.machine.isBusy || (state.isClosing && state.retriesCount > 0) { return .some(nil) }
                if let hindrance = state.hindrance { return hindrance }
                state.waiters.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}
