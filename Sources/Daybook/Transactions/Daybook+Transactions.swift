// Transactional producers of a daybook, and what opening does about transactions that nobody ended. How one of them goes on is
// decided by `TransactionStateMachine`; which of them opening commits, by `TransactionRecoveryPlan`.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

extension Daybook {
    /// A producer of transactions. `id` names it for good, over restarts: it is Kafka's `transactional.id`. One that was made
    /// before with the same id is fenced, and its open transaction aborted.
    ///
    /// `configuration` says how it batches and compresses. With its durability `.durable` a commit returns when it survives a
    /// power cut; with `.osCache` when it survives the process being killed, and a power cut takes back all of it or nothing;
    /// `.buffered` cannot be promised of a transaction. A transaction that is open for longer than `timeout` is aborted
    /// (`transaction.timeout.ms`).
    ///
    /// Durable when it returns. Throws `.invalidConfiguration`, `.readOnly`, `.diskFull`, `.inputOutput` or `.partitionFailed`.
    public func makeTransactionalProducer(
        id: String, _ configuration: ProducerConfiguration = ProducerConfiguration(), timeout: Duration = .seconds(60)
    ) async throws -> TransactionalProducer {
        try requireWritable()
        let configuration = try configuration.validated()
        try Self.requireTransactional(id, configuration, timeout)
        while true {
            let entry = try await transactionEntry(id)
            if let incarnation = try await entry.admit(timeout: timeout, self) {
                return TransactionalProducer(entry, incarnation, self, configuration)
            }
            // Forgotten a moment ago.
            transactions.remove(entry)
        }
    }

    private static func requireTransactional(
        _ id: String, _ configuration: ProducerConfiguration, _ timeout: Duration
    ) throws(DaybookError) {
        func refuse(_ sentence: String) -> DaybookError { DaybookError(.invalidConfiguration, sentence) }
        guard !id.isEmpty, id.utf8.count <= KafkaWriter.longestString else {
            throw refuse(
                id.isEmpty
                    ? "A transactional producer needs an id"
                    : "A transactional id has at most \(KafkaWriter.longestString) bytes, not \(id.utf8.count)")
        }
        guard configuration.durability != .buffered else {
            throw refuse("A transaction cannot be buffered: use the durability .durable, or .osCache")
        }
        guard configuration.isIdempotent else {
            throw refuse("A transactional producer is idempotent: leave isIdempotent as it is")
        }
        guard timeout >= .milliseconds(1), timeout <= .seconds(86_400) else {
            throw refuse("transaction.timeout.ms is \(timeout.milliseconds); use a number from 1 to 86400000")
        }
    }

    /// The id at work; the internal topic is made where there is none, and read where nobody has.
    private func transactionEntry(_ id: String) async throws -> TransactionEntry {
        if let known = transactions.entry(id) { return known }
        let topic = try await internalTopic(.transactionState)
        let number = InternalTopic.partition(of: id, count: topic.partitionsCount)
        let log = try partition(TopicPartition(topic: topic.name, partition: number))
        let daybook = self
        return try await services.io.run { () throws(DaybookError) in
            let value = try daybook.transactions.states(log).values[id]
            return daybook.transactions.add(
                id, value, log: log, coordinatorEpoch: daybook.leaderEpoch.rawValue
            ) { daybook.highestEpoch(of: $0) }
        }
    }

    /// The highest epoch of a producer that any partition remembers. The internal topic may not know of the last ones: a
    /// transaction that was aborted leaves markers and nothing else. O(partitions).
    private func highestEpoch(of producer: ProducerID) -> Int16? {
        state.withLock { $0.partitionsInOrder }.compactMap { $0.withLog { $0.producers[producer]?.epoch } }.max()
    }

    // MARK: opening

    /// Ends the transactions that the last incarnation left open: those whose commit was decided are committed, all others
    /// aborted. Everything that was found in the logs is durable by now. Durable when it returns, but for partitions that
    /// are out of service: theirs are ended by the next opening.
    func endOpenTransactions() async throws(DaybookError) {
        let partitions = state.withLock { $0.partitionsInOrder }
        let open = partitions.map { ($0.topicPartition, $0.withLog { $0.openTransactions }) }.filter { !$0.1.isEmpty }
        if open.isEmpty { return }
        var values: [String: TransactionLogValue] = [:]
        var isDamaged = false
        for topicPartition in existingInternalTopic(.transactionState)?.partitions ?? [] {
            let log = try partition(topicPartition)
            let coordinator = transactions
            let found = try await services.io.run { () throws(DaybookError) in try coordinator.states(log) }
            values.merge(found.values) { first, _ in first }
            isDamaged = isDamaged || found.isDamaged
        }
        // What was decided needs no witness, and nothing that may be wrong with the logs of others.
        let undecided = TransactionRecoveryPlan.undecided(open, values)
        let witnesses = try await services.io.run { () throws(DaybookError) in
            try TransactionWitness.find(for: undecided, in: partitions)
        }
        let plan = TransactionRecoveryPlan(open: open, values: values, witnesses: witnesses)
        report.withLock { $0.add(plan, isDamaged: isDamaged) }
        let left = await write(plan.marks)
        let decided = Set(plan.marks.compactMap(\.transactionalID))
        transactions.suspend(decided.intersection(left))
        // Without it the next opening finds that no marker is missing.
        for id in decided.subtracting(left).sorted() { if let value = values[id] { complete(id, value) } }
    }

    /// Writes markers; returns the transactional ids of those that could not be written.
    private func write(_ marks: [TransactionRecoveryPlan.Mark]) async -> Set<String> {
        await withTaskGroup(of: String?.self) { group in
            for mark in marks {
                group.addTask { await self.write(mark) == nil ? nil : mark.transactionalID }
            }
            return await group.reduce(into: []) { if let id = $1 { $0.insert(id) } }
        }
    }

    private func write(_ mark: TransactionRecoveryPlan.Mark) async -> DaybookError? {
        await withCheckedContinuation { continuation in
            let partition = state.withLock { $0.partitions[mark.topicPartition] }
            let request = MarkRequest(
                kind: mark.kind, producer: mark.producer, epoch: mark.epoch, raisesEpoch: mark.raisesEpoch,
                coordinatorEpoch: leaderEpoch.rawValue
            ) { continuation.resume(returning: $0) }
            partition?.submit(.mark(request))
            if partition == nil { continuation.resume(returning: .closed) }
        }
    }

    private func complete(_ id: String, _ decision: TransactionLogValue) {
        guard let topic = existingInternalTopic(.transactionState) else { return }
        var value = decision
        value.status = .completeCommit
        value.partitions = []
        value.lastUpdateTime = services.clock.now()
        let number = InternalTopic.partition(of: id, count: topic.partitionsCount)
        let topicPartition = TopicPartition(topic: topic.name, partition: number)
        transactions.complete(id, value, in: topicPartition)
        let partition = state.withLock { $0.partitions[topicPartition] }
        let batch = TransactionLog.batch(id, value, timestamp: value.lastUpdateTime)
        partition?.submit(AppendRequest(batch: batch, durability: .osCache) { _ in })
    }
}
