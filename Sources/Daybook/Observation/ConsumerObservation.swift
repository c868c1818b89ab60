// What an observer hears of consumers and of the groups whose members they are: what was handed out, how long was waited for it,
// and when partitions were distributed anew. Told by `Fetcher` and `CoordinatedGroup`, with no lock held.

public import DaybookModel
internal import Synchronization

/// Records of one partition that a consumer has handed out.
public struct ConsumptionObservation: Sendable, Hashable {
    /// The group that the consumer reads for; nil for none.
    public let group: String?
    public let topicPartition: TopicPartition
    /// Records that are handed out one by one are told of batch by batch.
    public let recordsCount: Int
    /// The batch as it is on disk, told with the last of its records.
    public let bytes: Int
    /// Offsets from where the consumer is now to the end of what it may read.
    public let lag: Int64
}

/// A call for a consumer's records that has waited, with or without success.
public struct PollWaitObservation: Sendable, Hashable {
    /// The group that the consumer reads for; nil for none.
    public let group: String?
    /// Without the time that its user took between two calls.
    public let duration: Duration
}

/// A group whose partitions were distributed anew, with everybody's share written down.
public struct RebalanceObservation: Sendable, Hashable {
    public let group: String
    public let generation: Int32
    public let membersCount: Int
    /// From when members were asked to join.
    public let duration: Duration
}

extension Fetcher {
    /// What has happened under the lock and is to be told when it is not held any more.
    struct Untold {
        /// Nothing is kept where nobody listens.
        fileprivate var isHeard = false
        fileprivate struct Consumption {
            let partition: Partition
            let recordsCount: Int
            let bytes: Int
            let position: Offset
        }
        fileprivate var consumptions: [Consumption] = []
        fileprivate var released: [TopicPartition] = []
        fileprivate var isEmpty: Bool { consumptions.isEmpty && released.isEmpty }

        /// Records of a partition have been handed out.
        mutating func hasConsumed(_ slot: FetchSlot, recordsCount: Int, bytes: Int) {
            guard isHeard else { return }
            consumptions.append(
                Consumption(
                    partition: slot.partition, recordsCount: recordsCount, bytes: bytes, position: slot.position))
        }

        /// A partition is not read any more.
        mutating func hasReleased(_ slot: FetchSlot) {
            guard isHeard else { return }
            if slot.untoldRecordsCount > 0 { hasConsumed(slot, recordsCount: slot.takeUntoldRecords(), bytes: 0) }
            released.append(slot.topicPartition)
        }
    }

    /// Does something under the lock, and tells the observer afterwards.
    func change<R: Sendable>(_ body: (inout State) -> R) -> R {
        guard let observer = services.observer else { return state.withLock { body(&$0) } }
        let (result, untold) = state.withLock { state in
            state.untold = Untold(isHeard: true)
            let result = body(&state)
            return (result, state.untold)
        }
        if !untold.isEmpty { tell(untold, observer) }
        return result
    }

    private func tell(_ untold: Untold, _ observer: any EngineObserver) {
        for consumption in untold.consumptions {
            let end = consumption.partition.withLog { $0.limit(configuration.isolation) }
            observer.didConsume(
                ConsumptionObservation(
                    group: group, topicPartition: consumption.partition.topicPartition,
                    recordsCount: consumption.recordsCount, bytes: consumption.bytes,
                    lag: max(0, consumption.position.distance(to: end))))
        }
        if !untold.released.isEmpty { observer.didRelease(untold.released, group: group) }
    }

    /// Tells how long a call has waited, if it has.
    func tellOfWait(_ duration: Duration?) {
        guard let observer = services.observer, let duration else { return }
        observer.didWait(PollWaitObservation(group: group, duration: duration))
    }
}
