// What a thread of a pool does next, when the job that it runs has left it something: known to that thread alone.
// When a job should do so is the business of whoever calls `WorkerPool.follow`.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Room for one job on a thread. Only that thread ever sees it.
final class FollowingJob {
    let pool: ObjectIdentifier
    private var job: WorkerPool.Job?

    init(of pool: ObjectIdentifier) { self.pool = pool }

    var isEmpty: Bool { job == nil }

    func put(_ job: @escaping WorkerPool.Job) {
        precondition(self.job == nil, "a thread has room for one job")
        self.job = job
    }

    func take() -> WorkerPool.Job? {
        defer { job = nil }
        return job
    }

    // MARK: of this thread

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let result = pthread_key_create(&key, nil)
        precondition(result == 0, "the system has no room for what a thread knows of itself (errno \(result))")
        return key
    }()

    /// That of the thread which asks; nil for threads of no pool.
    static var current: FollowingJob? {
        pthread_getspecific(key).map { Unmanaged<FollowingJob>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Runs `body`; until it returns this is the thread's own.
    func withCurrent(_ body: () -> Void) {
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
        withExtendedLifetime(self, body)
        pthread_setspecific(Self.key, nil)
    }
}
