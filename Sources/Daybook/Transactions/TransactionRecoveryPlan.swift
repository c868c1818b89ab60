// How transactions end that were open when the process did. Decided from what the partitions say is open and what the internal
// topic says was decided; carried out by `Daybook+Transactions`.

package import DaybookModel
package import DaybookRecords
package import DaybookStorage

/// The markers that opening writes.
package struct TransactionRecoveryPlan: Hashable, Sendable {
    /// The end of one transaction in one partition.
    package struct Mark: Hashable, Sendable {
        package let topicPartition: TopicPartition
        package let kind: ControlRecord.Kind
        package let producer: ProducerID
        package let epoch: Int16
        /// False for a producer whose epochs are used up.
        package let raisesEpoch: Bool
        /// Whose decision it is; nil where nothing was decided.
        package let transactionalID: String?
        /// The partition whose marker says how the transaction ends, where no decision does.
        package let witness: TopicPartition?
    }

    /// In the order of partitions and offsets.
    package private(set) var marks: [Mark] = []

    /// Commits what was decided and aborts the rest: transactions that were not decided, and those of producers that no
    /// transactional id knows. `values` are the newest states of all transactional ids.
    ///
    /// `witnesses` are markers of the same transactions in other partitions. The decision is durable before the first marker, so a
    /// marker that commits says what was decided even where damage has taken the decision.
    package init(
        open: [(topicPartition: TopicPartition, transactions: [OpenTransaction])],
        values: [String: TransactionLogValue], witnesses: [TransactionWitness] = []
    ) {
        let decisions = Decisions(values)
        for (topicPartition, transactions) in open {
            for transaction in transactions {
                let id = decisions.id(for: transaction, in: topicPartition)
                let isLast = transaction.epoch == .max
                let witness =
                    id != nil || isLast ? nil : witnesses.first { $0.isAbout(transaction) && $0.kind == .commit }
                marks.append(
                    Mark(
                        topicPartition: topicPartition, kind: id == nil && witness == nil ? .abort : .commit,
                        producer: transaction.producer, epoch: isLast ? .max : transaction.epoch + 1,
                        raisesEpoch: !isLast, transactionalID: id, witness: witness?.topicPartition))
            }
        }
    }

    /// Those of the open transactions that no decision is about.
    static func undecided(
        _ open: [(topicPartition: TopicPartition, transactions: [OpenTransaction])],
        _ values: [String: TransactionLogValue]
    ) -> [(TopicPartition, [OpenTransaction])] {
        let decisions = Decisions(values)
        return open.map { topicPartition, transactions in
            (topicPartition, transactions.filter { decisions.id(for: $0, in: topicPartition) == nil })
        }.filter { !$0.1.isEmpty }
    }
}

/// The commits that were decided.
private struct Decisions {
    private let decided: [String: TransactionLogValue]
    /// Transactional ids by producer.
    private let ids: [ProducerID: String]

    init(_ values: [String: TransactionLogValue]) {
        decided = values.filter { $0.value.status == .prepareCommit }
        ids = Dictionary(decided.map { ($0.value.producerID, $0.key) }, uniquingKeysWith: min)
    }

    /// Whose decision is about this transaction; nil where none is.
    func id(for transaction: OpenTransaction, in topicPartition: TopicPartition) -> String? {
        ids[transaction.producer].flatMap { id in
            decided[id].flatMap { Self.decides($0, transaction, in: topicPartition) ? id : nil }
        }
    }

    /// Whether a decision is about this transaction and not about an earlier one of the same producer, which has ended
    /// everywhere: with each transaction the epoch is another one.
    private static func decides(
        _ value: TransactionLogValue, _ transaction: OpenTransaction, in topicPartition: TopicPartition
    ) -> Bool {
        // Before KIP-890 markers had the epoch of the records.
        let epoch = Int32(transaction.epoch) + (value.clientVersion >= 2 ? 1 : 0)
        return Int32(value.producerEpoch) == epoch && value.partitions?.contains(topicPartition) == true
    }
}
