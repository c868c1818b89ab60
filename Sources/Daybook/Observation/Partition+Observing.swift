// Where a partition tells its observer what it has done: after the work, with no lock held. Nothing is measured where nobody
// listens.

internal import DaybookRecords
internal import DaybookStorage

/// An append under way, for the observer.
struct AppendUnderWay {
    fileprivate let partition: Partition
    fileprivate let observer: any EngineObserver
    fileprivate let batch: EncodedBatch
    fileprivate let began: Duration

    /// Tells how the append has ended. Not to be called with a lock held.
    func end(_ failure: DaybookError?, isDuplicate: Bool) {
        if let failure { return observer.didRefuse(partition.topicPartition, failure) }
        observer.didAppend(
            AppendObservation(
                topicPartition: partition.topicPartition, recordsCount: batch.recordsCount, bytes: batch.count,
                isDuplicate: isDuplicate, duration: partition.services.clock.elapsed() - began))
    }
}

extension Result {
    /// Why there is no success; nil where there is.
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}

extension Partition {
    /// Notes that an append begins; nil where nobody listens.
    func beginObserving(_ batch: EncodedBatch) -> AppendUnderWay? {
        services.observer.map {
            AppendUnderWay(partition: self, observer: $0, batch: batch, began: services.clock.elapsed())
        }
    }

    func observeFlush(_ outcome: FlushOutcome, since began: Duration?) {
        guard let observer = services.observer, let began else { return }
        observer.didFlush(
            FlushObservation(
                topicPartition: topicPartition, duration: services.clock.elapsed() - began,
                durableTo: outcome.failure == nil ? outcome.nextOffset : nil))
    }

    func observeRead(_ result: ReadResult, since began: Duration?) {
        guard let observer = services.observer, let began else { return }
        observer.didRead(
            ReadObservation(
                topicPartition: topicPartition, batchesCount: result.batches.count,
                bytes: result.batches.reduce(0) { $0 + $1.size },
                duration: services.clock.elapsed() - began))
    }
}
