// The transactional ids of an open daybook, found when they are first wanted. What one of them does is in `TransactionEntry`;
// what opening does about the transactions of the last incarnation is in `Daybook+Transactions`.

internal import DaybookModel
internal import Synchronization

/// The coordinator of transactions. Thread-safe.
final class TransactionCoordinator: Sendable {
    private let state = Mutex(State())

    private struct State {
        var entries: [String: TransactionEntry] = [:]
        /// What the internal topic says of the ids of a partition, once it has been read.
        var values: [TopicPartition: [String: TransactionLogValue]] = [:]
        /// Ids whose last decision could not be carried out by opening.
        var suspended: Set<String> = []
        var isClosing = false
    }

    func entry(_ id: String) -> TransactionEntry? { state.withLock { $0.entries[id] } }

    /// All ids that have been used, in order.
    var entries: [TransactionEntry] { state.withLock { $0.entries }.sorted { $0.key < $1.key }.map(\.value) }

    /// What a partition of the internal topic says. Blocks the first time.
    func values(_ partition: Partition) throws(DaybookError) -> [String: TransactionLogValue] {
        if let known = state.withLock({ $0.values[partition.topicPartition] }) { return known }
        let values = try TransactionLog.read(partition)
        state.withLock { $0.values[partition.topicPartition] = values }
        return values
    }

    /// The decisions of these ids could not be carried out: nobody uses them before the directory is opened again.
    func suspend(_ ids: Set<String>) { state.withLock { $0.suspended.formUnion(ids) } }

    /// Adds an id that nobody has used in this incarnation. `epoch` says which epoch of a producer is the highest one known.
    func add(
        _ id: String, _ value: TransactionLogValue?, log: Partition, coordinatorEpoch: Int32,
        epoch: (ProducerID) -> Int16?
    ) -> TransactionEntry {
        let known = value.flatMap { epoch($0.producerID) } ?? -1
        return state.withLock { state in
            // Another task may have been quicker.
            if let entry = state.entries[id] { return entry }
            let machine = TransactionStateMachine(
                producer: value?.producerID ?? .none, epoch: max(value?.producerEpoch ?? -1, known),
                isSuspended: state.suspended.contains(id))
            let entry = TransactionEntry(
                id, machine, log: log, coordinatorEpoch: coordinatorEpoch, isClosing: state.isClosing)
            state.entries[id] = entry
            return entry
        }
    }

    /// Aborts everything that is open, and lets nothing begin any more.
    func close() async {
        state.withLock { $0.isClosing = true }
        await withTaskGroup(of: Void.self) { group in
            for entry in entries { group.addTask { await entry.close() } }
        }
    }
}
