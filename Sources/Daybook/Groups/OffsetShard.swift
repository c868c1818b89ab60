// One partition of the internal topic of committed offsets at work: what is asked of it waits in a queue, goes into the log
// as one batch after the other, and into the table when it is durable. How the table comes to be is `OffsetShard+Loading`.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// The commits of the groups of one partition of the internal topic, in order.
///
/// One batch is on its way to the disk at a time. Whatever is asked for meanwhile waits and goes with the next one, so that
/// a hundred commits cost as many flushes as two. What nobody waits for lingers, so that more of it goes together.
final class OffsetShard: Sendable {
    let partition: Partition
    let state = Mutex(State())
    /// Held while the log is read into the table.
    let loading = Mutex(())

    struct State: Sendable {
        var table = OffsetTable()
        /// The first offset of the internal topic that the table does not know of; nil before it has been loaded.
        var loadedTo: Offset?
        /// When a reader last looked for what another process has written.
        var lookedAt: Timestamp = .none
        /// Records that are none that this release understands, left out.
        var unreadableCount = 0
        var inbox: [OffsetRequest] = []
        /// Those who begin where a group has committed, and wait until it is settled where that is.
        var awaitingTransactions: [@Sendable () -> Void] = []
        var isBusy = false
        /// What is in the inbox will be looked at, because it has lingered.
        var isLingering = false
        /// Nothing lingers while a daybook closes.
        var mayLinger = true

        /// Everything that was handed over has been answered.
        var isSettled: Bool { inbox.isEmpty && !isBusy }

        /// The batch of a transaction that is on its way to the disk, or durable and not yet in the table.
        var sending: (producer: ProducerID, ended: ControlRecord.Kind?)?

        /// A producer's transaction has ended. What of it is on its way into the table takes effect, or none, when it gets there:
        /// whoever flushed it may be slower than whoever wrote the marker behind it.
        mutating func end(_ kind: ControlRecord.Kind, of producer: ProducerID) {
            table.end(kind, of: producer)
            if let batch = sending, batch.producer == producer, batch.ended == nil { sending?.ended = kind }
        }

        /// Takes the batch that was sent into the table.
        fileprivate mutating func arrive(_ round: OffsetRound, at offset: Offset) {
            round.apply(to: &table, from: offset)
            if let batch = sending, let kind = batch.ended { table.end(kind, of: batch.producer) }
            sending = nil
        }
    }

    /// How long places of consumers wait for newer ones. So much more is dealt with twice after a crash; a flush takes a part of
    /// that anyway.
    private static let linger = Duration.milliseconds(20)

    init(_ partition: Partition) { self.partition = partition }

    /// Hands over a request. Does not block. Requests take effect in the order of these calls, and each is answered once, on a
    /// thread of the engine, perhaps one that flushes: what it calls must be quick and must not block.
    func submit(_ request: OffsetRequest, of daybook: Daybook) {
        let request = request.observed(by: partition)
        let mustStart = state.withLock { state in
            let last = state.inbox.count - 1
            if last < 0 || !state.inbox[last].absorb(request) { state.inbox.append(request) }
            if state.isBusy || lingers(&state, daybook) { return false }
            state.isBusy = true
            return true
        }
        if mustStart { partition.services.io.submit { self.goOn(daybook, hasLingered: true) } }
    }

    /// Whether what is in the inbox waits for more; then it will be looked at in time.
    private func lingers(_ state: inout State, _ daybook: Daybook) -> Bool {
        guard state.mayLinger, state.inbox.allSatisfy(\.mayLinger) else { return false }
        if !state.isLingering {
            state.isLingering = true
            partition.services.timer.schedule(after: Self.linger) {
                self.partition.services.io.submit { self.endLinger(daybook) }
            }
        }
        return true
    }

    private func endLinger(_ daybook: Daybook) {
        let mustStart = state.withLock { state in
            state.isLingering = false
            if state.isBusy || state.inbox.isEmpty { return false }
            state.isBusy = true
            return true
        }
        if mustStart { goOn(daybook, hasLingered: true) }
    }

    /// Nothing that is handed over from now on lingers. Returns whether something waits for an answer.
    func endLingering() -> Bool {
        state.withLock { state in
            state.mayLinger = false
            return !state.isSettled
        }
    }

    /// Makes a batch of what waits and sends it to the log; again when that is done, until nothing waits that must not linger.
    private func goOn(_ daybook: Daybook, hasLingered: Bool) {
        var hasLingered = hasLingered
        while true {
            let requests = state.withLock { state -> [OffsetRequest] in
                if state.inbox.isEmpty || !hasLingered && lingers(&state, daybook) {
                    state.isBusy = false
                    return []
                }
                defer { state.inbox = [] }
                return state.inbox
            }
            if requests.isEmpty { return }
            hasLingered = false
            if let failure = loadingFailure() {
                for request in requests { request.completion(failure) }
                continue
            }
            var round = OffsetRound(daybook, self)
            let rest = requests.dropFirst(round.take(requests))
            if !rest.isEmpty {
                hasLingered = true
                state.withLock { $0.inbox.insert(contentsOf: rest, at: 0) }
            }
            if let batch = round.batch() { return send(batch, round, daybook, hasLeftRest: hasLingered) }
            round.answer(nil)
        }
    }

    private func send(_ batch: EncodedBatch, _ round: OffsetRound, _ daybook: Daybook, hasLeftRest: Bool) {
        state.withLock { $0.sending = round.producer.map { ($0, nil) } }
        partition.submit(
            AppendRequest(batch: batch, durability: .durable) { result in
                switch result {
                case .success(let receipt):
                    self.state.withLock { $0.arrive(round, at: receipt.baseOffset) }
                    round.answer(nil)
                case .failure(let error):
                    self.state.withLock { $0.sending = nil }
                    round.answer(error)
                }
                // Not here: this thread may be the one that flushes.
                self.partition.services.io.submit { self.goOn(daybook, hasLingered: hasLeftRest) }
            })
    }

    private func loadingFailure() -> DaybookError? {
        do throws(DaybookError) {
            try loadBlocking()
            return nil
        } catch {
            return error
        }
    }
}
