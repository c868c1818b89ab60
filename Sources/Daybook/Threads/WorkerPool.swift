// Threads of our own for calls that block: reads, writes and flushes never run on Swift's cooperative threads, of which
// there are only as many as cores.

internal import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A mutex and a condition, for threads that have to sleep until there is something to do.
///
/// Safety: both are made before anybody else sees the object and are meant to be used from many threads.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        #if canImport(Darwin)
            pthread_cond_init(condition, nil)
        #else
            // Waiting must not follow the time of day, which may be set back by hours.
            var attributes = pthread_condattr_t()
            pthread_condattr_init(&attributes)
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
            pthread_cond_init(condition, &attributes)
            pthread_condattr_destroy(&attributes)
        #endif
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<R>(_ body: () throws -> R) rethrows -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Sleeps until woken. Call with the lock held.
    func wait() { pthread_cond_wait(condition, mutex) }

    /// Sleeps until woken, or for `nanoseconds`. Call with the lock held.
    func wait(nanoseconds: Int64) {
        #if canImport(Darwin)
            var duration = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            pthread_cond_timedwait_relative_np(condition, mutex, &duration)
        #else
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            let total = Int64(time.tv_nsec) + nanoseconds
            time.tv_sec += Int(total / 1_000_000_000)
            time.tv_nsec = Int(total % 1_000_000_000)
            pthread_cond_timedwait(condition, mutex, &time)
        #endif
    }

    func wakeOne() { pthread_cond_signal(condition) }
    func wakeAll() { pthread_cond_broadcast(condition) }
}

/// Starts a detached thread that runs `body`.
func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let argument = Unmanaged.passRetained(Box(body)).toOpaque()
    #if canImport(Darwin)
        var thread: pthread_t?
        let result = pthread_create(
            &thread, &attributes,
            { pointer in
                Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body()
                return nil
            }, argument)
    #else
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { pointer in
                Unmanaged<Box>.fromOpaque(pointer!).takeRetainedValue().body()
                return nil
            }, argument)
    #endif
    precondition(result == 0, "the system has no thread left for the log (errno \(result))")
}

/// A few threads that run jobs in the order of their arrival. Jobs may block.
final class WorkerPool: Sendable {
    typealias Job = @Sendable () -> Void

    private let queue: Queue
    private let executor: (any JobExecutor)?

    /// Safety: `jobs`, `head` and the counts are touched only under the monitor.
    private final class Queue: @unchecked Sendable {
        let monitor = Monitor()
        var jobs: [Job] = []
        var head = 0
        var sleeping = 0
        /// Threads that have not gone for good.
        var running = 0
        var isStopped = false

        func next() -> Job? {
            monitor.withLock {
                while head == jobs.count {
                    if isStopped {
                        running -= 1
                        return nil
                    }
                    sleeping += 1
                    monitor.wait()
                    sleeping -= 1
                }
                let job = jobs[head]
                // What the job holds must go with it, and not before others are done, nor under the monitor.
                jobs[head] = {}
                head += 1
                if head == jobs.count || head > 64 && head * 2 > jobs.count {
                    jobs.removeFirst(head)
                    head = 0
                }
                return job
            }
        }

        func append(_ job: @escaping Job) {
            jobs.append(job)
            if sleeping > 0 { monitor.wakeOne() }
        }
    }

    /// `threads` threads of its own, or none where an executor runs the jobs.
    init(threads: Int, or executor: (any JobExecutor)? = nil) {
        let queue = Queue()
        self.queue = queue
        self.executor = executor
        if executor != nil { return }
        queue.running = threads
        for _ in 0..<threads { Self.start(queue) }
    }

    private static func start(_ queue: Queue) {
        startThread {
            let following = FollowingJob(of: ObjectIdentifier(queue))
            following.withCurrent { while let job = following.take() ?? queue.next() { job() } }
        }
    }

    deinit { stop() }

    /// Hands a job to the next free thread. Amortised O(1).
    ///
    /// A pool that has been stopped runs it too, on a thread made for it: somebody may wait for the job's answer.
    func submit(_ job: @escaping Job) {
        if let executor { return executor.submit(job) }
        let isDeserted = queue.monitor.withLock {
            queue.append(job)
            guard queue.running == 0 else { return false }
            queue.running = 1
            return true
        }
        if isDeserted { Self.start(queue) }
    }

    /// Hands a job to a thread that has nothing to do; false when there is none, and the job is still the caller's.
    func submitIfIdle(_ job: @escaping Job) -> Bool {
        if executor != nil { return false }
        return queue.monitor.withLock {
            guard queue.sleeping > queue.jobs.count - queue.head else { return false }
            queue.append(job)
            return true
        }
    }

    /// Has this thread run a job as soon as the one that it runs now is over: nobody need be woken, and what both touch is at
    /// hand. Returns false, and the job is still the caller's, on any other thread, when there is such a job already, and while
    /// jobs of others wait for a thread.
    ///
    /// For jobs that only go on with what this one has done: until it is over nobody else takes them.
    func follow(with job: @escaping Job) -> Bool {
        guard let following = FollowingJob.current, following.pool == ObjectIdentifier(queue), following.isEmpty,
            queue.monitor.withLock({ queue.head == queue.jobs.count && !queue.isStopped })
        else { return false }
        following.put(job)
        return true
    }

    /// As `follow`, where that can be; otherwise as `submit`.
    func proceed(with job: @escaping Job) { if !follow(with: job) { submit(job) } }

    /// Runs what has been submitted and ends the threads.
    func stop() {
        queue.monitor.withLock {
            queue.isStopped = true
            queue.monitor.wakeAll()
        }
    }

    /// Runs a blocking call on one of the threads and waits for its result without blocking.
    func run<R: Sendable, E: Error>(_ body: @escaping @Sendable () throws(E) -> R) async throws(E) -> R {
        let result: Result<R, E> = await withCheckedContinuation { continuation in
            submit { continuation.resume(returning: Result { () throws(E) in try body() }) }
        }
        return try result.get()
    }
}

/// How many processors the system has online; 2 where it does not tell.
func processorsCount() -> Int {
    let count = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    return count > 0 ? count : 2
}
