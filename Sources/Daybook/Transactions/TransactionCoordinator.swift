// The transactional ids of an open daybook, found when they are first wanted. What one of them does is in `TransactionEntry`;
// what opening does about the transactions of the last incarnation is in `Daybook+Transactions`.

internal import DaybookModel
internal import Synchronization

/// The coordinator of transactions. Thread-safe.
final class TransactionCoordinator: Sendable {
    let state = Mutex(State())

    struct State {
        var entries: [String: TransactionEntry] = [:]
        /// What the internal topic said of the ids of a partition when it was first read; without those that have been forgotten
        /// since, and with those that opening has completed.
        var states: [TopicPartition: TransactionStates] = [:]
        /// Ids whose last decision could not be carried out by opening.
        var suspended: Set<String> = []
        var isClosing = false
    }

    func entry(_ id: String) -> TransactionEntry? { state.withLock { $0.entries[id] } }

    /// All ids that have been used, in order.
    var entries: [TransactionEntry] { state.withLock { $0.entries }.sorted { $0.key < $1.key }.map(\.value) }

    /// What a partition of the internal topic says. Blocks the first time.
    func states(_ partition: Partition) throws(DaybookError) -> TransactionStates {
        if let known = state.withLock({ $0.states[partition.topicPartition] }) { return known }
        let states = try TransactionLog.read(partition)
        return state.withLock { state in
            // Another thread may have been quicker, and an id been forgotten since.
            if let known = state.states[partition.topicPartition] { return known }
            state.states[partition.topicPartition] = states
            return states
        }
    }

    /// Opening has carried out a decision of an id that nobody has used in this incarnation.
    func complete(_ id: String, _ value: TransactionLogValue, in topicPartition: TopicPartition) {
        state.withLock { $0.states[topicPartition]?.values[id] = value }
    }

    /// Forgets an entry that has expired, so that the next one who wants the id gets another.
    func remove(_ entry: TransactionEntry) {
        state.withLock { if $0.entries[entry.id] === entry { $0.entries[entry.id] = nil } }
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
