// One partition at work: its log behind a lock, the queue of batches to append, and the waiters for a flush.
// The lock is held for single appends and for deciding where to read, never while the disk flushes or a file is read.

internal import DaybookFiles
internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

/// A partition that is open. Appends are in the order in which they were submitted.
final class Partition: Sendable {
    let topicPartition: TopicPartition
    let topicID: UInt64
    /// The partition's place in the watermark file.
    let slot: Int
    let services: PartitionServices
    let state: Mutex<State>
    let inbox = Mutex(Inbox())

    /// Safety: the log is reached only through the mutex that guards this state; what leaves it (plans, tickets,
    /// reports) is Sendable.
    struct State: @unchecked Sendable {
        var log: PartitionLog
        var flushInterval: Duration
        var isFlushing = false
        /// A background flush is due; the timer will ask for it.
        var isFlushScheduled = false
        var waiters: [Waiter] = []
        /// The high watermark that was last written to the watermark file, and when.
        var published: Offset?
        var publishedAt: ContinuousClock.Instant?
        var isPublishScheduled = false
        var isClosed = false
    }

    /// Somebody who wants to know when everything below `offset` is durable.
    struct Waiter {
        let offset: Offset
        let resume: @Sendable (DaybookError?) -> Void
    }

    /// Batches on their way into the log, in order.
    struct Inbox {
        var requests: [AppendRequest] = []
        var isDraining = false
    }

    /// Opens the log anew, for partitions of a directory that was opened for reading.
    private let reopen: (@Sendable () throws -> RecoveredLog)?

    init(
        _ log: PartitionLog, topic: Topic, services: PartitionServices,
        reopen: (@Sendable () throws -> RecoveredLog)? = nil
    ) {
        self.reopen = reopen
        topicPartition = log.identity.topicPartition
        topicID = log.identity.topicID
        slot = topic.firstSlot + Int(log.identity.topicPartition.partition)
        self.services = services
        state = Mutex(State(log: log, flushInterval: topic.configuration.flushInterval))
    }

    /// Takes over a changed topic configuration for the appends to come.
    func apply(_ configuration: TopicConfiguration) {
        state.withLock { state in
            state.log.configuration = configuration.log
            state.flushInterval = configuration.flushInterval
        }
    }

    var offsets: PartitionOffsets {
        state.withLock { state in
            PartitionOffsets(
                logStartOffset: state.log.logStartOffset, highWatermark: state.log.recoveryPoint,
                logEndOffset: state.log.logEndOffset, size: .bytes(state.log.size),
                segmentsCount: state.log.segments.count, leaderEpoch: state.log.leaderEpoch)
        }
    }

    /// Flushes what there is and closes the files. Blocks. Returns whether everything is durable; if not, the directory
    /// must not be marked as properly closed.
    func close() -> Bool {
        while true {
            let isBusy = state.withLock { state in
                state.isClosed = true
                return state.isFlushing
            }
            if !isBusy { break }
            waitForFlush()
        }
        flushUntilDone()
        return state.withLock { state in
            do throws(StorageError) {
                try state.log.close()
                return state.log.poison == nil && !state.log.needsFlush
            } catch {
                return false
            }
        }
    }

    /// Takes no more appends and closes the files; for a topic that is being deleted.
    func abandon() {
        state.withLock { state in
            state.isClosed = true
            // The files are about to be removed: nothing in them is worth a failure.
            for segment in state.log.segments { do { try segment.file.close() } catch {} }
        }
    }

    /// A log opened for reading looks at the disk again when a reader wants what it has not seen yet. Blocks.
    func refreshIfReadOnly(upTo offset: Offset) throws(DaybookError) {
        guard let reopen else { return }
        if state.withLock({ offset < $0.log.recoveryPoint }) { return }
        do {
            let fresh = try reopen()
            state.withLock { $0.log = fresh.log }
        } catch let error as FileError {
            throw DaybookError(error, topicPartition)
        } catch {
            preconditionFailure("opening a log throws FileError only")
        }
    }
}

/// A log as its recovery left it.
///
/// Safety: made on one thread and handed over whole before anybody else sees it.
struct RecoveredLog: @unchecked Sendable {
    let log: PartitionLog
    let report: PartitionRecovery
}

/// What all partitions of a data directory share.
struct PartitionServices: Sendable {
    let io: WorkerPool
    let flushers: WorkerPool
    let timer: DeadlineTimer
    let clock: any WallClock
    let watermarks: WatermarkFile
}
