// One partition at work: its log behind a lock, the queue of batches to append, and the waiters for a flush.
// The lock is held for single appends and for deciding where to read, never while the disk flushes or a read goes on;
// loading the index of a sealed segment, looking for a time and examining damage are the exceptions.

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
    /// Held while the high watermark is written down.
    let publishing = Mutex(())

    /// Safety: the log is reached only through the mutex that guards this state; what leaves it (plans, tickets,
    /// reports) is Sendable.
    struct State: @unchecked Sendable {
        var log: PartitionLog
        /// What the log on disk looked like when it was last opened anew for reading.
        var appearance: LogAppearance?
        var flushInterval: Duration
        var isFlushing = false
        /// A background flush is due; the timer will ask for it.
        var isFlushScheduled = false
        var waiters: [Waiter] = []
        /// The high watermark that was last written to the watermark file, and when.
        var published: Offset?
        var publishedAt: Duration?
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
    private let reopening: LogReopening?

    init(_ log: PartitionLog, topic: Topic, services: PartitionServices, reopening: LogReopening? = nil) {
        self.reopening = reopening
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

    /// Takes no more appends, flushes what there is and closes the files. Returns whether everything is durable; if not,
    /// the directory must not be marked as properly closed.
    func close() async -> Bool {
        state.withLock { $0.isClosed = true }
        do { try await flush() } catch {}  // the log knows: see below
        let partition = self
        return await services.io.run {
            partition.publishWatermark(isFinal: true)
            return partition.state.withLock { state in
                do throws(StorageError) {
                    try state.log.close()
                    return state.log.poison == nil && !state.log.needsFlush
                } catch {
                    return false
                }
            }
        }
    }

    /// A log opened for reading looks at the disk again when a reader wants what it has not seen yet. Blocks.
    ///
    /// Looking costs a few small calls; the log is opened anew only when something has changed, because that may scan as
    /// much as the writer has not summed up yet.
    func refreshIfReadOnly(upTo offset: Offset) throws(DaybookError) {
        guard let reopening else { return }
        let (isKnown, before) = state.withLock { (offset < $0.log.recoveryPoint, $0.appearance) }
        if isKnown { return }
        do {
            // Looked at first: what changes meanwhile is seen as a change the next time.
            let appearance = try reopening.look()
            if appearance == before { return }
            let fresh = try reopening.open()
            state.withLock { ($0.log, $0.appearance) = (fresh.log, appearance) }
        } catch let error as FileError {
            throw DaybookError(error, topicPartition)
        } catch {
            preconditionFailure("opening a log throws FileError only")
        }
    }
}

/// How a log that was opened for reading sees what the writer has done since.
struct LogReopening: Sendable {
    let look: @Sendable () throws -> LogAppearance
    let open: @Sendable () throws -> RecoveredLog
}

/// What a log on disk looks like from outside. Appends, flushes and new segments change it.
struct LogAppearance: Hashable, Sendable {
    let watermark: Watermark?
    let segments: [String]
    let activeSize: Int
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
    let clock: any TimeSource
    let watermarks: WatermarkFile
}
