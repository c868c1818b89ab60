// Records go in here. A record is encoded once, into the batch it will be written in, by the caller; a full batch is
// compressed by whoever filled it and appended by the partition's threads. No task and no allocation per record.

internal import DaybookModel
public import DaybookRecords
internal import Synchronization

/// Sends records to topics, in batches. Use one from as many tasks as you like.
///
/// `send` waits until the record is as durable as configured. `enqueue` does not wait, except for room; what it enqueued is
/// accounted for by `flush`. Records of one task to one partition keep their order: when a batch is refused (the disk is full,
/// say), those of the same partition that were already on their way behind it are refused as well, with
/// `.earlierBatchRefused`, and what is sent after the refusal is appended again as soon as there is room.
public final class Producer: Sendable {
    private let shared: ProducerShared
    private let routes: ProducerRoutes

    init(_ daybook: Daybook, _ configuration: ProducerConfiguration) {
        shared = ProducerShared(daybook, configuration)
        routes = ProducerRoutes(shared)
    }

    /// Appends a record and returns its place when the configured durability is reached.
    ///
    /// A cancelled task throws `CancellationError` while it waits for room, and the record is then not in the log. Once the
    /// record has been taken in, cancellation is not looked at: the receipt, or the failure, always arrives.
    /// Throws `.unknownTopic`, `.recordTooLarge`, `.diskFull`, `.earlierBatchRefused`, `.closed`: the record is then not in
    /// the log. After `.partitionFailed` nobody knows until the directory has been opened again.
    public nonisolated(nonsending) func send(
        _ record: Record, to topic: String, partition: Int32? = nil
    ) async throws -> Receipt {
        if !shared.isOpen { try await shared.enter() }
        let (route, reserved) = try await routes.admit(record, topic, partition)
        let result = await withCheckedContinuation { continuation in
            route.add(record, partition, reserved: reserved, record.timestamp ?? shared.now) {
                continuation.resume(returning: $0)
            }
        }
        return try result.get()
    }

    /// Takes a record in; it is appended with others soon. Suspends only when the producer holds `bufferMemory` bytes.
    ///
    /// Throws what can be known at once; failures of the append itself are thrown by `flush`.
    public nonisolated(nonsending) func enqueue(
        _ record: Record, to topic: String, partition: Int32? = nil
    ) async throws {
        if !shared.isOpen { try await shared.enter() }
        let (route, reserved) = try await routes.admit(record, topic, partition)
        route.add(record, partition, reserved: reserved, record.timestamp ?? shared.now, nil)
    }

    /// Waits until everything taken in before is as durable as configured, and says what that was.
    ///
    /// Throws `FlushFailure` when some of it was not acknowledged; the counts begin anew either way. With `buffered` the
    /// whole daybook is flushed.
    @discardableResult
    public func flush() async throws -> FlushSummary {
        for accumulator in routes.accumulators { await accumulator.flush() }
        if shared.configuration.durability == .buffered { try await shared.daybook.flush() }
        return try shared.progress.take()
    }

    /// Flushes and takes no more records. A second `close` does nothing.
    @discardableResult
    public func close() async throws -> FlushSummary {
        shared.close()
        return try await flush()
    }
}

extension Daybook {
    /// Throws `.invalidRecord` where records need keys: compaction could never tell what replaces a record without one.
    func requireNoKeys(of name: String) throws(DaybookError) {
        let topic = try topic(name)
        guard topic.configuration.retention.policy.compacts else { return }
        throw DaybookError(
            .invalidRecord,
            "Topic \(name) is compacted, so its records need keys; give the record one, or change the topic's cleanup.policy"
        )
    }

    /// A producer for this daybook. Throws `.invalidConfiguration`, or `.readOnly` where nothing can be appended.
    public func makeProducer(_ configuration: ProducerConfiguration = ProducerConfiguration()) throws -> Producer {
        guard !isReadOnly else {
            throw DaybookError(.readOnly, "The directory was opened for reading; open it for writing to produce")
        }
        return Producer(self, try configuration.validated())
    }
}
