// The seam between the engine and its threads. A simulation runs every job on one thread, in an order that a seed decides;
// everybody else gets the threads of `WorkerPool` and `DeadlineTimer`.

/// Runs the engine's jobs in place of its threads.
package protocol JobExecutor: Sendable {
    /// Runs `job` soon, and not within this call: the caller may hold a lock that the job takes.
    func submit(_ job: @escaping @Sendable () -> Void)
    /// Runs `job` when `delay` has passed.
    func schedule(after delay: Duration, _ job: @escaping @Sendable () -> Void)
}
