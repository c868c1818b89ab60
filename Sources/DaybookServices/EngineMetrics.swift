// What the engine does, as metrics of swift-metrics: whatever backend the program has set up gets them.
// Names are Prometheus'; labels are topics and reasons, never a key, a record or an id of one.

public import Metrics
public import Daybook
internal import Synchronization

/// Counts and times for an opened daybook. Give it to `Configuration.observer`.
///
/// | metric | kind | labels |
/// |---|---|---|
/// | `daybook_records_appended_total`, `daybook_bytes_appended_total`, `daybook_batches_appended_total` | counter | topic |
/// | `daybook_duplicate_batches_total` | counter | topic |
/// | `daybook_batches_refused_total` | counter | topic, reason |
/// | `daybook_append_seconds` | timer | topic |
/// | `daybook_flush_seconds`, `daybook_flush_failures_total` | timer, counter | topic |
/// | `daybook_bytes_read_total`, `daybook_read_seconds` | counter, timer | topic |
/// | `daybook_transactions_total`, `daybook_transaction_seconds` | counter, timer | outcome |
/// | `daybook_offset_commits_total` | counter | group |
/// | `daybook_offset_commits_refused_total` | counter | group, reason |
/// | `daybook_offset_commit_seconds` | timer | – |
/// | `daybook_records_consumed_total`, `daybook_bytes_consumed_total` | counter | group, topic |
/// | `daybook_poll_wait_seconds` | timer | group |
/// | `daybook_lag_records` | gauge | group, topic, partition |
/// | `daybook_rebalances_total`, `daybook_rebalance_seconds` | counter, timer | group |
/// | `daybook_housekeeping_findings_total` | counter | topic, kind |
///
/// Bytes are those on disk, compressed. Lag is that of a consumer in this process when it was last handed records of the
/// partition, in offsets to the end of what it may read; it goes when the partition is read no longer. Lag by what a group has
/// committed is measured by ``GroupLag``. A metric is made when it first counts something, and a topic's go on counting when a
/// topic of the same name takes its place. Costs a lock and a look-up a batch.
public final class EngineMetrics: EngineObserver {
    private let factory: any MetricsFactory
    private let topics = Mutex<[String: TopicMetrics]>([:])
    private let consumers: ConsumerMetrics

    /// `factory`: nil for the one that the program has bootstrapped.
    public init(factory: (any MetricsFactory)? = nil) {
        self.factory = factory ?? MetricsSystem.factory
        consumers = ConsumerMetrics(self.factory)
    }

    public func didAppend(_ append: AppendObservation) {
        let metrics = metrics(append.topicPartition)
        guard !append.isDuplicate else { return metrics.duplicates.increment() }
        metrics.recordsAppended.increment(by: append.recordsCount)
        metrics.bytesAppended.increment(by: append.bytes)
        metrics.batchesAppended.increment()
        metrics.append.record(duration: append.duration)
    }

    public func didRefuse(_ topicPartition: TopicPartition, _ error: DaybookError) {
        counter("daybook_batches_refused_total", topicPartition, ("reason", "\(error.code)")).increment()
    }

    public func didFlush(_ flush: FlushObservation) {
        let metrics = metrics(flush.topicPartition)
        metrics.flush.record(duration: flush.duration)
        if flush.durableTo == nil { counter("daybook_flush_failures_total", flush.topicPartition).increment() }
    }

    public func didRead(_ read: ReadObservation) {
        let metrics = metrics(read.topicPartition)
        metrics.bytesRead.increment(by: read.bytes)
        metrics.read.record(duration: read.duration)
    }

    public func didEndTransaction(_ end: TransactionObservation) {
        let dimensions = [("outcome", end.outcome.rawValue)]
        Counter(label: "daybook_transactions_total", dimensions: dimensions, factory: factory).increment()
        Metrics.Timer(label: "daybook_transaction_seconds", dimensions: dimensions, factory: factory)
            .record(duration: end.duration)
    }

    public func didCommit(_ commit: CommitObservation) {
        let group = ("group", commit.group)
        if let refusal = commit.refusal {
            Counter(
                label: "daybook_offset_commits_refused_total", dimensions: [group, ("reason", "\(refusal.code)")],
                factory: factory
            ).increment()
        } else {
            Counter(label: "daybook_offset_commits_total", dimensions: [group], factory: factory).increment()
            Metrics.Timer(label: "daybook_offset_commit_seconds", dimensions: [], factory: factory)
                .record(duration: commit.duration)
        }
    }

    public func didConsume(_ consumption: ConsumptionObservation) { consumers.didConsume(consumption) }

    public func didWait(_ wait: PollWaitObservation) { consumers.didWait(wait) }

    public func didRelease(_ partitions: [TopicPartition], group: String?) {
        consumers.didRelease(partitions, group: group)
    }

    public func didRebalance(_ rebalance: RebalanceObservation) {
        let group = [("group", rebalance.group)]
        Counter(label: "daybook_rebalances_total", dimensions: group, factory: factory).increment()
        Metrics.Timer(label: "daybook_rebalance_seconds", dimensions: group, factory: factory)
            .record(duration: rebalance.duration)
    }

    public func didKeepHouse(_ report: HousekeepingReport) {
        for finding in report.findings {
            counter("daybook_housekeeping_findings_total", finding.topicPartition, ("kind", finding.kind.rawValue))
                .increment()
        }
    }

    private func metrics(_ topicPartition: TopicPartition) -> TopicMetrics {
        let name = topicPartition.topic.description
        return topics.withLock { topics in
            if let known = topics[name] { return known }
            let made = TopicMetrics(name, factory)
            topics[name] = made
            return made
        }
    }

    /// For what happens seldom.
    private func counter(_ label: String, _ topicPartition: TopicPartition, _ others: (String, String)...) -> Counter {
        Counter(label: label, dimensions: [("topic", topicPartition.topic.description)] + others, factory: factory)
    }
}

/// The metrics of one topic that each batch counts in.
private struct TopicMetrics: Sendable {
    let recordsAppended: Counter
    let bytesAppended: Counter
    let batchesAppended: Counter
    let duplicates: Counter
    let bytesRead: Counter
    let append: Metrics.Timer
    let flush: Metrics.Timer
    let read: Metrics.Timer

    init(_ topic: String, _ factory: any MetricsFactory) {
        let dimensions = [("topic", topic)]
        func counter(_ label: String) -> Counter { Counter(label: label, dimensions: dimensions, factory: factory) }
        func timer(_ label: String) -> Metrics.Timer {
            Metrics.Timer(label: label, dimensions: dimensions, factory: factory)
        }
        recordsAppended = counter("daybook_records_appended_total")
        bytesAppended = counter("daybook_bytes_appended_total")
        batchesAppended = counter("daybook_batches_appended_total")
        duplicates = counter("daybook_duplicate_batches_total")
        bytesRead = counter("daybook_bytes_read_total")
        append = timer("daybook_append_seconds")
        flush = timer("daybook_flush_seconds")
        read = timer("daybook_read_seconds")
    }
}
