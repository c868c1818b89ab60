// Tells what readers of committed records do not get: the batches of aborted transactions and those that mark the end of
// one. Pure; which transactions were aborted is asked of the log.

package import DaybookModel
package import DaybookRecords

/// The aborted transactions that a read has to do with.
package struct CommittedFilter: Sendable {
    /// Those of each producer, in order; they do not overlap.
    private var aborted: [ProducerID: [AbortedTransaction]] = [:]

    /// `aborted`: at least those that have a batch among the ones to be judged.
    package init(_ aborted: [AbortedTransaction]) {
        for transaction in aborted { self.aborted[transaction.producer, default: []].append(transaction) }
        for producer in self.aborted.keys { self.aborted[producer]?.sort { $0.firstOffset < $1.firstOffset } }
    }

    /// Whether there is anything to be judged in these batches. O(batches).
    package static func isNeeded(for batches: [RecordBatch]) -> Bool {
        batches.contains { $0.isTransactional || $0.isControl }
    }

    /// Why a batch is not shown; nil when it is. O(log aborted transactions).
    package func cause(of batch: RecordBatch) -> Gap.Cause? {
        if batch.isControl { return .control }
        return isAborted(batch.header) ? .aborted : nil
    }

    /// Whether a data batch belongs to one of the aborted transactions. O(log aborted transactions).
    package func isAborted(_ header: BatchHeader) -> Bool {
        guard header.isTransactional, let ranges = aborted[header.producer.id] else { return false }
        let following = ranges.partitioningIndex { $0.firstOffset > header.baseOffset }
        return following > 0 && header.baseOffset <= ranges[following - 1].lastOffset
    }
}
