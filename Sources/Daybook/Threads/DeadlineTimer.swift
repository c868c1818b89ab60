// One thread that runs small jobs at given moments: lingering batches, background flushes, watermarks. It sleeps until the
// next one is due; with nothing to do it uses no CPU at all.

/// Runs jobs later. Jobs must be short: they hand real work to a `WorkerPool`.
final class DeadlineTimer: Sendable {
    typealias Job = @Sendable () -> Void

    private let queue: Queue
    private let executor: (any JobExecutor)?

    /// Safety: everything but the monitor is touched only under the monitor.
    private final class Queue: @unchecked Sendable {
        let monitor = Monitor()
        /// A binary heap: the earliest deadline first.
        var heap: [(deadline: ContinuousClock.Instant, job: Job)] = []
        var isStopped = false

        func push(_ deadline: ContinuousClock.Instant, _ job: @escaping Job) -> Bool {
            heap.append((deadline, job))
            var child = heap.count - 1
            while child > 0, heap[child].deadline < heap[(child - 1) / 2].deadline {
                heap.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
            return child == 0
        }

        func pop() -> Job {
            let job = heap[0].job
            heap.swapAt(0, heap.count - 1)
            heap.removeLast()
            var parent = 0
            while true {
                var smallest = parent
                for child in [2 * parent + 1, 2 * parent + 2]
                where child < heap.count && heap[child].deadline < heap[smallest].deadline { smallest = child }
                if smallest == parent { return job }
                heap.swapAt(parent, smallest)
                parent = smallest
            }
        }

        /// Sleeps until a job is due; nil when the timer has been stopped.
        func next() -> Job? {
            monitor.withLock {
                while true {
                    if isStopped { return nil }
                    guard let first = heap.first else {
                        monitor.wait()
                        continue
                    }
                    let left = ContinuousClock.now.duration(to: first.deadline)
                    if left <= .zero { return pop() }
                    let (seconds, attoseconds) = left.components
                    monitor.wait(nanoseconds: min(seconds, 3600) * 1_000_000_000 + attoseconds / 1_000_000_000)
                }
            }
        }
    }

    /// A thread of its own, or none where an executor runs the jobs.
    init(or executor: (any JobExecutor)? = nil) {
        let queue = Queue()
        self.queue = queue
        self.executor = executor
        if executor != nil { return }
        startThread { while let job = queue.next() { job() } }
    }

    deinit { stop() }

    /// Runs `job` once, `delay` from now or a little later. O(log waiting jobs).
    func schedule(after delay: Duration, _ job: @escaping Job) {
        if let executor { return executor.schedule(after: delay, job) }
        queue.monitor.withLock {
            if queue.push(ContinuousClock.now.advanced(by: delay), job) { queue.monitor.wakeOne() }
        }
    }

    /// Forgets what is waiting and ends the thread.
    func stop() {
        queue.monitor.withLock {
            queue.isStopped = true
            queue.heap = []
            queue.monitor.wakeOne()
        }
    }
}
