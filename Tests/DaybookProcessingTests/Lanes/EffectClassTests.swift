// What each class of effects does when an outcome is unknown: after a lost response, a timeout and a crash.

import DaybookModel
import Testing

@testable import DaybookProcessing

private let note = FailureNote(type: "T", text: "no")
private let unknown = AttemptOutcome.failed(.unknown, note)

@Suite("Effect classes")
struct EffectClassTests {
    @Test func `what runs again runs again after a crash`() throws {
        var stage = try LaneStage(.runsAgain)
        try stage.send("a")
        try stage.restart()
        #expect(stage.running.map(\.isProbe) == [false])
        try stage.end(0)
        #expect(stage.machine.state.counts.succeeded == 1)
    }

    @Test func `an intent is durable before a call that cannot be repeated`() throws {
        var stage = try LaneStage(.probes(settle: 2000))
        stage.isWritingByItself = false
        try stage.send("a")
        #expect(stage.unwritten == [.changed(Place(0, 0), .attempting)])
        #expect(stage.underWay == [])
        try stage.becomeDurable()
        try stage.decide()
        #expect(stage.underWay == [0])
    }

    @Test func `after a crash the target is asked when it has settled, and what is found is adopted`() throws {
        var stage = try LaneStage(.probes(settle: 2000))
        try stage.send("a")
        try stage.restart()
        #expect(stage.status(0) == .unknown(due: stage.now.advanced(byMilliseconds: 2000)))
        try stage.pass(.milliseconds(1999))
        #expect(stage.underWay == [])
        try stage.pass(.milliseconds(1))
        #expect(stage.running.map(\.isProbe) == [true])
        try stage.end(0, .found(reference: "S-1"))
        #expect(stage.machine.state.counts.adopted == 1)
    }

    @Test func `an effect that is absent is tried again, a target that cannot say is asked again`() throws {
        var stage = try LaneStage(.probes(settle: 2000))
        try stage.send("a")
        try stage.end(0, unknown)
        try stage.pass(.seconds(2))
        try stage.end(0, .unanswered(note))
        try stage.pass(.seconds(60))
        #expect(stage.running.map(\.isProbe) == [true])
        try stage.end(0, .absent)
        #expect(stage.running.map(\.isProbe) == [false])
        try stage.end(0)
        #expect(stage.machine.state.counts.succeeded == 1)
        #expect(stage.machine.state.counts.adopted == 0)
        #expect(stage.machine.state.counts.unknown == 1)
    }

    @Test func `an intent without a call becomes doubt, never silence`() throws {
        var stage = try LaneStage(.never)
        try stage.send("a")
        try stage.restart()
        #expect(stage.status(0) == .dead(.unknown))
        try stage.operate(try stage.machine.redrive(id: "r", [Place(0, 0)], by: "eva", note: "looked it up"))
        #expect(stage.running.map(\.isProbe) == [false])
    }

    @Test func `the same key is sent again within its window, and not behind it`() throws {
        let downstream = Downstream(
            "target", retries: RetryPolicy(base: .seconds(40), cap: .seconds(40)), timeout: .seconds(10))
        for canProbe in [false, true] {
            var stage = try LaneStage(.sameKey(window: 60_000, canProbe: canProbe), downstream: downstream)
            try stage.send("a")
            try stage.end(0, unknown)
            try stage.pass(.seconds(41))
            #expect(stage.running.map(\.isProbe) == [false])
            #expect(stage.running.map(\.isInDoubt) == [true])
            try stage.end(0, unknown)
            try stage.pass(.seconds(41))
            if canProbe {
                #expect(stage.running.map(\.isProbe) == [true])
            } else {
                #expect(stage.status(0) == .dead(.unknown))
            }
        }
    }

    @Test func `after a crash that lies longer back than the window the target is asked first`() throws {
        for (pause, asks) in [(Duration.seconds(10), false), (.seconds(100), true)] {
            var stage = try LaneStage(.sameKey(window: 60_000, canProbe: true))
            try stage.send("a")
            stage.now = stage.now.advanced(byMilliseconds: pause.wholeMilliseconds)
            try stage.restart()
            #expect(stage.running.map(\.isProbe) == [asks])
            // And so it stays if the next process dies as well.
            try stage.restart()
            #expect(stage.running.map(\.isProbe) == [asks])
        }
    }

    @Test func `a dead letter of unknown outcome is asked about when it is redriven, not repeated`() throws {
        let downstream = Downstream("target", retries: RetryPolicy(maximumAttempts: 1))
        var stage = try LaneStage(.probes(settle: 10), downstream: downstream)
        try stage.send("a")
        try stage.end(0, unknown)
        try stage.pass(.milliseconds(10))
        // Asked once at least, however many attempts there were.
        try stage.end(0, .unanswered(note))
        #expect(stage.status(0) == .dead(.unknown))
        try stage.restart()
        try stage.operate(try stage.machine.redrive(id: "r", [Place(0, 0)], by: "", note: ""))
        #expect(stage.running.map(\.isProbe) == [true])

        stage = try LaneStage(.never)
        try stage.send("a")
        try stage.end(0, unknown)
        try stage.operate(try stage.machine.redrive(id: "r", [Place(0, 0)], by: "", note: ""))
        #expect(stage.underWay == [0])
        // The decision was about the first doubt; the second needs another one.
        try stage.restart()
        #expect(stage.status(0) == .dead(.unknown))
    }

    @Test func `an attempt that takes too long is cancelled, and what it still brings does not count`() throws {
        var stage = try LaneStage(.probes(settle: 2000), downstream: Downstream("target", timeout: .seconds(5)))
        try stage.send("a")
        let late = try #require(stage.running.first)
        try stage.pass(.seconds(5))
        #expect(stage.cancelled == [late])
        #expect(stage.machine.ended(late, .succeeded(reference: nil, isAdopted: false), at: stage.now) == [])
        try stage.pass(.seconds(2))
        #expect(stage.running.map(\.isProbe) == [true])
    }

    @Test func `a retry's due time survives a restart, and a clock that has been set back`() throws {
        var stage = try LaneStage()
        try stage.send("a")
        try stage.end(0, .failed(.throttled(after: .seconds(30)), note))
        let status = stage.status(0)
        stage.now = stage.now.advanced(byMilliseconds: -3_600_000)
        try stage.restart()
        #expect(stage.status(0) == status)
        #expect(stage.underWay == [])
        stage.now = stage.now.advanced(byMilliseconds: 3_600_000)
        try stage.pass(.seconds(30))
        #expect(stage.underWay == [0])
    }

    @Test func `outcomes of a process that has lost the group do nothing`() throws {
        var stage = try LaneStage()
        try stage.send("a")
        let old = JournalPage(
            epoch: 1, time: stage.now,
            gathering: [.changed(Place(0, 0), .succeeded(attempts: 1, reference: nil, isAdopted: false))])
        try stage.restart()
        try stage.machine.apply(old)
        #expect(stage.machine.state.counts.succeeded == 0)
        #expect(stage.status(0) == .queued)
    }
}
