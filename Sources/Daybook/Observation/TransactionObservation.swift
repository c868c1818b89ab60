// What an observer hears of the end of a transaction, and where it is told: when it is decided how the transaction ends, with no
// lock held. Transactions that opening ends were begun by another process and are not counted again.

/// The end of a transaction: it is decided, and its marks are on their way.
public struct TransactionObservation: Sendable, Hashable {
    /// How a transaction ends.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        case committed
        /// By its user, by an error, or by the end of the daybook.
        case aborted
        /// Nobody had ended it in time.
        case timedOut
        /// Another producer with the same id has been made.
        case fenced
    }

    public let outcome: Outcome
    /// Partitions with records or offsets of the transaction.
    public let partitionsCount: Int
    /// From its beginning to the decision.
    public let duration: Duration
}

extension Partition {
    /// Tells of the end of a transaction whose id has its states in this partition.
    func observeEnd(_ outcome: TransactionObservation.Outcome, of scope: TransactionScope, partitionsCount: Int) {
        guard let observer = services.observer else { return }
        observer.didEndTransaction(
            TransactionObservation(
                outcome: outcome, partitionsCount: partitionsCount,
                duration: services.clock.elapsed() - scope.began))
    }
}
