// Jobs that follow each other on one thread of a pool: in which order, where not, and that nobody who waits for a thread is passed
// over.

import Synchronization
import Testing

@testable import Daybook

@Suite struct WorkerPoolTests {
    private final class Log: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    @Test func `A stopped pool runs what it is handed all the same: somebody waits for the answer`() async {
        let pool = WorkerPool(threads: 1)
        pool.stop()
        for number in 0..<200 { #expect(await pool.run { number } == number) }
    }

    @Test func `What a job leaves its thread comes next, once, and before what others have left`() async {
        let (pool, log) = (WorkerPool(threads: 1), Log())
        await withCheckedContinuation { continuation in
            pool.submit {
                let isTaken = pool.follow {
                    log.add("followed")
                    #expect(pool.follow { log.add("followed again") })
                    pool.submit { continuation.resume() }
                }
                #expect(isTaken)
                #expect(!pool.follow { log.add("there is room for one") })
                log.add("first")
            }
        }
        #expect(log.all == ["first", "followed", "followed again"])
    }

    @Test func `Nothing follows where others wait for a thread, nor on threads of anybody else`() async {
        let (pool, other) = (WorkerPool(threads: 1), WorkerPool(threads: 1))
        #expect(!pool.follow {})
        await withCheckedContinuation { continuation in
            pool.submit {
                #expect(!other.follow {})
                pool.submit { continuation.resume() }
                #expect(!pool.follow {})
            }
        }
        // Where it cannot follow it goes on all the same.
        await withCheckedContinuation { continuation in pool.proceed { continuation.resume() } }
    }

    @Test func `Only a thread that has nothing to do takes what is meant for such a one`() async {
        let (pool, log) = (WorkerPool(threads: 1), Log())
        await withCheckedContinuation { continuation in
            pool.submit {
                #expect(!pool.submitIfIdle { log.add("never") })
                pool.submit { continuation.resume() }
            }
        }
        #expect(await eventually { pool.submitIfIdle { log.add("idle") } })
        await withCheckedContinuation { continuation in pool.submit { continuation.resume() } }
        #expect(log.all == ["idle"])
    }
}
