// What the sanitizers must be silent about, in every run, and what they must find, in runs of tools/sanitize that ask for it:
// a sanitizer that finds no planted fault has found nothing by finding nothing.

import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A fault that a sanitizer is to find, named by the environment.
private enum PlantedFault: String, CaseIterable {
    /// For the thread sanitizer: written beside a mutex for which the threads contend.
    case beside
    /// For the thread sanitizer: written under a mutex, each thread under one of its own.
    case apart
    /// For the thread sanitizer: written under a mutex and read behind it.
    case behind
    /// For the thread sanitizer: written by the thread that has just resumed a task, and read by the task.
    case after
    /// For the address sanitizer: one byte beyond the end.
    case overrun
    /// For the address sanitizer: read after it was given back.
    case freed

    static let chosen = getenv("DAYBOOK_PLANTED_FAULT").flatMap { PlantedFault(rawValue: String(cString: $0)) }
}

@Suite("Sanitizers")
struct SanitizerTests {
    /// What threads count together, and where.
    ///
    /// Safety: in the tests that are always run, the mutex or the continuation orders what is done with `count`. In the others
    /// nothing does; that is what the sanitizer is to say.
    private final class Shared: @unchecked Sendable {
        let mutex = Mutex(0)
        let others = [Own(), Own(), Own(), Own()]
        var count = 0
        let isResumed = Atomic(false)
    }

    private final class Own: Sendable { let mutex = Mutex(0) }

    /// A thread of its own, which is to be joined: neither starting nor ending it may order what the test is about.
    private final class Racer {
        private final class Work: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }

        #if canImport(Darwin)
            private var thread: pthread_t?
        #else
            private var thread = pthread_t()
        #endif

        init(_ body: @escaping @Sendable () -> Void) {
            let work = Unmanaged.passRetained(Work(body)).toOpaque()
            let result = pthread_create(
                &thread, nil,
                { work in
                    let work: UnsafeMutableRawPointer? = work
                    if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
                    return nil
                }, work)
            precondition(result == 0, "there is no thread for the test")
        }

        func join() {
            #if canImport(Darwin)
                if let thread { pthread_join(thread, nil) }
            #else
                pthread_join(thread, nil)
            #endif
        }
    }

    /// Runs `body` on four threads, and returns when all have ended.
    private static func onThreads(_ body: @escaping @Sendable (Int) -> Void) {
        let racers = (0..<4).map { number in Racer { body(number) } }
        for racer in racers { racer.join() }
    }

    @Test("what a contended mutex orders is no race")
    func contended() {
        let shared = Shared()
        Self.onThreads { number in
            for round in 0..<5000 {
                shared.mutex.withLock { count in
                    count += 1
                    shared.count += 1
                    // The others come to the lock meanwhile, and have to ask the kernel for it.
                    if round % 100 == number { sched_yield() }
                }
            }
        }
        #expect(shared.mutex.withLock { $0 } == 20_000 && shared.count == 20_000)
    }

    @Test("a planted race is reported", .enabled(if: PlantedFault.chosen != nil))
    func race() {
        let fault = PlantedFault.chosen
        let shared = Shared()
        Self.onThreads { number in
            for round in 0..<5000 {
                if fault == .beside { shared.count += 1 }
                shared.mutex.withLock { count in
                    count += 1
                    if fault == .behind { shared.count += 1 }
                    if round % 100 == number { sched_yield() }
                }
                if fault == .behind { shared.others[number].mutex.withLock { $0 += shared.count } }
                if fault == .apart {
                    shared.others[number].mutex.withLock {
                        $0 += 1; shared.count += 1
                    }
                }
            }
        }
        #expect(shared.mutex.withLock { $0 } == 20_000)
    }

    @Test("what a continuation hands over is no race, although it was resumed before its task waited for it")
    func handedOver() async {
        let count = await Self.resumeEarly { shared, continuation in
            shared.count += 1
            continuation.resume()
        }
        #expect(count == 1)
    }

    @Test("a planted race with a task is reported", .enabled(if: PlantedFault.chosen == .after))
    func raceWithTask() async {
        let count = await Self.resumeEarly { shared, continuation in
            continuation.resume()
            shared.count += 1
        }
        #expect(count == 1)
    }

    /// Lets another thread run `body`, and the task wait for the continuation only when that has been resumed. What tells the
    /// task so orders nothing.
    private static func resumeEarly(
        _ body: @escaping @Sendable (Shared, CheckedContinuation<Void, Never>) -> Void
    ) async -> Int {
        let shared = Shared()
        var racer: Racer?
        await withCheckedContinuation { continuation in
            racer = Racer {
                body(shared, continuation)
                shared.isResumed.store(true, ordering: .relaxed)
            }
            while !shared.isResumed.load(ordering: .relaxed) { sched_yield() }
        }
        defer { racer?.join() }
        return shared.count
    }

    @Test("a planted fault of memory is reported", .enabled(if: PlantedFault.chosen != nil))
    func memory() {
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 16)
        bytes.initialize(repeating: 7, count: 16)
        if PlantedFault.chosen == .overrun { Self.touch(bytes + 16) }
        bytes.deallocate()
        if PlantedFault.chosen == .freed { Self.touch(bytes) }
    }

    /// Not inlined, so that the compiler cannot see what is wrong with it.
    @inline(never)
    private static func touch(_ byte: UnsafeMutablePointer<UInt8>) { byte.pointee &+= 1 }
}
