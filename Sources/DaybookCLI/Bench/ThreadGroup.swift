// Threads for benchmarks: senders and readers that block, each on a thread of its own.
// Swift's tasks are no place to block, and these calls do.

import Foundation
import Synchronization

/// Runs blocking jobs side by side and waits for all of them.
enum ThreadGroup {
    /// Runs `job` on `count` threads and returns the results by number; throws the first error there was.
    static func run<R: Sendable>(_ count: Int, _ job: @escaping @Sendable (Int) throws -> R) throws -> [R] {
        let shared = Shared<R>()
        let done = DispatchGroup()
        for number in 0..<count {
            done.enter()
            let thread = Thread {
                let result = Result { try job(number) }
                shared.put(number, result)
                done.leave()
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
        done.wait()
        return try (0..<count).map { try shared.take($0).get() }
    }

    private final class Shared<R: Sendable>: Sendable {
        private let results = Mutex<[Int: Result<R, any Error>]>([:])
        func put(_ number: Int, _ result: Result<R, any Error>) { results.withLock { $0[number] = result } }
        func take(_ number: Int) -> Result<R, any Error> {
            guard let result = results.withLock({ $0[number] }) else {
                preconditionFailure("every thread leaves a result")
            }
            return result
        }
    }
}
