// What housekeeping has to do with transactional ids: the end of those that nobody has used for long, so that a service that makes up
// a new one with each start does not fill the internal topic. On the housekeeping thread.

internal import DaybookModel
internal import Synchronization

extension Daybook {
    /// Forgets the transactional ids that nobody has used for `transactionalIDExpiration`. None whose transaction is open, being
    /// ended, or to be ended by the next opening. Blocks where the states have not been read yet.
    func expireTransactionalIDs(_ report: inout HousekeepingReport) {
        guard let expiration = configuration.housekeeping.transactionalIDExpiration,
            housekeeping.time.watched >= configuration.housekeeping.settlingTime,
            let topic = existingInternalTopic(.transactionState)
        else { return }
        let limit = housekeeping.time.now.advanced(byMilliseconds: -expiration.milliseconds)
        for topicPartition in topic.partitions {
            do throws(DaybookError) {
                let ids = try transactions.expire(in: try partition(topicPartition), before: limit)
                if ids.isEmpty { continue }
                report.note(
                    topicPartition, .transactionalIDsExpired,
                    "\(ids.count) transactional ids have not been used for \(expiration) and are forgotten, "
                        + "\"\(ids[0])\" among them")
            } catch {
                report.note(topicPartition, .failure, "\(error)")
            }
        }
    }
}

extension TransactionCoordinator {
    /// Forgets the ids of a partition of the internal topic that have not been used since `limit`; returns them, in order.
    fileprivate func expire(in log: Partition, before limit: Timestamp) throws(DaybookError) -> [String] {
        _ = try states(log)
        return state.withLock { state in
            var expired = state.entries.filter { $0.value.isKept(in: log) && $0.value.expire(before: limit) }.map(\.key)
            let found = state.states[log.topicPartition]?.values ?? [:]
            for (id, value) in found.sorted(by: { $0.key < $1.key })
            where state.entries[id] == nil && !state.suspended.contains(id) && value.isAtRest
                && value.lastUpdateTime < limit
            {
                // Under the lock: whatever the id's next user writes is behind it.
                log.submit(TransactionLog.forgetting(id, at: log.services.clock.now()))
                expired.append(id)
            }
            for id in expired {
                state.entries[id] = nil
                state.states[log.topicPartition]?.values[id] = nil
            }
            return expired.sorted()
        }
    }
}

extension TransactionLogValue {
    /// Whether nothing of it waits for anybody.
    fileprivate var isAtRest: Bool {
        switch status {
        case .empty, .completeCommit, .completeAbort, .dead: true
        case .ongoing, .prepareCommit, .prepareAbort, .prepareEpochFence: false
        }
    }
}
