// What nobody knows: attempts whose outcome is lost, windows that end, targets that cannot say, and the same effect in two lanes.
// What each class of effects promises is tested in `EffectClassTests`.

import DaybookModel
import Testing

@testable import DaybookProcessing

@Suite("Doubt")
struct DoubtTests {
    private let unknown = AttemptOutcome.failed(.unknown, FailureNote(type: "Lost", text: "no answer"))
    private let retry = AttemptOutcome.failed(.retry, FailureNote(type: "Busy", text: "503"))

    private func target(attempts: Int = 10) -> Downstream {
        Downstream(
            "target", breaker: BreakerPolicy(threshold: 100),
            retries: RetryPolicy(base: .milliseconds(1), cap: .milliseconds(1), maximumAttempts: attempts),
            timeout: .seconds(10))
    }

    @Test func `an effect that is never there is given up after as many attempts as others`() throws {
        var stage = try LaneStage(.probes(settle: 1000), downstream: target(attempts: 3))
        try stage.send("a")
        for _ in 1...3 {
            #expect(stage.running.map(\.isProbe) == [false])
            try stage.end(0, unknown)
            try stage.pass(.seconds(1))
            #expect(stage.running.map(\.isProbe) == [true])
            try stage.end(0, .absent)
            try stage.pass(.seconds(1))
        }
        #expect(stage.status(0) == .dead(.exhausted))
    }

    @Test func `that a later attempt did nothing ends no doubt about an earlier one`() throws {
        var stage = try LaneStage(.sameKey(window: 60_000, canProbe: false), downstream: target())
        try stage.send("a")
        try stage.end(0, unknown)
        try stage.pass(.seconds(1))
        #expect(stage.running.map(\.isInDoubt) == [true])
        try stage.end(0, retry)
        try stage.pass(.seconds(20))
        #expect(stage.running.map(\.isInDoubt) == [true], "the window is not over")
        try stage.end(0, retry)
        stage.now = stage.now.advanced(byMilliseconds: 600_000)
        try stage.decide()
        #expect(stage.status(0) == .dead(.unknown))
    }

    @Test func `a window that ends while an event waits for its turn has ended`() throws {
        var downstream = target()
        downstream.concurrency = 1
        var stage = try LaneStage(.sameKey(window: 60_000, canProbe: false), downstream: downstream)
        try stage.send("a")
        try stage.end(0, unknown)
        try stage.send("b")
        #expect(stage.underWay == [1])
        try stage.pass(.seconds(1))
        #expect(stage.underWay == [1], "a waits for b's end")
        // Nothing is looked at meanwhile, so that b is not cancelled for its time.
        stage.now = stage.now.advanced(byMilliseconds: 70_000)
        try stage.end(1)
        try stage.pass(.milliseconds(1))
        #expect(stage.underWay == [])
        #expect(stage.status(0) == .dead(.unknown))
    }

    @Test func `a target that cannot say after a crash is asked again, not called`() throws {
        var stage = try LaneStage(.sameKey(window: 60_000, canProbe: true), downstream: target())
        try stage.send("a")
        stage.now = stage.now.advanced(byMilliseconds: 100_000)
        try stage.restart()
        for _ in 1...3 {
            #expect(stage.running.map(\.isProbe) == [true])
            try stage.end(0, .unanswered(FailureNote(type: "Busy", text: "503")))
            try stage.pass(.seconds(1))
        }
        try stage.end(0, .absent)
        try stage.pass(.seconds(1))
        #expect(stage.running.map(\.isProbe) == [false])
    }

    @Test func `an attempt that was due before a crash may have been made`() throws {
        var stage = try LaneStage(.sameKey(window: 60_000, canProbe: false), downstream: target())
        try stage.send("a")
        try stage.end(0, retry)
        try stage.pass(.seconds(1))
        #expect(stage.running.map(\.number) == [2])
        stage.now = stage.now.advanced(byMilliseconds: 100_000)
        try stage.restart()
        #expect(stage.status(0) == .dead(.unknown))
    }

    @Test func `retries without a budget keep no first attempt waiting`() throws {
        let policy = RetryPolicy(base: .milliseconds(1), cap: .milliseconds(1), maximumAttempts: 1000)
        let downstream = Downstream(
            "target", concurrency: 1000, breaker: BreakerPolicy(threshold: 10_000), retries: policy, retryRatio: 0,
            retryFloor: 0.1)
        var stage = try LaneStage(downstream: downstream)
        for number in 0..<50 { try stage.send("k\(number)") }
        for number in 0..<50 { try stage.end(Offset(Int64(number)), retry) }
        try stage.pass(.milliseconds(10))
        #expect(stage.underWay.count == 10, "the budget of retries")
        try stage.send("fresh")
        #expect(stage.underWay.contains(50))
    }

    // MARK: the same effect in two lanes

    @Test(arguments: [EffectRule.probes(settle: 1000), .never])
    func `an effect that cannot be repeated is not begun twice at once`(effect: EffectRule) throws {
        var stage = try LaneStage(effect, downstream: target())
        try stage.send("a", "invoice 1")
        try stage.send("b", "invoice 1")
        #expect(stage.underWay == [0])
        try stage.end(0)
        #expect(stage.underWay == [])
        #expect(stage.machine.state.counts.duplicates == 1)
        try stage.send("c", "invoice 2")
        try stage.send("d", "invoice 2")
        try stage.end(2, .failed(.permanent, FailureNote(type: "Refused", text: "no")))
        #expect(stage.underWay == [3], "nothing has happened")
    }

    @Test func `an effect of which nobody knows is not begun by another event`() throws {
        var stage = try LaneStage(.never, downstream: target()) { $0.lanePolicy = .releaseKey }
        try stage.send("a", "invoice 1")
        try stage.end(0, unknown)
        #expect(stage.status(0) == .dead(.unknown))
        try stage.send("a", "invoice 1")
        #expect(stage.underWay == [])
        #expect(stage.status(1) == .dead(.unknown))
        try stage.restart()
        try stage.send("b", "invoice 1")
        #expect(stage.status(2) == .dead(.unknown))
        try stage.operate(try stage.machine.redrive(id: "r", [Place(0, 2)], by: "eva", note: "it is not there"))
        #expect(stage.underWay == [2])
    }

    @Test func `whoever skips an event of unknown outcome has decided about its effect`() throws {
        var stage = try LaneStage(.never, downstream: target())
        try stage.send("a", "invoice 1")
        try stage.end(0, unknown)
        try stage.send("a", "invoice 1")
        try stage.operate(try stage.machine.skip(Place(0, 0), by: "eva", note: "it is there"))
        #expect(stage.underWay == [])
        #expect(stage.machine.state.counts.duplicates == 1)
        try stage.restart()
    }
}
