// The limit on what maintenance moves: counted on a clock in the test's hand, and awake when it is stopped.

import DaybookModel
import DaybookTesting
import Foundation
import Testing

@testable import Daybook

@Suite struct RateLimitTests {
    @Test func `Over any time no more is given out than the rate allows, but for what was saved up`() {
        let clock = ManualClock()
        let limit = RateLimit(.bytes(1000), clock: clock, mayBlock: false)
        var generator = SeededGenerator(seed: 7)
        var (moved, passed) = (0, Duration.zero)
        for _ in 0..<2000 {
            let bytes = Int.random(in: 1...300, using: &generator)
            let wait = limit.reserve(bytes)
            clock.advance(by: wait)
            passed += wait
            moved += bytes
            // One piece ahead of its payment, and a quarter of a second's savings.
            #expect(Double(moved) <= passed / .seconds(1) * 1000 + 300 + 250 + 1)
            if bytes.isMultiple(of: 7) {
                clock.advance(by: .milliseconds(bytes))
                passed += .milliseconds(bytes)
            }
        }
        #expect(moved > 100_000)
        // Nobody waits longer than what is taken takes.
        #expect(passed < .seconds(Double(moved) / 1000) + .seconds(100))
    }

    @Test func `C49 a jump of the time of day changes nothing`() {
        let clock = ManualClock()
        let limit = RateLimit(.bytes(1000), clock: clock, mayBlock: false)
        #expect(limit.reserve(1000) == .zero)
        clock.set(to: Timestamp(milliseconds: 0))
        let first = limit.reserve(1000)
        clock.set(to: Timestamp(milliseconds: .max / 2))
        #expect(first > .milliseconds(700) && first <= .seconds(1))
        #expect(limit.reserve(1) == first + .seconds(1))
    }

    @Test func `Without a limit, and for nothing, nobody waits`() {
        let clock = ManualClock()
        let limit = RateLimit(nil, clock: clock)
        limit.take(.max)
        #expect(limit.reserve(.max) == .zero)
        let limited = RateLimit(.bytes(1), clock: clock, mayBlock: false)
        for _ in 0..<10 { #expect(limited.reserve(0) == .zero) }
        // Counted, and yet no thread sleeps where an executor runs everything.
        limited.take(1 << 40)
        limited.take(1)
        #expect(limited.reserve(1) > .seconds(1 << 39))
    }

    @Test func `Who sleeps is woken when the limit is stopped`() async {
        let limit = RateLimit(.bytes(1), clock: SystemTime())
        limit.take(1 << 40)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    await withCheckedContinuation { done in
                        Thread {
                            limit.take(1)
                            done.resume()
                        }.start()
                    }
                }
            }
            limit.stop()
        }
        limit.take(1)
    }
}
