// A daybook, its producers and its consumers in a service group. List the daybook first and whoever uses it behind: a group
// shuts its services down from the last to the first.

public import Daybook
public import ServiceLifecycle

extension Daybook: Service {}

extension Daybook {
    /// Waits for the group to shut down, then closes: flushes everything and gives the directory back.
    ///
    /// A cancelled group closes as well, so that nothing that was acknowledged depends on how it ended. Throws what ``close()``
    /// throws: something could not be made durable, and the next open recovers as after a crash.
    public func run() async throws {
        try? await gracefulShutdown()  // throws only when the task is cancelled, which is no reason not to close
        try await close()
    }
}

extension Producer: Service {}

extension Producer {
    /// Waits for the group to shut down, then flushes and takes no more records.
    ///
    /// Throws `FlushFailure` when records that were enqueued have not become as durable as configured, and says how many.
    public func run() async throws {
        try? await gracefulShutdown()  // throws only when the task is cancelled, which is no reason not to flush
        try await close()
    }
}

extension Consumer: Service {}

extension Consumer {
    /// Waits for the group to shut down, then closes: whoever goes through its sequences comes to their end.
    ///
    /// List whoever does that behind the consumer, so that what was handed out has been dealt with and committed before: what has
    /// not is handed out again, to the next member or the next process.
    public func run() async throws {
        try? await gracefulShutdown()  // throws only when the task is cancelled, which is no reason not to leave
        await close()
    }
}

extension TransactionalProducer: Service {}

extension TransactionalProducer {
    /// Waits for the group to shut down, then aborts the transaction that is open, if there is one, and takes no more.
    ///
    /// Whoever sends should end its transaction when the group begins to shut down: what is not committed is done again by the
    /// next process.
    public func run() async throws {
        try? await gracefulShutdown()  // throws only when the task is cancelled, which is no reason not to close
        await close()
    }
}
