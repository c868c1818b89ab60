// The batch that a producer is filling for one partition, the batches it has handed over, and who waits for them.
// One for each partition that a producer has written to; `Producer` finds it, `Partition` takes its batches.

internal import DaybookCompression
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

/// Collects the records of one producer for one partition, in order.
final class Accumulator: Sendable {
    typealias Acknowledgement = @Sendable (Result<Receipt, DaybookError>) -> Void

    let partition: Partition
    private let shared: ProducerShared
    private let sticky: StickyPartition
    private let state: Mutex<State>
    /// A lock of its own, because a batch is compressed under the other one: whose batch is done does not wait for that. Taken
    /// under the other one, never the other way round.
    private let flights = Mutex(Flights())
    /// Somebody awaits a record of the batch being filled. Set before `flights` is looked at, and looked at after.
    private let isAwaited = Atomic(false)

    /// Safety: the builder is used only under the mutex that guards this state.
    private struct State: ~Copyable, @unchecked Sendable {
        var builder: RecordBatchBuilder
        var sequences = BatchSequences()
        var settings = Settings()
        /// The transaction that the records of the batch being filled belong to, if they belong to one.
        var scope: TransactionScope?
        /// Who awaits a record of the batch being filled, by the record's place in it.
        var awaited: [(index: Int, acknowledge: Acknowledgement)] = []
        /// Bytes of the memory budget that the batch being filled has taken.
        var reserved = 0
        /// The number of the batch being filled.
        var batchNumber = 0
        /// When the batch being filled has lingered, on the clock that never jumps; nil while it is empty.
        var deadline: Duration?
        /// Somebody will look at the deadline. One timer serves all batches, one after the other.
        var isTimerSet = false
    }

    /// What has been handed over.
    private struct Flights {
        /// Numbers of the batches that are not done, in order.
        var underWay: [Int] = []
        var barriers: [(number: Int, continuation: CheckedContinuation<Void, Never>)] = []

        /// Who has waited for what is done by now.
        mutating func takePassed() -> [CheckedContinuation<Void, Never>] {
            if barriers.isEmpty { return [] }
            let oldest = underWay.first ?? .max
            let passed = barriers.filter { $0.number <= oldest }.map(\.continuation)
            barriers.removeAll { $0.number <= oldest }
            return passed
        }
    }

    private var isIdle: Bool { flights.withLock { $0.underWay.isEmpty } }

    /// What the topic says of batches, and of which state of the topics that is true.
    private struct Settings {
        var generation = -1
        var compression = Compression.none
        var maximumBytes = 0
    }

    init(_ partition: Partition, _ topic: Topic, _ sticky: StickyPartition, _ shared: ProducerShared) {
        self.partition = partition
        self.sticky = sticky
        self.shared = shared
        let size = min(shared.configuration.batchSize, topic.configuration.maxMessageBytes)
        state = Mutex(State(builder: RecordBatchBuilder(targetSize: size.rawValue)))
    }

    /// What became of a record.
    enum Admission {
        case taken
        /// It has finished a batch.
        case finishedBatch
        /// The transaction takes no records any more; the record is not in it.
        case refused
    }

    /// Adds a record whose memory has been reserved, as a part of `scope` if it is part of a transaction.
    ///
    /// With `acknowledge` somebody waits: the batch goes as soon as none is under way. Without, it goes when it is full
    /// or has lingered.
    func add(
        _ record: Record, reserved: Int, timestamp: Timestamp, scope: TransactionScope? = nil,
        _ acknowledge: Acknowledgement?
    ) -> Admission {
        state.withLock { state in
            guard enter(scope, &state) else { return .refused }
            var finishedBatch = false
            if state.builder.isEmpty { applySettings(&state) }
            if !state.builder.append(record, timestamp: timestamp) {
                handOver(&state)
                finishedBatch = true
                applySettings(&state)
                state.builder.append(record, timestamp: timestamp)
            }
            state.reserved += reserved
            // A buffered record is acknowledged at once and then travels like an enqueued one.
            if shared.configuration.durability == .buffered {
                acknowledge?(.success(.buffered(partition.topicPartition)))
            }
            if let acknowledge, shared.configuration.durability != .buffered {
                state.awaited.append((Int(state.builder.recordsCount) - 1, acknowledge))
                isAwaited.store(true, ordering: .releasing)
                if isIdle { handOver(&state) }
            } else if state.builder.size >= state.builder.targetSize {
                handOver(&state)
                finishedBatch = true
            } else if state.deadline == nil {
                linger(&state)
            }
            return finishedBatch ? .finishedBatch : .taken
        }
    }

    /// Turns to a transaction, if the record is part of one; false when that takes no records any more.
    private func enter(_ scope: TransactionScope?, _ state: inout State) -> Bool {
        guard let scope else { return true }
        if scope === state.scope { return scope.isOpen }
        // Of a transaction that has ended and did not take them.
        drop(&state)
        guard scope.enlist(self) else { return false }
        state.scope = scope
        return true
    }

    // MARK: transactions

    /// Hands over what there is; `completion` is called once, when everything handed over before is durable or refused. What
    /// was refused is told to the transaction itself.
    func settle(_ completion: @escaping @Sendable (DaybookError?) -> Void) {
        state.withLock { handOver(&$0, followedBy: .settle(completion)) }
    }

    /// Forgets what has not been handed over of a transaction that is over.
    func leave(_ scope: TransactionScope) {
        state.withLock { state in
            guard state.scope === scope else { return }
            drop(&state)
            state.scope = nil
        }
    }

    /// Drops the batch being filled. Nobody waits for its records: their transaction speaks for them.
    private func drop(_ state: inout State) {
        guard !state.builder.isEmpty else { return }
        state.builder.reset()
        shared.budget.give(back: state.reserved)
        state.reserved = 0
        state.batchNumber += 1
        state.deadline = nil
    }

    // MARK: batches

    /// Hands over what there is.
    func handOver() { state.withLock { handOver(&$0) } }

    /// Hands over what there is and waits until everything handed over so far is done.
    func flush() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state -> Bool in
                handOver(&state)
                let number = state.batchNumber
                return flights.withLock { flights in
                    if flights.underWay.isEmpty { return true }
                    flights.barriers.append((number, continuation))
                    return false
                }
            }
            if isIdle { continuation.resume() }
        }
    }

    /// Sees to it that the next batch is as the topic wants it.
    private func applySettings(_ state: inout State) {
        let generation = shared.daybook.topicsGeneration.load(ordering: .acquiring)
        guard generation != state.settings.generation else { return }
        let topic = try? shared.daybook.topic(partition.topicPartition.topic.description)
        state.settings = Settings(
            generation: generation, compression: topic?.configuration.compression ?? shared.configuration.compression,
            maximumBytes: topic?.configuration.maxMessageBytes.rawValue ?? .max)
        state.builder.options.compression = state.settings.compression
        state.builder.setTargetSize(min(shared.configuration.batchSize.rawValue, state.settings.maximumBytes))
    }

    private func linger(_ state: inout State) {
        state.deadline = partition.services.clock.elapsed() + shared.configuration.linger
        if !state.isTimerSet { setTimer(&state, after: shared.configuration.linger) }
    }

    /// `number`: of the batch that goes whatever the clock says, because it has been looked at before.
    private func setTimer(_ state: inout State, after delay: Duration, sending number: Int? = nil) {
        state.isTimerSet = true
        partition.services.timer.schedule(after: delay) {
            // Held until then: records that were taken in go on their way even when nobody holds the producer any more.
            // Compressing takes longer than a timer's job may.
            self.partition.services.io.submit { self.lookAtDeadline(sending: number) }
        }
    }

    /// Hands over the batch being filled if it has lingered; otherwise looks again when it will have.
    private func lookAtDeadline(sending number: Int?) {
        let isOurs = state.withLock { state in
            state.isTimerSet = false
            guard let deadline = state.deadline else { return false }
            let left = deadline - partition.services.clock.elapsed()
            if left > .zero, state.batchNumber != number {
                setTimer(&state, after: left, sending: state.batchNumber)
                return false
            }
            handOver(&state)
            return true
        }
        // Slow senders never fill a batch; their records are spread over the partitions all the same.
        if isOurs { sticky.leave(partition.topicPartition.partition) }
    }

    /// Seals the batch being filled, if there is one, and submits it, with `next` behind it. Under the lock, so that batches stay
    /// in order.
    private func handOver(_ state: inout State, followedBy next: PartitionRequest? = nil) {
        guard !state.builder.isEmpty else {
            if let next { partition.submit(next) }
            return
        }
        let number = state.batchNumber
        let awaited = state.awaited
        let reserved = state.reserved
        let recordsCount = Int(state.builder.recordsCount)
        state.awaited = []
        isAwaited.store(false, ordering: .relaxed)
        state.reserved = 0
        state.batchNumber += 1
        state.deadline = nil
        flights.withLock { $0.underWay.append(number) }
        let place = identify(&state)
        let scope = state.scope
        let completion: @Sendable (Result<BatchReceipt, DaybookError>, Int) -> Void = { [self] result, bytes in
            if case .failure(let error) = result {
                if let place { noteRefused(place, error) }
                scope?.fail(error)
            }
            finish(number, awaited, reserved: reserved, recordsCount: recordsCount, bytes: bytes, result)
        }
        do throws(DaybookError) {
            let batch = try seal(&state)
            let bytes = batch.count
            let request = AppendRequest(
                // Records of a transaction become durable together, before it is committed.
                batch: batch, durability: scope == nil ? shared.configuration.durability : .osCache, run: place?.run
            ) { completion($0, bytes) }
            if let next { partition.submit([.append(request), next]) } else { partition.submit(request) }
        } catch {
            scope?.fail(error)
            if let next { partition.submit(next) }
            // Nobody behind it has to suffer for that: the log would never take it.
            if let place { state.sequences.giveBack(place) }
            // Not under the lock, which the answer takes again.
            partition.services.io.submit { [self] in
                finish(number, awaited, reserved: reserved, recordsCount: recordsCount, bytes: 0, .failure(error))
            }
        }
    }

    /// Gives the batch being filled its producer and sequence number, which lie under its checksum.
    private func identify(_ state: inout State) -> BatchSequences.Place? {
        let (id, epoch) = state.scope.map { ($0.producer, $0.epoch) } ?? shared.identity
        guard id != .none else { return nil }
        let place = state.sequences.take(state.builder.recordsCount, epoch: epoch, state.scope)
        state.builder.options.producer = ProducerIdentity(id: id, epoch: epoch, baseSequence: place.baseSequence)
        state.builder.options.isTransactional = state.scope != nil
        return place
    }

    private func seal(_ state: inout State) throws(DaybookError) -> EncodedBatch {
        let batch: EncodedBatch
        do throws(CompressionError) {
            batch = try shared.compressors.withCompressor { compressor throws(CompressionError) in
                try state.builder.seal(using: compressor)
            }
        } catch {
            state.builder.reset()
            throw DaybookError(
                .invalidRecord, error.description, topicPartition: partition.topicPartition, cause: error)
        }
        let maximum = state.settings.maximumBytes
        // Several records are split by the partition.
        guard batch.count <= maximum || batch.recordsCount > 1 else {
            throw DaybookError(
                .invalidBatch(.tooLarge(size: batch.count, maximum: maximum)), partition.topicPartition)
        }
        return batch
    }

    private func noteRefused(_ place: BatchSequences.Place, _ error: DaybookError) {
        // The partition takes nothing any more, and the batch itself may be in the log.
        if error.code == .partitionFailed { return }
        state.withLock { $0.sequences.noteRefused(place) }
    }

    private func finish(
        _ number: Int, _ awaited: [(index: Int, acknowledge: Acknowledgement)], reserved: Int, recordsCount: Int,
        bytes: Int, _ result: Result<BatchReceipt, DaybookError>
    ) {
        // Who awaits a record hears of its failure there; a flush tells of the others.
        shared.progress.end(result, unawaitedCount: recordsCount - awaited.count, bytes: bytes)
        for (index, acknowledge) in awaited {
            acknowledge(result.map { Receipt($0, index: index) })
        }
        shared.budget.give(back: reserved)
        let (isIdle, passed) = flights.withLock { flights in
            flights.underWay.removeAll { $0 == number }
            return (flights.underWay.isEmpty, flights.takePassed())
        }
        // Whoever awaits a record of the next batch has waited for this one.
        if isIdle, isAwaited.load(ordering: .acquiring) {
            state.withLock { state in if !state.awaited.isEmpty, self.isIdle { handOver(&state) } }
        }
        for continuation in passed { continuation.resume() }
    }
}

extension Receipt {
    fileprivate init(_ batch: BatchReceipt, index: Int) {
        self.init(
            topicPartition: batch.topicPartition, offset: batch.baseOffset.advanced(by: Int64(index)),
            appendTime: batch.appendTime, durability: batch.durability, isDuplicate: batch.isDuplicate)
    }

    fileprivate static func buffered(_ topicPartition: TopicPartition) -> Receipt {
        Receipt(
            topicPartition: topicPartition, offset: nil, appendTime: .none, durability: .buffered, isDuplicate: false)
    }
}
