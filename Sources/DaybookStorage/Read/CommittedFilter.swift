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
        guard batch.isTransactional, let ranges = aborted[batch.producer.id] else { return nil }
        let following = ranges.partitioningIndex { $0.firstOffset > batch.baseOffset }
        return following > 0 && batch.baseOffset <= ranges[following - 1].lastOffset ? .aborted : nil
    }
}
