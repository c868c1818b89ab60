// What limits a downstream, each limit by itself, at moments that the test chooses.
// What events make of the answers is tested in `GroupMachineTests`.

import DaybookModel
import Testing

@testable import DaybookProcessing

@Suite("Downstreams")
struct DownstreamGateTests {
    private static func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: 1_000_000 + milliseconds) }

    @Test func `delays grow to the cap, are drawn from the whole range, and are the same for the same seed`() {
        let policy = RetryPolicy(base: .milliseconds(100), cap: .seconds(2), multiplier: 2)
        #expect((1...7).map { policy.longestDelay(before: $0) } == [100, 200, 400, 800, 1600, 2000, 2000])
        #expect(policy.longestDelay(before: .max) == 2000)
        let delays = (0..<1000).map { policy.delay(before: 3, seed: UInt64($0)) }
        #expect(delays.allSatisfy { (0...400).contains($0) })
        #expect(Set(delays).count > 300)
        #expect((180...220).contains(delays.reduce(0, +) / 1000))
        #expect(delays == (0..<1000).map { policy.delay(before: 3, seed: UInt64($0)) })
    }

    @Test func `a breaker opens after failures in a row, lets one attempt through, and closes when that succeeds`() {
        var breaker = CircuitBreaker(BreakerPolicy(threshold: 3, openDuration: .seconds(5)))
        func fail(_ time: Int64) { breaker.end(isFailure: true, wasTrial: false, at: Self.at(time)) }
        fail(0)
        fail(1)
        breaker.end(isFailure: false, wasTrial: false, at: Self.at(2))
        fail(3)
        fail(4)
        #expect(breaker.state == .closed)
        fail(5)
        #expect(breaker.state == .open(until: Self.at(5005)))
        #expect(breaker.nextAttempt(after: Self.at(5004)) == Self.at(5005))
        #expect(breaker.nextAttempt(after: Self.at(5005)) == nil)
        #expect(breaker.begin() == true)
        #expect(breaker.nextAttempt(after: Self.at(9999)) == Timestamp(milliseconds: .max))
        // One that began before the breaker opened says nothing about now.
        breaker.end(isFailure: false, wasTrial: false, at: Self.at(6000))
        #expect(breaker.state == .halfOpen)
        breaker.end(isFailure: true, wasTrial: true, at: Self.at(7000))
        #expect(breaker.state == .open(until: Self.at(12_000)))
        #expect(breaker.begin() == true)
        breaker.end(isFailure: false, wasTrial: true, at: Self.at(12_500))
        #expect(breaker.state == .closed)
        #expect(breaker.begin() == false)
    }

    @Test func `no more attempts are under way than allowed`() {
        var gate = DownstreamGate(Downstream("t", concurrency: 2))
        #expect(gate.begin(isRetry: false, at: Self.at(0)) == .begun(isTrial: false))
        #expect(gate.begin(isRetry: false, at: Self.at(0)) == .begun(isTrial: false))
        #expect(gate.begin(isRetry: false, at: Self.at(0)) == .afterAnother)
        gate.end(isFailure: false, wasTrial: false, at: Self.at(1))
        #expect(gate.begin(isRetry: false, at: Self.at(1)) == .begun(isTrial: false))
    }

    @Test func `a rate is kept to the millisecond, over any time`() {
        var gate = DownstreamGate(Downstream("t", concurrency: 10_000, rate: 40, burst: 3))
        var begun = 0
        var now: Int64 = 0
        while now < 10_000 {
            switch gate.begin(isRetry: false, at: Self.at(now)) {
            case .begun: begun += 1
            case .later(let moment):
                #expect(moment > Self.at(now))
                now = Self.at(0).milliseconds(until: moment)
            case .afterAnother: Issue.record("there is room for all")
            }
        }
        #expect((400...403).contains(begun))
        // A clock that goes back brings nothing.
        guard case .later = gate.begin(isRetry: false, at: Self.at(0)) else {
            Issue.record("a token came out of nowhere")
            return
        }
    }

    @Test func `retries beyond the budget wait, first attempts do not`() {
        var gate = DownstreamGate(
            Downstream(
                "t", concurrency: 10_000, breaker: BreakerPolicy(threshold: .max), retryRatio: 0.5, retryFloor: 1))
        for _ in 0..<10 {
            #expect(gate.begin(isRetry: true, at: Self.at(0)) == .begun(isTrial: false))
            gate.end(isFailure: true, wasTrial: false, at: Self.at(0))
        }
        #expect(gate.begin(isRetry: true, at: Self.at(0)) == .later(Self.at(1000)))
        #expect(gate.begin(isRetry: false, at: Self.at(0)) == .begun(isTrial: false))
        gate.end(isFailure: false, wasTrial: false, at: Self.at(0))
        #expect(gate.begin(isRetry: false, at: Self.at(0)) == .begun(isTrial: false))
        gate.end(isFailure: false, wasTrial: false, at: Self.at(0))
        #expect(gate.begin(isRetry: true, at: Self.at(0)) == .begun(isTrial: false))
    }

    @Test func `an open breaker costs an event no attempt and no time`() throws {
        let downstream = Downstream(
            "t", concurrency: 1, breaker: BreakerPolicy(threshold: 1, openDuration: .seconds(5)),
            retries: RetryPolicy(base: .milliseconds(1), maximumAttempts: 2, maximumElapsed: .seconds(3)))
        var stage = try LaneStage(downstream: downstream)
        try stage.send("a")
        let failed = AttemptOutcome.failed(.retry, FailureNote(type: "T", text: "503"))
        for _ in 0..<20 {
            try stage.end(0, failed)
            #expect(stage.underWay == [])
            try stage.pass(.seconds(5))
            #expect(stage.underWay == [0])
        }
        try stage.end(0)
        #expect(stage.machine.state.counts.succeeded == 1)
    }

    @Test(arguments: [
        ("crm.order.created.v1", true), ("crm.order.*.v1", true), ("crm.*", false), ("crm.**", true), ("**", true),
        ("*", false), ("**.v1", true), ("crm.order.created", false), ("crm.order.created.v1*", true), ("", false),
    ])
    func `types match patterns`(pattern: String, isMatch: Bool) {
        #expect(EventTypePattern(pattern).matches("crm.order.created.v1") == isMatch)
    }
}
