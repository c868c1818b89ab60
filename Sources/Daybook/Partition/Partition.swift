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
    /// Asked before each append.
    let space: SpaceGuard
    let state: Mutex<State>
    let inbox = Mutex(Inbox())
    /// Held while the high watermark is written down.
    let publishing = Mutex(())
    /// Held while the checkpoint is written down.
    let checkpointing = Mutex(())
    /// Held while records are deleted, or damage is written down for a reader: closing waits for it, because afterwards the folder
    /// may be removed, or be another topic's.
    let changes = Mutex(())
    /// Held while the partition is compacted or scrubbed.
    let maintenance = Mutex(())
    /// The compaction under way, or the last one.
    let compaction = Mutex<CompactionProgress?>(nil)

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
        /// Those who wait for something to read: see `Partition+Waiting`.
        var watchers = Watchers()
        /// Somebody waits for what another process writes, and it will be looked at.
        var isPolling = false
        /// The high watermark that was last written to the watermark file, and when.
        var published: Offset?
        var publishedAt: Duration?
        var isPublishScheduled = false
        /// How many records of a batch that was split had been appended when the rest failed.
        var splitRecordsAppended: Int32 = 0
        /// Why the partition takes no appends any more and lets nobody wait: it is closed, or its topic has been deleted.
        var ending: DaybookError?
        /// Nobody holds the daybook any more, and nobody has closed it: nothing is written from now on.
        var isAbandoned = false
    }

    /// Somebody who wants to know when everything below `offset` is durable.
    struct Waiter {
        let offset: Offset
        let resume: @Sendable (DaybookError?) -> Void
    }

    /// What is on its way into the log, in order.
    struct Inbox {
        var requests: [PartitionRequest] = []
        var isDraining = false
    }

    /// Opens the log anew, for partitions of a directory that was opened for reading.
    let reopening: LogReopening?

    init(_ log: PartitionLog, topic: Topic, services: PartitionServices, reopening: LogReopening? = nil) {
        self.reopening = reopening
        topicPartition = log.identity.topicPartition
        topicID = log.identity.topicID
        slot = topic.firstSlot + Int(log.identity.topicPartition.partition)
        self.services = services
        space = topic.isInternal ? services.ownSpace : services.space
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
                logStartOffset: state.log.logStartOffset, lastStableOffset: state.log.lastStableOffset,
                highWatermark: state.log.recoveryPoint,
                logEndOffset: state.log.logEndOffset, size: .bytes(state.log.size),
                segmentsCount: state.log.segments.count, leaderEpoch: state.log.leaderEpoch)
        }
    }

    /// Whether maintenance has to end.
    var isClosing: Bool { state.withLock { $0.ending != nil } }

    /// Takes no more appends, flushes what there is and closes the files. Returns whether everything is durable; if not,
    /// the directory must not be marked as properly closed. Who waits for something to read is told `reason`.
    func close(_ reason: DaybookError = .closed) async -> Bool {
        let watchers = state.withLock { state in
            state.ending = state.ending ?? reason
            return state.watchers.takeAll()
        }
        wake(watchers, with: reason)
        do { try await flush() } catch {}  // the log knows: see below
        let partition = self
        return await services.io.run {
            // Maintenance sees that the partition closes, and ends at its next batch.
            partition.maintenance.withLock { _ in }
            partition.changes.withLock { _ in }
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

    /// Nobody holds the daybook any more: takes no more appends and writes nothing, neither the log nor what is kept beside it.
    /// What has been acknowledged is as durable as it was promised to be; whoever waits still is told that it is closed.
    ///
    /// Blocks while a small file is being written.
    func abandon() {
        state.withLock { state in
            state.ending = state.ending ?? .closed
            state.isAbandoned = true
        }
        publishing.withLock { _ in }
        checkpointing.withLock { _ in }
    }

    /// A log opened for reading looks at the disk again when a reader wants what it has not seen yet. Blocks.
    ///
    /// Looking costs a few small calls; the log is opened anew only when something has changed, because that may scan as
    /// much as the writer has not summed up yet.
    func refreshIfReadOnly(upTo offset: Offset, isolation: Isolation = .durable) throws(DaybookError) {
        // A writer's log needs no look, and a read of it not one lock more.
        if reopening == nil || state.withLock({ offset < min($0.log.limit(isolation), $0.log.recoveryPoint) }) {
            return
        }
        try reopenIfChanged()
    }

    /// Opens a log that was opened for reading anew when it does not look any more as it did; returns whether it was. Blocks.
    @discardableResult
    func reopenIfChanged() throws(DaybookError) -> Bool {
        guard let reopening else { return false }
        do {
            // Looked at first: what changes meanwhile is seen as a change the next time.
            let appearance = try reopening.look()
            if appearance == state.withLock({ $0.appearance }) { return false }
            let fresh = try reopening.open()
            let woken = state.withLock { state in
                let before = (state.log.leaderEpoch, state.log.logEndOffset)
                (state.log, state.appearance) = (fresh.log, appearance)
                // Where the writer has begun anew, or lost something, nobody's place is sure any more.
                let isAnother = fresh.log.leaderEpoch != before.0 || fresh.log.logEndOffset < before.1
                return isAnother ? state.watchers.takeAll() : state.takeReadable()
            }
            wake(woken)
            return true
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

/// What a log on disk looks like from outside. Appends, flushes, new segments, deletion and compaction change it.
struct LogAppearance: Hashable, Sendable {
    let watermark: Watermark?
    let segments: [String]
    let activeSize: Int
    /// Changes with each compaction, which puts other bytes under the same names.
    let checkpoint: [UInt8]?
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
    /// One thread for retention, compaction and scrubbing.
    let maintenance: WorkerPool
    let timer: DeadlineTimer
    let clock: any TimeSource
    let watermarks: WatermarkFile
    let fileSystem: any FileSystem
    let space: SpaceGuard
    /// For what Daybook itself has to write down, so that a full disk does not keep groups from saying that records may go.
    let ownSpace: SpaceGuard
    let observer: (any EngineObserver)?

    /// Ends all threads.
    func stop() {
        timer.stop()
        maintenance.stop()
        io.stop()
        flushers.stop()
    }
}
