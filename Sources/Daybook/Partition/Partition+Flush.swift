// Group commit: one flush answers every append that was written before it began. At most one flush of a partition is
// under way; appends and reads go on meanwhile.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookStorage
internal import Synchronization

extension Partition {
    /// Asks for a flush of everything appended so far, on a thread of the flushers.
    func requestFlush() {
        let mustStart = state.withLock { state in
            defer { state.isFlushing = true }
            return !state.isFlushing
        }
        if mustStart { services.flushers.proceed { self.flushOnFlusher() } }
    }

    /// Sees to it that what has been appended is flushed before long, whoever waits for it or not.
    func scheduleFlush(_ state: inout State) {
        guard !state.isFlushScheduled, !state.isFlushing else { return }
        state.isFlushScheduled = true
        services.timer.schedule(after: state.flushInterval) { [weak self] in
            guard let self else { return }
            self.state.withLock { $0.isFlushScheduled = false }
            self.requestFlush()
        }
    }

    /// Flushes, again and again until nobody waits. `isFlushing` is set by the caller and cleared here.
    ///
    /// Each time is a job of its own, so that what the answers have led to on this thread comes in between.
    private func flushOnFlusher() {
        let goesOn = flushOnce(here: true)
        // Published between flushes too: senders that never pause must not keep readers elsewhere in the past.
        publishWatermark()
        if goesOn { services.flushers.proceed { self.flushOnFlusher() } }
    }

    /// One flush; returns whether there is reason for another one. `here`: readers may be woken on this thread.
    private func flushOnce(here: Bool) -> Bool {
        let (ticket, refused) = state.withLock { state -> (FlushTicket?, [Waiter]) in
            if state.isAbandoned { return (nil, state.giveUpFlushing()) }
            do throws(StorageError) {
                if state.log.needsFlush { return (try state.log.beginFlush(), []) }
                return (nil, state.finishFlushing(reached: state.log.recoveryPoint))
            } catch {
                state.isFlushing = false
                defer { state.waiters = [] }
                return (nil, state.waiters)
            }
        }
        guard let ticket else {
            answer(refused)
            return false
        }
        let began = services.observer.map { _ in services.clock.elapsed() }
        let outcome = ticket.run()
        observeFlush(outcome, since: began)
        if ticket.beginsSegment, outcome.failure == nil {
            // Without it recovery may have to take rot for a torn tail. No reason to fail a flush: the next one tries again.
            do throws(FileError) { try saveCheckpoint(durableTo: outcome.nextOffset) } catch {}
        }
        let (waiters, woken, goesOn) = state.withLock { state -> ([Waiter], [Watcher], Bool) in
            // Taking note of a flush writes sidecars.
            if state.isAbandoned { return (state.giveUpFlushing(), [], false) }
            do throws(StorageError) {
                try state.log.finishFlush(outcome)
                let done = state.takeWaiters(reached: outcome.nextOffset)
                if state.waiters.isEmpty { _ = state.finishFlushing(reached: outcome.nextOffset) }
                // Appends that nobody waits for are flushed by the timer.
                if state.waiters.isEmpty && state.log.needsFlush { scheduleFlush(&state) }
                return (done, state.takeReadable(), !state.waiters.isEmpty)
            } catch {
                state.isFlushing = false
                defer { state.waiters = [] }
                return (state.waiters, [], false)
            }
        }
        answer(waiters)
        // A reader on this thread must not hold up a flush that somebody waits for.
        wake(woken, here: here && !goesOn)
        return goesOn
    }

    /// Tells waiters that their offset is durable, or that it will never be.
    private func answer(_ waiters: [Waiter]) {
        guard !waiters.isEmpty else { return }
        let (watermark, poison, isAbandoned) = state.withLock {
            ($0.log.recoveryPoint, $0.log.poison, $0.isAbandoned)
        }
        for waiter in waiters {
            if waiter.offset <= watermark {
                waiter.resume(nil)
            } else if let poison {
                waiter.resume(DaybookError(.poisoned(cause: poison), topicPartition))
            } else if isAbandoned {
                waiter.resume(.closed)
            } else {
                preconditionFailure("a waiter is answered only when its offset is durable or the log has failed")
            }
        }
    }

    // MARK: callers that may block

    /// Returns when everything below `offset` is durable.
    func flushBlocking(through offset: Offset) throws(DaybookError) {
        let isOurs = state.withLock { state in
            defer { state.isFlushing = true }
            return !state.isFlushing
        }
        // Nobody is flushing: this thread can, and saves two changes of threads. It flushes once; whoever came meanwhile is
        // served by the flushers.
        if isOurs {
            if flushOnce(here: false) { services.flushers.submit { self.flushOnFlusher() } }
            publishWatermark()
        }
        let failure = BlockingAnswer<DaybookError?>()
        let isDone = state.withLock { state -> Bool in
            if state.log.recoveryPoint >= offset { return true }
            if let poison = state.log.poison {
                failure.give(DaybookError(.poisoned(cause: poison), topicPartition))
                return false
            }
            state.waiters.append(Waiter(offset: offset) { failure.give($0) })
            return false
        }
        if isDone { return }
        requestFlush()
        if let error = failure.wait() { throw error }
    }

    /// Flushes everything appended before the call; for callers that must not block.
    ///
    /// Waits as a waiter and not on a thread: the flush it waits for may need that very thread.
    func flush() async throws(DaybookError) {
        let error: DaybookError? = await withCheckedContinuation { continuation in
            let answer = state.withLock { state -> DaybookError?? in
                if let poison = state.log.poison {
                    return .some(DaybookError(.poisoned(cause: poison), topicPartition))
                }
                guard state.log.access != .read, state.log.needsFlush else { return .some(nil) }
                state.waiters.append(Waiter(offset: state.log.logEndOffset) { continuation.resume(returning: $0) })
                return nil
            }
            if let answer { continuation.resume(returning: answer) } else { requestFlush() }
        }
        if let error { throw error }
    }

    // MARK: the watermark file

    /// How long a high watermark may be kept to ourselves: other processes see it that much later.
    private static var publishInterval: Duration { .milliseconds(10) }

    /// Writes the high watermark down for the next open and for readers in other processes, not more often than needed, or
    /// in any case where it is `isFinal`.
    ///
    /// Returns why it could not be written. It can be derived: without it the next open scans more, and it is tried again with
    /// the next flush. Only who is about to read as another process does has to know.
    @discardableResult
    func publishWatermark(isFinal: Bool = false) -> FileError? {
        // One at a time, so that an older watermark is never written over a newer one.
        publishing.withLock { _ in publish(isFinal: isFinal) }
    }

    private func publish(isFinal: Bool) -> FileError? {
        let watermark = state.withLock { state -> Watermark? in
            let log = state.log
            guard !state.isAbandoned, log.access != .read, isFinal || state.published != log.recoveryPoint else {
                return nil
            }
            let now = services.clock.elapsed()
            if !isFinal, let last = state.publishedAt, now - last < Self.publishInterval {
                if !state.isPublishScheduled {
                    state.isPublishScheduled = true
                    services.timer.schedule(after: Self.publishInterval) { [weak self] in
                        guard let self else { return }
                        self.services.io.submit {
                            self.state.withLock { $0.isPublishScheduled = false }
                            self.publishWatermark()
                        }
                    }
                }
                return nil
            }
            (state.published, state.publishedAt) = (log.recoveryPoint, now)
            return Watermark(
                topicID: topicID, partition: topicPartition.partition, highWatermark: log.recoveryPoint,
                logStartOffset: log.promisedLogStart, leaderEpoch: log.leaderEpoch)
        }
        guard let watermark else { return nil }
        do throws(FileError) {
            try services.watermarks.write(watermark, slot: slot)
            return nil
        } catch {
            state.withLock { $0.published = nil }
            return error
        }
    }
}

extension Partition.State {
    /// Takes out the waiters whose offset has been reached.
    fileprivate mutating func takeWaiters(reached offset: Offset) -> [Partition.Waiter] {
        var done: [Partition.Waiter] = []
        waiters.removeAll { waiter in
            guard waiter.offset <= offset else { return false }
            done.append(waiter)
            return true
        }
        return done
    }

    /// Ends the flushing and takes out all waiters.
    fileprivate mutating func giveUpFlushing() -> [Partition.Waiter] {
        isFlushing = false
        defer { waiters = [] }
        return waiters
    }

    /// Ends the flushing and takes out whoever has been served.
    fileprivate mutating func finishFlushing(reached offset: Offset) -> [Partition.Waiter] {
        isFlushing = false
        return takeWaiters(reached: offset)
    }
}

/// A value that one thread waits for and another one gives.
///
/// Safety: `value` is touched only under the monitor.
final class BlockingAnswer<Value: Sendable>: @unchecked Sendable {
    private let monitor = Monitor()
    private var value: Value?

    func give(_ value: Value) {
        monitor.withLock {
            self.value = value
            monitor.wakeAll()
        }
    }

    func wait() -> Value {
        monitor.withLock {
            while true {
                if let value { return value }
                monitor.wait()
            }
        }
    }
}
