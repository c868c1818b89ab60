// The end of transactions in a partition, in its queue among the batches: what was handed over before a marker is before it in
// the log. Which transaction ends, and how, is the coordinator's decision.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

/// A marker to write, and whom to tell.
struct MarkRequest: Sendable {
    let kind: ControlRecord.Kind
    let producer: ProducerID
    let epoch: Int16
    /// The epoch is one above that of the transaction's records.
    var raisesEpoch = true
    let coordinatorEpoch: Int32
    let completion: @Sendable (DaybookError?) -> Void
}

extension Partition {
    /// Writes a marker of the queue, or finds that it is there already; returns whether somebody waits for a flush.
    ///
    /// A marker needs no room: the reserve is there for it, because a transaction that cannot end keeps what is behind it from
    /// readers.
    func mark(_ request: MarkRequest) -> Bool {
        let (refusal, woken) = state.withLock { state -> (DaybookError?, [Watcher]) in
            if let ending = state.ending { return (ending, []) }
            do throws(StorageError) {
                _ = try state.log.endTransaction(
                    producer: request.producer, epoch: request.epoch, kind: request.kind,
                    coordinatorEpoch: request.coordinatorEpoch, now: services.clock.now(),
                    raisingEpoch: request.raisesEpoch)
                scheduleFlush(&state)
                return (nil, state.takeReadable())
            } catch {
                return (DaybookError(error, topicPartition), [])
            }
        }
        wake(woken)
        guard let refusal else { return settle(request.completion) }
        request.completion(refusal)
        return false
    }

    /// Sees to it that somebody is told when all that has been appended is durable; returns whether that takes a flush.
    func settle(_ completion: @escaping @Sendable (DaybookError?) -> Void) -> Bool {
        let answer = state.withLock { state -> DaybookError?? in
            if let poison = state.log.poison {
                return .some(DaybookError(.poisoned(cause: poison), topicPartition))
            }
            guard state.log.needsFlush else { return .some(nil) }
            state.waiters.append(Waiter(offset: state.log.logEndOffset, resume: completion))
            return nil
        }
        guard let answer else { return true }
        completion(answer)
        return false
    }
}
