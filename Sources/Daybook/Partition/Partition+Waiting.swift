// Waiting for something to read. Nothing runs while somebody waits: whoever moves the readers' limit calls those who wait
// behind it. Only a directory that another process writes to has to be looked at, now and then.

internal import DaybookModel
internal import DaybookStorage
internal import Synchronization

/// Names one wait, so that it can be given up.
struct WakeToken: Hashable, Sendable { fileprivate let number: UInt64 }

/// What there is at an offset.
enum Watch: Sendable {
    /// Something to read.
    case readable
    /// Nothing yet; whoever asked will be called.
    case waiting(WakeToken)
    /// Nothing any more.
    case ended(DaybookError)
}

extension Partition {
    /// Calls `resume` once, as soon as there is something to read at `offset`; what stands there may be a gap.
    ///
    /// Never within this call; on a thread of the engine, which may block for as long as a read takes. With an error when
    /// the partition closes (`.closed`), when its topic is deleted (`.unknownTopic`), or when the directory of another
    /// process cannot be looked at any more: whoever still wants to know asks again. O(1), and so is an append or a flush
    /// that lets nobody go on.
    @discardableResult
    func whenReadable(
        behind offset: Offset, isolation: Isolation, _ resume: @escaping @Sendable (DaybookError?) -> Void
    ) -> WakeToken {
        switch watch(behind: offset, isolation: isolation, resume) {
        case .waiting(let token): return token
        case .readable: services.io.submit { resume(nil) }
        case .ended(let error): services.io.submit { resume(error) }
        }
        return state.withLock { $0.watchers.makeToken() }
    }

    /// The same for callers who go on by themselves where they need not wait: `resume` is called only after `.waiting`.
    func watch(
        behind offset: Offset, isolation: Isolation, _ resume: @escaping @Sendable (DaybookError?) -> Void
    ) -> Watch {
        let (watch, mustPoll) = state.withLock { state -> (Watch, Bool) in
            if let ending = state.ending { return (.ended(ending), false) }
            if state.log.limit(isolation) > offset { return (.readable, false) }
            let token = state.watchers.makeToken()
            state.watchers.add(Watcher(token: token, offset: offset, resume: resume), isolation)
            defer { state.isPolling = true }
            return (.waiting(token), reopening != nil && !state.isPolling)
        }
        if mustPoll { poll(after: Self.shortestPause) }
        return watch
    }

    /// Gives up a wait; `resume` is not called any more, unless it is being called already. O(waiters of the partition).
    func forget(_ token: WakeToken) { state.withLock { $0.watchers.remove(token) } }

    /// Calls those who can go on. `here` where this thread is the engine's and has nothing more urgent to do: a single one
    /// is then called on it, which saves a change of threads.
    func wake(_ woken: [Watcher], with error: DaybookError? = nil, here: Bool = false) {
        if here, woken.count == 1 { return woken[0].resume(error) }
        for watcher in woken { services.io.submit { watcher.resume(error) } }
    }

    // MARK: looking at what another process writes

    private static var shortestPause: Duration { .milliseconds(5) }
    private static var longestPause: Duration { .milliseconds(100) }

    private func poll(after pause: Duration) {
        services.timer.schedule(after: pause) { [weak self] in
            guard let self else { return }
            self.services.io.submit { self.look(after: pause) }
        }
    }

    private func look(after pause: Duration) {
        var hasChanged = false
        var failure: DaybookError?
        do throws(DaybookError) { hasChanged = try reopenIfChanged() } catch { failure = error }
        let (woken, goesOn) = state.withLock { state in
            let woken = failure == nil ? state.takeReadable() : state.watchers.takeAll()
            state.isPolling = !state.watchers.isEmpty
            return (woken, state.isPolling)
        }
        wake(woken, with: failure)
        if goesOn { poll(after: hasChanged ? Self.shortestPause : min(pause * 2, Self.longestPause)) }
    }
}

extension Partition.State {
    /// Takes out those who wait for something that can be read by now. Asked under the lock, after whatever may have moved a
    /// limit; called without it.
    mutating func takeReadable() -> [Watcher] {
        if watchers.isEmpty { return [] }
        return watchers.take { log.limit($0) }
    }
}

/// Somebody who waits for something to read.
struct Watcher: Sendable {
    let token: WakeToken
    /// What they will read next.
    let offset: Offset
    let resume: @Sendable (DaybookError?) -> Void
}

/// Those who wait for something to read in one partition, by how far they may see.
struct Watchers {
    private struct Group {
        let isolation: Isolation
        var waiting: [Watcher] = []
        /// No one of them waits at a smaller offset: with nothing to be had there, nobody need be looked at.
        var lowest = Offset.max
    }

    /// As many as there are isolations in use.
    private var groups: [Group] = []
    private var nextNumber: UInt64 = 0

    var isEmpty: Bool { groups.allSatisfy(\.waiting.isEmpty) }

    mutating func makeToken() -> WakeToken {
        defer { nextNumber += 1 }
        return WakeToken(number: nextNumber)
    }

    mutating func add(_ watcher: Watcher, _ isolation: Isolation) {
        let index = groups.firstIndex { $0.isolation == isolation } ?? groups.endIndex
        if index == groups.endIndex { groups.append(Group(isolation: isolation)) }
        groups[index].waiting.append(watcher)
        groups[index].lowest = min(groups[index].lowest, watcher.offset)
    }

    mutating func remove(_ token: WakeToken) {
        for index in groups.indices { groups[index].waiting.removeAll { $0.token == token } }
    }

    /// Takes out, in the order of their coming, those whose offset lies below the limit of their isolation.
    mutating func take(below limit: (Isolation) -> Offset) -> [Watcher] {
        var taken: [Watcher] = []
        for index in groups.indices where !groups[index].waiting.isEmpty {
            let limit = limit(groups[index].isolation)
            guard groups[index].lowest < limit else { continue }
            var lowest = Offset.max
            groups[index].waiting.removeAll { watcher in
                if watcher.offset < limit {
                    taken.append(watcher)
                    return true
                }
                lowest = min(lowest, watcher.offset)
                return false
            }
            groups[index].lowest = lowest
        }
        return taken
    }

    mutating func takeAll() -> [Watcher] {
        defer { groups = [] }
        return groups.flatMap(\.waiting)
    }
}
