// One partition of the internal topic of committed offsets at work: what is asked of it waits in a queue, goes into the log
// as one batch after the other, and into the table when it is durable. How the table comes to be is `OffsetShard+Loading`.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// The commits of the groups of one partition of the internal topic, in order.
///
/// One batch is on its way to the disk at a time. Whatever is asked for meanwhile waits and goes with the next one, so that
/// a hundred commits cost as many flushes as two.
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
    }

    init(_ partition: Partition) { self.partition = partition }

    /// Hands over a request. Does not block. Requests take effect in the order of these calls, and each is answered once, on a
    /// thread of the engine.
    func submit(_ request: OffsetRequest, of daybook: Daybook) {
        let request = request.observed(by: partition)
        let mustStart = state.withLock { state in
            state.inbox.append(request)
            defer { state.isBusy = true }
            return !state.isBusy
        }
        if mustStart { partition.services.io.submit { self.goOn(daybook) } }
    }

    /// Makes a batch of what waits and sends it to the log; again when that is done, until nothing waits.
    private func goOn(_ daybook: Daybook) {
        while true {
            let requests = state.withLock { state in
                defer { state.inbox = [] }
                if state.inbox.isEmpty { state.isBusy = false }
                return state.inbox
            }
            if requests.isEmpty { return }
            if let failure = loadingFailure() {
                for request in requests { request.completion(failure) }
                continue
            }
            var round = OffsetRound(daybook, self)
            let rest = requests.dropFirst(round.take(requests))
            if !rest.isEmpty { state.withLock { $0.inbox.insert(contentsOf: rest, at: 0) } }
            if let batch = round.batch() { return send(batch, round, daybook) }
            round.answer(nil)
        }
    }

    private func send(_ batch: EncodedBatch, _ round: OffsetRound, _ daybook: Daybook) {
        partition.submit(
            AppendRequest(batch: batch, durability: .durable) { result in
                switch result {
                case .success(let receipt):
                    self.state.withLock { round.apply(to: &$0.table, from: receipt.baseOffset) }
                    round.answer(nil)
                case .failure(let error):
                    round.answer(error)
                }
                // Not here: this thread may be the one that flushes.
                self.partition.services.io.submit { self.goOn(daybook) }
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

/// Something that is to be written down about a group.
struct OffsetRequest: Sendable {
    enum Work: Sendable {
        /// Commits, together or not at all.
        case commit([TopicPartition: OffsetCommit])
        /// Deletes what the group has committed for these partitions; nil: everything.
        case remove([TopicPartition]?)
        /// Writes down what the group says of itself; nil: nothing any more.
        case describe(GroupMetadataValue?)
        /// Appends commits of a transaction, which count when it does.
        case append(TransactionalCommit)
        /// Deletes what any group has committed for a topic.
        case forget(TopicName)
        /// Nothing: answered when everything before it has been.
        case wait
    }

    var group: String
    var work: Work
    /// Refused while members are at work in the group.
    var needsEmptyGroup = false
    /// Asked just before it is written down; an error refuses the request.
    var isAllowed: (@Sendable () -> DaybookError?)?
    /// The same with the table, which knows everything that was asked for before about the group. Costs a batch of its own when
    /// there is such a request in the one before it.
    var validate: (@Sendable (borrowing OffsetTable) -> DaybookError?)?
    var completion: @Sendable (DaybookError?) -> Void
}
