// Completions that several may call: for the first one, or when the last one has arrived. What they wait for is the business
// of `TransactionEntry` and `Transaction`.

internal import Synchronization

/// Calls back once, whoever comes first.
final class Once: Sendable {
    private let completion: Mutex<(@Sendable (DaybookError?) -> Void)?>

    init(_ completion: @escaping @Sendable (DaybookError?) -> Void) { self.completion = Mutex(completion) }

    func callAsFunction(_ error: DaybookError?) {
        let completion = completion.withLock { completion in
            defer { completion = nil }
            return completion
        }
        completion?(error)
    }
}

/// Calls back when so many have arrived.
final class Countdown: Sendable {
    private let remaining: Atomic<Int>
    private let completion: @Sendable () -> Void

    /// `count` is at least one.
    init(_ count: Int, _ completion: @escaping @Sendable () -> Void) {
        precondition(count > 0, "nobody would call back")
        remaining = Atomic(count)
        self.completion = completion
    }

    func arrive() {
        if remaining.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { completion() }
    }
}
