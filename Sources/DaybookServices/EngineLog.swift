// What the engine does, as lines of swift-log: trace for each batch, debug for what happens seldom, and nothing louder, because
// whatever needs somebody's attention is an error that somebody was thrown, or a finding that somebody was given.

public import Daybook
public import Logging

/// Logs what an opened daybook does. Give it to `Configuration.observer`.
///
/// No key, value or header is ever logged. Costs one comparison a batch where the logger's level is above trace.
public struct EngineLog: EngineObserver {
    private let logger: Logger

    public init(_ logger: Logger) { self.logger = logger }

    public func didAppend(_ append: AppendObservation) {
        logger.trace(
            "batch appended",
            metadata: [
                "partition": "\(append.topicPartition)", "records": "\(append.recordsCount)",
                "bytes": "\(append.bytes)",
                "duplicate": "\(append.isDuplicate)", "duration": "\(append.duration)",
            ])
    }

    public func didRefuse(_ topicPartition: TopicPartition, _ error: DaybookError) {
        logger.debug("batch refused", metadata: ["partition": "\(topicPartition)", "reason": "\(error)"])
    }

    public func didFlush(_ flush: FlushObservation) {
        if let end = flush.durableTo {
            logger.trace(
                "partition flushed",
                metadata: [
                    "partition": "\(flush.topicPartition)", "durable-to": "\(end)", "duration": "\(flush.duration)",
                ])
        } else {
            logger.debug(
                "flush failed; the partition takes no appends until the directory is opened again",
                metadata: ["partition": "\(flush.topicPartition)", "duration": "\(flush.duration)"])
        }
    }

    public func didRead(_ read: ReadObservation) {
        logger.trace(
            "partition read",
            metadata: [
                "partition": "\(read.topicPartition)", "batches": "\(read.batchesCount)", "bytes": "\(read.bytes)",
                "duration": "\(read.duration)",
            ])
    }

    public func didEndTransaction(_ end: TransactionObservation) {
        // Whoever commits or aborts knows it; the others are told when they come, which may be never.
        let isExpected = end.outcome == .committed || end.outcome == .aborted
        logger.log(
            level: isExpected ? .trace : .debug, "transaction ended",
            metadata: [
                "outcome": "\(end.outcome.rawValue)", "partitions": "\(end.partitionsCount)",
                "duration": "\(end.duration)",
            ])
    }

    public func didCommit(_ commit: CommitObservation) {
        if let refusal = commit.refusal {
            logger.debug("commit refused", metadata: ["group": "\(commit.group)", "reason": "\(refusal)"])
        } else {
            logger.trace(
                "offsets committed",
                metadata: [
                    "group": "\(commit.group)", "partitions": "\(commit.partitionsCount)",
                    "duration": "\(commit.duration)",
                ])
        }
    }

    public func didConsume(_ consumption: ConsumptionObservation) {
        logger.trace(
            "records consumed",
            metadata: [
                "group": "\(consumption.group ?? "")", "partition": "\(consumption.topicPartition)",
                "records": "\(consumption.recordsCount)", "bytes": "\(consumption.bytes)",
                "lag": "\(consumption.lag)",
            ])
    }

    public func didRelease(_ partitions: [TopicPartition], group: String?) {
        let names = partitions.map(\.description).joined(separator: " ")
        logger.debug("partitions released", metadata: ["group": "\(group ?? "")", "partitions": "\(names)"])
    }

    public func didRebalance(_ rebalance: RebalanceObservation) {
        logger.debug(
            "group rebalanced",
            metadata: [
                "group": "\(rebalance.group)", "generation": "\(rebalance.generation)",
                "members": "\(rebalance.membersCount)", "duration": "\(rebalance.duration)",
            ])
    }

    public func didKeepHouse(_ report: HousekeepingReport) {
        for finding in report.findings {
            logger.debug(
                "housekeeping",
                metadata: [
                    "partition": "\(finding.topicPartition)", "kind": "\(finding.kind.rawValue)",
                    "finding": "\(finding.description)",
                ])
        }
        guard let jump = report.clockJump else { return }
        logger.debug("the clock has run ahead; age deletes only what has really grown old", metadata: ["by": "\(jump)"])
    }
}
