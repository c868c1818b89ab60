// What the engine tells of its work while it does it: a seam for metrics and logs, so that who embeds the log compiles no
// library for either. `DaybookServices` has one that speaks to swift-metrics and one that speaks to swift-log.

public import DaybookModel

/// Hears what an opened daybook does, batch by batch, never record by record, and never a key or a payload.
///
/// Calls come on the threads that do the work, several at once, with no lock held. What an observer does there holds up that
/// work: count, and return. It may not wait. A kind of event that nobody asks about needs no method here: each does nothing
/// unless an observer says otherwise.
public protocol EngineObserver: Sendable {
    /// A batch is in the log; not yet durable.
    func didAppend(_ append: AppendObservation)
    /// A batch was refused: the disk is full, the producer has been fenced, the partition has failed.
    func didRefuse(_ topicPartition: TopicPartition, _ error: DaybookError)
    /// A flush has ended, well or not. One that fails is the last of its partition.
    func didFlush(_ flush: FlushObservation)
    /// A read has ended.
    func didRead(_ read: ReadObservation)
    /// A transaction has been committed or given up.
    func didEndTransaction(_ end: TransactionObservation)
    /// Offsets of a group are committed, or refused.
    func didCommit(_ commit: CommitObservation)
    /// A consumer has handed out records.
    func didConsume(_ consumption: ConsumptionObservation)
    /// A call for a consumer's records has waited.
    func didWait(_ wait: PollWaitObservation)
    /// A consumer of a group, or of none, does not read partitions any more: they go to another one, or it has been closed.
    func didRelease(_ partitions: [TopicPartition], group: String?)
    /// A group's partitions were distributed anew.
    func didRebalance(_ rebalance: RebalanceObservation)
    /// A pass of housekeeping has ended.
    func didKeepHouse(_ report: HousekeepingReport)
}

extension EngineObserver {
    public func didAppend(_ append: AppendObservation) {}
    public func didRefuse(_ topicPartition: TopicPartition, _ error: DaybookError) {}
    public func didFlush(_ flush: FlushObservation) {}
    public func didRead(_ read: ReadObservation) {}
    public func didEndTransaction(_ end: TransactionObservation) {}
    public func didCommit(_ commit: CommitObservation) {}
    public func didConsume(_ consumption: ConsumptionObservation) {}
    public func didWait(_ wait: PollWaitObservation) {}
    public func didRelease(_ partitions: [TopicPartition], group: String?) {}
    public func didRebalance(_ rebalance: RebalanceObservation) {}
    public func didKeepHouse(_ report: HousekeepingReport) {}
}

/// A batch that was appended.
public struct AppendObservation: Sendable, Hashable {
    public let topicPartition: TopicPartition
    public let recordsCount: Int
    /// The batch as it is on disk: compressed, with its header.
    public let bytes: Int
    /// The log recognised it as a repetition and kept the original instead.
    public let isDuplicate: Bool
    /// From the wait for the partition to the return of the write call.
    public let duration: Duration
}

/// A flush of a partition.
public struct FlushObservation: Sendable, Hashable {
    public let topicPartition: TopicPartition
    /// What the disk took; without the wait for the partition.
    public let duration: Duration
    /// Everything below is durable; nil when the flush has failed.
    public let durableTo: Offset?
}

/// A read of a partition.
public struct ReadObservation: Sendable, Hashable {
    public let topicPartition: TopicPartition
    public let batchesCount: Int
    /// The batches as they are on disk.
    public let bytes: Int
    /// What planning and reading took; records are unpacked later, by whoever wants them.
    public let duration: Duration
}

/// Several observers as one; each hears everything, in this order.
public struct EngineObservers: EngineObserver {
    private let observers: [any EngineObserver]

    public init(_ observers: [any EngineObserver]) { self.observers = observers }

    public func didAppend(_ append: AppendObservation) { for observer in observers { observer.didAppend(append) } }

    public func didRefuse(_ topicPartition: TopicPartition, _ error: DaybookError) {
        for observer in observers { observer.didRefuse(topicPartition, error) }
    }

    public func didFlush(_ flush: FlushObservation) { for observer in observers { observer.didFlush(flush) } }

    public func didRead(_ read: ReadObservation) { for observer in observers { observer.didRead(read) } }

    public func didEndTransaction(_ end: TransactionObservation) {
        for observer in observers { observer.didEndTransaction(end) }
    }
    public func didCommit(_ commit: CommitObservation) { for observer in observers { observer.didCommit(commit) } }

    public func didConsume(_ consumption: ConsumptionObservation) {
        for observer in observers { observer.didConsume(consumption) }
    }

    public func didWait(_ wait: PollWaitObservation) { for observer in observers { observer.didWait(wait) } }

    public func didRelease(_ partitions: [TopicPartition], group: String?) {
        for observer in observers { observer.didRelease(partitions, group: group) }
    }

    public func didRebalance(_ rebalance: RebalanceObservation) {
        for observer in observers { observer.didRebalance(rebalance) }
    }

    public func didKeepHouse(_ report: HousekeepingReport) {
        for observer in observers { observer.didKeepHouse(report) }
    }
}
