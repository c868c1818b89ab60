// Keeps a database up with the journals of groups: beside the processors in the same process, or once, from a command. What it
// writes is a projection: it can be deleted and built again, and nothing is decided by it.

public import Daybook
internal import DaybookModel
internal import DaybookProcessing
public import ServiceLifecycle
internal import Synchronization

/// How far a database has come with a group.
public struct TrackedGroup: Sendable, Hashable {
    public let group: String
    /// The next entry of the group's journal; everything before it is in the rows.
    public let journalPosition: Offset
    /// When the last of these entries was written.
    public let time: Timestamp?
    /// Entries of the journal that are not in the rows yet; nil where the journal has not been asked.
    public var entriesBehind: Int?
}

/// Writes the fate of every event in every group into a database, and follows while processors are at work.
///
/// ```swift
/// let tracker = Tracker(daybook, database: .beside(daybook))
/// try await ServiceGroup(services: [daybook, tracker, processor], logger: logger).run()
/// ```
///
/// Rows and the journal position that they reflect are written in one transaction, so each entry of a journal counts once
/// whatever is killed when, and two trackers of one database do no harm. A database that cannot be reached holds up nothing but
/// tracking: the tracker tries again, see ``problem``.
public final class Tracker: Service, Sendable {
    private let daybook: Daybook
    private let chosen: [String]?
    private let interval: Duration
    private let thread: SQLThread

    private struct State {
        var positions: [String: GroupPosition] = [:]
        var isPrepared = false
        var isStopped = false
        var problem: SQLError?
        var waiter: CheckedContinuation<Void, Never>?
        /// Which wait is on: a timer that comes late must not end the next one.
        var waitNumber = 0
    }
    private let state = Mutex(State())

    /// A tracker of these groups, by default of all that have a journal, also later. `interval` is how often it looks for
    /// something new.
    public init(
        _ daybook: Daybook, database: SQLDatabase, groups: [String]? = nil,
        interval: Duration = .milliseconds(200)
    ) {
        precondition(interval > .zero, "a tracker looks for something new after some time, not at once")
        self.daybook = daybook
        chosen = groups
        self.interval = interval
        thread = SQLThread(database, .readWrite, isInline: daybook.taskExecutor != nil)
    }

    /// What keeps the tracker from getting on; nil while it does.
    public var problem: SQLError? { state.withLock { $0.problem } }

    /// Follows until it is stopped, by its service group or by ``stop()``; then what is durable is in the rows.
    ///
    /// Throws `ProcessingError` where a journal cannot be read, `SQLError` with `.unexpected` where the tables are not what this
    /// release has written there, and `DaybookError` when the disk has failed.
    public func run() async throws {
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                while true {
                    let isLast = state.withLock { $0.isStopped }
                    do {
                        try await catchUp()
                        state.withLock { $0.problem = nil }
                    } catch let error as SQLError where error.kind != .unexpected {
                        state.withLock { $0.problem = error }
                    }
                    if isLast { return }
                    await pause()
                }
            } onGracefulShutdown: {
                self.stop()
            }
        } onCancel: {
            self.stop()
        }
    }

    /// Has `run` end as soon as it has caught up.
    public func stop() {
        state.withLock { state in
            state.isStopped = true
            state.waiter?.resume()
            state.waiter = nil
        }
    }

    /// Folds what is durable now into rows, on from where the database is. `onProgress` hears of a group and the entry of
    /// its journal that comes next. Throws as ``run()``, and `SQLError` where the database does not do it.
    @discardableResult
    public func catchUp(
        onProgress: @escaping @Sendable (TrackedGroup) -> Void = { _ in }
    ) async throws -> [TrackedGroup] {
        try await prepare()
        var tracked: [TrackedGroup] = []
        for group in chosen ?? GroupHistory.groups(of: daybook) {
            guard let history = GroupHistory(of: group, in: daybook) else { continue }
            var projection = GroupProjection(daybook, history, thread)
            projection.onProgress = { onProgress(TrackedGroup(group: group, journalPosition: $0, time: nil)) }
            let known = state.withLock { $0.positions.removeValue(forKey: group) }
            let position = try await projection.catchUp(from: known)
            state.withLock { $0.positions[group] = position }
            tracked.append(TrackedGroup(group, position))
        }
        return tracked
    }

    /// Deletes the rows of all groups and folds them anew from the beginnings of their journals. The rows are the same as before,
    /// but for those of events that neither the journal nor the log knows any more.
    @discardableResult
    public func rebuild(
        onProgress: @escaping @Sendable (TrackedGroup) -> Void = { _ in }
    ) async throws -> [TrackedGroup] {
        try await prepare()
        for group in chosen ?? GroupHistory.groups(of: daybook) {
            // Whoever follows the same database is overtaken by this, and goes on from the beginning too.
            try await thread.run { session in
                let store = TrackingStore(session: session)
                while true {
                    let number = try store.position(of: group).changeNumber
                    do {
                        return try session.transaction {
                            try store.claim(group, number)
                            try store.reset(group)
                        }
                    } catch is Overtaken {}
                }
            }
            state.withLock { $0.positions[group] = nil }
        }
        return try await catchUp(onProgress: onProgress)
    }

    /// How far the database has come with each group, and how far it is behind its journal.
    public func groups() async throws -> [TrackedGroup] {
        let stored = try await thread.run { try TrackingStore(session: $0).groups() }
        let known = Dictionary(uniqueKeysWithValues: stored.map { ($0.group, $0) })
        var result: [TrackedGroup] = []
        for group in chosen ?? GroupHistory.groups(of: daybook) {
            guard let history = GroupHistory(of: group, in: daybook) else { continue }
            var tracked = known[group] ?? TrackedGroup(group: group, journalPosition: .zero, time: nil)
            let end = try await history.offsets().upperBound
            tracked.entriesBehind = max(0, Int(tracked.journalPosition.distance(to: end)))
            result.append(tracked)
        }
        return result
    }

    private func prepare() async throws {
        if state.withLock({ $0.isPrepared }) { return }
        try await thread.run { try TrackingStore(session: $0).prepare() }
        state.withLock { $0.isPrepared = true }
    }

    private func pause() async {
        await withCheckedContinuation { continuation in
            let number: Int? = state.withLock { state in
                if state.isStopped { return nil }
                state.waiter = continuation
                state.waitNumber += 1
                return state.waitNumber
            }
            guard let number else { return continuation.resume() }
            daybook.schedule(after: interval) { [weak self] in self?.wake(number) }
        }
    }

    private func wake(_ number: Int) {
        state.withLock { state in
            guard state.waitNumber == number else { return }
            state.waiter?.resume()
            state.waiter = nil
        }
    }
}

extension TrackedGroup {
    init(_ group: String, _ position: GroupPosition) {
        self.init(group: group, journalPosition: position.journal, time: position.fold.time)
    }
}
