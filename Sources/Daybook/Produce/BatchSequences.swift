// The sequence numbers of one producer's batches in one partition, and what becomes of those behind a batch that was refused.
// Given by `Accumulator` when it seals a batch; compared by the partition's log.

internal import DaybookStorage
internal import Synchronization

/// Batches of one producer for one partition that stand one behind the other: once one has been refused, those behind it are
/// refused too, so that no record overtakes another one and the log sees no gap in the sequence numbers.
///
/// Shared by the producer, which begins a new run when it hears of a refusal, and the partition, which knows first.
final class BatchRun: Sendable {
    /// The transaction that the batches belong to, if they belong to one.
    let scope: TransactionScope?
    private let isBroken = Atomic(false)
    private let error = Mutex<DaybookError?>(nil)
    /// So many records of the batch that broke the run are in the log all the same.
    let appended = Atomic<Int32>(0)

    init(_ scope: TransactionScope? = nil) { self.scope = scope }

    /// Notes that a batch of the run is not in the log, or only its first `appended` records, and why. Of several causes the
    /// first one counts.
    func breakOff(_ cause: DaybookError, appended: Int32 = 0) {
        // A partition that takes nothing any more says so to every batch itself.
        if cause.code == .partitionFailed || cause.code == .closed { return }
        error.withLock { error in
            if error == nil { self.appended.store(appended, ordering: .releasing) }
            error = error ?? DaybookError(behind: cause)
        }
        isBroken.store(true, ordering: .releasing)
    }

    /// What the next batch of the run is told: nil when it may be appended. An atomic operation or two in ordinary times.
    var refusal: DaybookError? {
        if isBroken.load(ordering: .acquiring) { return error.withLock { $0 } }
        return scope?.batchRefusal
    }
}

/// Numbers batches, in the order in which they are sealed.
struct BatchSequences {
    /// A batch's place among those of its producer in a partition.
    struct Place: Sendable {
        let run: BatchRun
        let baseSequence: Int32
    }

    /// The epoch that the numbers belong to; each begins at 0.
    private var epoch: Int16 = -1
    private var next: Int32 = 0
    private var run = BatchRun()

    /// The place of a batch of `count` records that is handed over now, as a part of `scope` if it is part of a transaction.
    mutating func take(_ count: Int32, epoch: Int16, _ scope: TransactionScope? = nil) -> Place {
        if epoch != self.epoch { (self.epoch, next, run) = (epoch, 0, BatchRun(scope)) }
        defer { next = SequenceNumber.advance(next, by: count) }
        return Place(run: run, baseSequence: next)
    }

    /// Gives back the place that was taken last, of a batch that is not handed over after all.
    mutating func giveBack(_ place: Place) { next = place.baseSequence }

    /// Takes note that a batch is not in the log; nor will those behind it be, and what is sealed from now on gets their
    /// numbers. Refusals of older runs, which follow from the first one, change nothing.
    mutating func noteRefused(_ place: Place) {
        guard place.run === run else { return }
        let appended = run.appended.load(ordering: .acquiring)
        (next, run) = (SequenceNumber.advance(place.baseSequence, by: appended), BatchRun(place.run.scope))
    }
}

extension DaybookError {
    /// What is told to those whose records stood behind a batch that was refused.
    fileprivate init(behind cause: DaybookError) {
        self.init(
            .earlierBatchRefused,
            "The record was not written, because an earlier batch of the same producer for the same partition was refused and "
                + "nothing may overtake it (\(cause.message)); mend that and send the records again in their order",
            topicPartition: cause.topicPartition, cause: cause)
    }
}
