// Who wants to know when topics come and go. They are told by whoever changes topics, `Daybook+Topics`, and when the daybook is
// closed; what they make of it is their business.

internal import Synchronization

/// Those who are told of changed topics.
final class TopicWatchers: Sendable {
    private struct State {
        var watchers: [Int: @Sendable () -> Void] = [:]
        var nextNumber = 0
    }
    private let state = Mutex(State())

    /// Has `watcher` called after each change, until it is removed. It must be quick and may not change topics: it is called
    /// by the one who does, before anybody else can.
    func add(_ watcher: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            state.watchers[state.nextNumber] = watcher
            return state.nextNumber
        }
    }

    /// It is not called any more, unless it is being called already.
    func remove(_ number: Int) { state.withLock { $0.watchers[number] = nil } }

    /// Calls all of them, in the order in which they came.
    func notify() {
        let watchers = state.withLock { $0.watchers.sorted { $0.key < $1.key } }
        for (_, watcher) in watchers { watcher() }
    }
}
