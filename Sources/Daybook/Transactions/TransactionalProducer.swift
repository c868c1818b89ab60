// The public face of transactions: records to many partitions that are committed together or not at all. The way of a record is
// that of any producer; who decides, and how the end gets into the logs, is in `TransactionEntry`.

internal import DaybookModel
public import DaybookRecords
internal import Synchronization

/// Sends records in transactions. Made by ``Daybook/Daybook/makeTransactionalProducer(id:_:timeout:)``.
///
/// A producer has one transaction open at a time; for several at once make several producers, each with an id of its own.
public final class TransactionalProducer: Sendable {
    /// Kafka's `transactional.id`.
    public let id: String
    private let core: TransactionalCore
    private let incarnation: Int
    private let current = Mutex<Transaction?>(nil)

    init(_ entry: TransactionEntry, _ incarnation: Int, _ daybook: Daybook, _ configuration: ProducerConfiguration) {
        id = entry.id
        self.incarnation = incarnation
        core = TransactionalCore(entry, ProducerShared(daybook, configuration, isTransactional: true))
    }

    /// Runs `body` in a transaction: commits when it returns, aborts when it throws or its task is cancelled.
    ///
    /// When this returns the transaction is committed, as durably as configured, and can be read; in a partition whose disk
    /// refuses the marker, as soon as it takes it, which is tried until it does. When it throws, nothing of the transaction
    /// will ever be read by readers of committed records – but for `.transactionInDoubt`, after which the
    /// next opening of the directory finds all of it committed or none. Throws what `body` throws, and what
    /// ``Transaction/commit()`` and ``begin()`` throw.
    public func transaction<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: (Transaction) async throws -> Result
    ) async throws -> Result {
        let transaction = try await begin()
        let result: Result
        do {
            result = try await body(transaction)
            try Task.checkCancellation()
        } catch {
            await transaction.abort()
            throw error
        }
        try await transaction.commit()
        return result
    }

    /// Begins a transaction that the caller ends, by ``Transaction/commit()`` or ``Transaction/abort()``; one that is
    /// forgotten is aborted after the producer's timeout. Waits until the transaction before has ended in every partition.
    ///
    /// Throws `.transactionOpen` while the producer has one open, `.producerFenced` when another producer has been made with
    /// the same id, `.partitionFailed` when the last transaction cannot be finished before the directory is opened again,
    /// `.diskFull` or `.inputOutput` when its end could not be written for five seconds (it is tried on), and `.closed`.
    public func begin() async throws -> Transaction {
        try await core.shared.enter()
        let transaction = Transaction(core, try await core.entry.begin(incarnation, core.shared.daybook))
        _ = core.shared.progress.takeSummary()
        current.withLock { $0 = transaction }
        return transaction
    }

    /// Aborts the open transaction, if there is one, and takes no more. A second `close` does nothing.
    public func close() async {
        core.shared.close()
        let open = current.withLock { current in
            defer { current = nil }
            return current
        }
        await open?.abort()
    }
}

/// The insides of a transactional producer, which its transactions share.
final class TransactionalCore: Sendable {
    let entry: TransactionEntry
    let shared: ProducerShared
    let routes: ProducerRoutes

    init(_ entry: TransactionEntry, _ shared: ProducerShared) {
        self.entry = entry
        self.shared = shared
        routes = ProducerRoutes(shared)
    }
}

/// One transaction. May be used from several tasks; after its end it takes nothing any more.
public final class Transaction: Sendable {
    let core: TransactionalCore
    let scope: TransactionScope

    init(_ core: TransactionalCore, _ scope: TransactionScope) {
        self.core = core
        self.scope = scope
    }

    /// Takes a record into the transaction. Suspends only when the producer holds `bufferMemory` bytes; the record is written
    /// with others, and its place is known, and durable, with the commit.
    ///
    /// A record that is refused here (`.unknownTopic`, `.recordTooLarge`, `.invalidRecord` …) is not in the transaction, which
    /// goes on. Once one that was taken in could not be written (`.diskFull`, say), that error is thrown from then on and the
    /// transaction can only be aborted. Throws `.producerFenced`, `.transactionTimedOut` or `.transactionEnded` when the
    /// transaction is over.
    public nonisolated(nonsending) func send(
        _ record: Record, to topic: String, partition: Int32? = nil
    ) async throws {
        if let refusal = scope.recordRefusal { throw refusal }
        let (route, reserved) = try await core.routes.admit(record, topic, partition)
        let timestamp = record.timestamp ?? core.shared.now
        if route.add(record, partition, reserved: reserved, timestamp, scope: scope, nil) { return }
        core.shared.budget.give(back: reserved)
        throw scope.recordRefusal ?? .transactionEnded(core.entry.id)
    }

    /// Commits: everything in the transaction becomes readable, together. Returns what was written, and where.
    ///
    /// Throws `.transactionAborted` with the cause when something could not be written: nothing of the transaction will be read
    /// then. Throws `.transactionInDoubt` when the disk failed in the midst of the decision: the next opening of the directory
    /// finds all of it committed or none. Throws `.producerFenced`, `.transactionTimedOut` or `.transactionEnded` when the
    /// transaction is over already. Cancellation of the task is not looked at.
    @discardableResult
    public func commit() async throws -> FlushSummary {
        let content: TransactionScope.Content
        do throws(DaybookError) {
            content = try scope.seal()
        } catch {
            guard let failure = scope.failure else { throw error }
            await abort()
            throw DaybookError.transactionAborted(core.entry.id, because: failure)
        }
        let failure = await settle(content)
        // Somebody else may have ended it meanwhile, which has had consequences of its own.
        if let refusal = scope.batchRefusal { throw refusal }
        if let failure = scope.failure ?? failure {
            await abort()
            throw DaybookError.transactionAborted(core.entry.id, because: failure)
        }
        try await core.entry.commit(scope, waitsForFlushes: core.shared.configuration.durability == .durable)
        return core.shared.progress.takeSummary()
    }

    /// Aborts: nothing in the transaction will be read by readers of committed records. Does nothing when it is over already.
    public func abort() async {
        for accumulator in scope.giveUp() { accumulator.leave(scope) }
        await core.entry.abort(scope)
    }

    /// Makes everything in the transaction durable, in all partitions side by side; returns what kept it from being so.
    private func settle(_ content: TransactionScope.Content) async -> DaybookError? {
        let count = content.accumulators.count + content.commits.count
        if count == 0 { return nil }
        let first = Mutex<DaybookError?>(nil)
        await withCheckedContinuation { continuation in
            let countdown = Countdown(count) { continuation.resume() }
            let arrive: @Sendable (DaybookError?) -> Void = { error in
                if let error { first.withLock { $0 = $0 ?? error } }
                countdown.arrive()
            }
            for accumulator in content.accumulators { accumulator.settle(arrive) }
            append(content.commits, arrive)
        }
        return first.withLock { $0 }
    }
}
