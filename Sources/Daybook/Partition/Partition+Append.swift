// Into the log: by a queue that the I/O threads drain, for callers that must not block, or straight away on a thread of
// the caller's own.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

/// A batch to append, and whom to tell.
struct AppendRequest: Sendable {
    let batch: EncodedBatch
    let durability: Durability
    /// The batches that this one must not overtake; nil where it may.
    var run: BatchRun?
    /// The only offset at which the batch may be appended; nil: any.
    var expecting: Offset?
    let completion: @Sendable (Result<BatchReceipt, DaybookError>) -> Void
}

/// Something for a partition's queue. Its completion is called once, on a thread of the engine.
enum PartitionRequest: Sendable {
    /// Answered when the durability is reached or the batch has been refused.
    case append(AppendRequest)
    /// Answered when the marker is durable or has been refused.
    case mark(MarkRequest)
    /// Answered when everything that was in the queue before is durable, or the partition has failed.
    case settle(@Sendable (DaybookError?) -> Void)

    /// Whether somebody waits for the disk.
    fileprivate var needsFlush: Bool {
        switch self {
        case .append(let request): request.durability == .durable
        case .mark, .settle: true
        }
    }
}

extension Partition {
    /// Hands over a request. Does not block. What is handed over is done in the order of these calls.
    func submit(_ request: PartitionRequest) { submit(CollectionOfOne(request)) }

    /// Hands over a batch.
    func submit(_ request: AppendRequest) { submit(.append(request)) }

    /// Hands over requests, one behind the other.
    func submit(_ requests: some Collection<PartitionRequest>) {
        let mustStart = inbox.withLock { inbox in
            inbox.requests.append(contentsOf: requests)
            defer { inbox.isDraining = true }
            return !inbox.isDraining
        }
        guard mustStart else { return }
        // A thread that has just flushed goes on with what follows from that. A flush that is sure to come may as well be done by
        // the thread that appends, as long as no append waits for somebody else's flush because of that.
        if services.flushers.follow(with: { self.drain() }) { return }
        if requests.contains(where: \.needsFlush), services.flushers.submitIfIdle({ self.drain() }) { return }
        services.io.submit { self.drain() }
    }

    private func drain() {
        // A few rounds, then others get their turn on this thread.
        for _ in 0..<8 {
            let requests = inbox.withLock { inbox in
                defer { inbox.requests = [] }
                if inbox.requests.isEmpty { inbox.isDraining = false }
                return inbox.requests
            }
            if requests.isEmpty { return }
            var needsFlush = false
            for request in requests where perform(request) { needsFlush = true }
            if needsFlush { requestFlush() }
        }
        services.io.submit { self.drain() }
    }

    /// Does one thing of the queue; returns whether somebody waits for a flush.
    private func perform(_ request: PartitionRequest) -> Bool {
        switch request {
        case .append(let request): appendForLater(request)
        case .mark(let request): mark(request)
        case .settle(let completion): settle(completion)
        }
    }

    /// Appends one batch of the queue; returns whether its sender waits for a flush.
    private func appendForLater(_ request: AppendRequest) -> Bool {
        let observation = beginObserving(request.batch)
        var isDuplicate = false
        let (result, woken) = state.withLock { state -> (Result<BatchReceipt, DaybookError>?, [Watcher]) in
            if let refusal = request.run?.refusal { return (.failure(refusal), []) }
            do throws(DaybookError) {
                let appended = try append(request.batch, expecting: request.expecting, &state)
                isDuplicate = appended.isDuplicate
                let woken = state.takeReadable()
                guard request.durability == .durable else {
                    return (.success(BatchReceipt(appended, topicPartition, .osCache)), woken)
                }
                let receipt = BatchReceipt(appended, topicPartition, .durable)
                let completion = request.completion
                state.waiters.append(
                    Waiter(offset: appended.nextOffset) { error in
                        completion(error.map { .failure($0) } ?? .success(receipt))
                    })
                return (nil, woken)
            } catch {
                request.run?.breakOff(error, appended: state.splitRecordsAppended)
                return (.failure(error), [])
            }
        }
        wake(woken)
        observation?.end(result?.failure, isDuplicate: isDuplicate)
        guard let result else { return true }
        request.completion(result)
        return false
    }

    private func append(
        _ batch: EncodedBatch, expecting: Offset? = nil, _ state: inout State
    ) throws(DaybookError) -> AppendResult {
        if let ending = state.ending { throw ending }
        let now = services.clock.now()
        // A log that is out of service says so, whatever room there is.
        if state.log.poison == nil { try space.admit(batch.count, at: now) }
        do throws(StorageError) {
            let result = try state.appendSplitting(batch, now: now, expecting: expecting)
            scheduleFlush(&state)
            return result
        } catch {
            if case .file(let cause) = error, cause.isOutOfSpace { space.forget() }
            throw DaybookError(error, topicPartition)
        }
    }

    /// Appends on the calling thread, which may block: it must not be one of Swift's cooperative threads.
    ///
    /// With nobody else at work on the partition this thread does everything itself, the flush for `.durable` included.
    /// Otherwise the batch joins the queue and this thread sleeps: many threads that each wait for the lock would burn
    /// the CPU that the one with the lock needs.
    func appendBlocking(_ batch: EncodedBatch, _ durability: Durability) throws(DaybookError) -> BatchReceipt {
        let isAlone = inbox.withLock { inbox in
            defer { inbox.isDraining = true }
            return !inbox.isDraining
        }
        guard isAlone else {
            let answer = BlockingAnswer<Result<BatchReceipt, DaybookError>>()
            submit(AppendRequest(batch: batch, durability: durability) { answer.give($0) })
            return try answer.wait().get()
        }
        let observation = beginObserving(batch)
        let (outcome, woken) = state.withLock { state -> (Result<AppendResult, DaybookError>, [Watcher]) in
            (Result { () throws(DaybookError) in try append(batch, &state) }, state.takeReadable())
        }
        wake(woken)
        observation?.end(outcome.failure, isDuplicate: (try? outcome.get().isDuplicate) ?? false)
        // Whoever came meanwhile is served by the I/O threads.
        let hasFollowers = inbox.withLock { inbox in
            inbox.isDraining = !inbox.requests.isEmpty
            return inbox.isDraining
        }
        if hasFollowers { services.io.submit { self.drain() } }
        let result = try outcome.get()
        if durability == .durable { try flushBlocking(through: result.nextOffset) }
        return BatchReceipt(result, topicPartition, durability)
    }
}
