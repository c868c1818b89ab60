// The table of states, row by row: order, duplicates, conflicts, revisions, retries, dead letters and what people do about them.

import DaybookModel
import Testing

@testable import DaybookProcessing

private let note = FailureNote(type: "T", text: "no")
private let retry = AttemptOutcome.failed(.retry, note)
private let permanent = AttemptOutcome.failed(.permanent, note)
private let unknown = AttemptOutcome.failed(.unknown, note)

@Suite("Lanes")
struct GroupMachineTests {
    @Test func `events of a key go one after the other, other keys go on`() throws {
        var stage = try LaneStage()
        for key in ["a", "b", "a", "a", "c"] { try stage.send(key) }
        #expect(stage.underWay == [0, 1, 4])
        try stage.end(0)
        #expect(stage.underWay == [1, 2, 4])
        try stage.end(4)
        try stage.end(2)
        #expect(stage.underWay == [1, 3])
        #expect(stage.machine.state.partitions[0].committed == 1)
        try stage.end(1)
        try stage.end(3)
        #expect(stage.machine.state.partitions[0].committed == 5)
        #expect(stage.machine.state.lanes.isEmpty)
        #expect(stage.machine.state.events.isEmpty)
    }

    @Test func `the next event of a key waits until the outcome before it is durable`() throws {
        var stage = try LaneStage()
        stage.isWritingByItself = false
        try stage.send("a")
        try stage.send("a")
        try stage.end(0)
        #expect(stage.underWay == [])
        try stage.becomeDurable()
        try stage.decide()
        #expect(stage.underWay == [1])
    }

    @Test func `the same effect with the same payload is a duplicate, with another one a conflict`() throws {
        var stage = try LaneStage()
        try stage.send("a", "x", body: "1")
        try stage.end(0)
        try stage.send("a", "x", body: "1")
        #expect(stage.machine.state.counts.duplicates == 1)
        try stage.send("b", "x", body: "2")
        #expect(stage.status(2) == .dead(.conflict))
        #expect(stage.underWay == [])
    }

    @Test func `a duplicate waits behind the event that it repeats`() throws {
        var stage = try LaneStage()
        try stage.send("a", "x")
        try stage.send("a", "x")
        #expect(stage.underWay == [0])
        try stage.end(0, retry)
        #expect(stage.underWay == [])
        try stage.pass(.seconds(60))
        try stage.end(0)
        #expect(stage.machine.state.counts.succeeded == 1)
        #expect(stage.machine.state.counts.duplicates == 1)
    }

    @Test func `a conflict behind a dead letter waits with the rest, and a duplicate is no more`() throws {
        var stage = try LaneStage()
        try stage.send("a", "x", body: "1")
        try stage.end(0)
        try stage.send("a")
        try stage.end(1, permanent)
        try stage.send("a", "x", body: "2")
        try stage.send("a", "x", body: "1")
        #expect(stage.status(2) == .parked(behind: 1))
        #expect(stage.machine.state.counts.duplicates == 1)
        try stage.operate(try stage.machine.redrive(id: "r", [Place(0, 1)], by: "", note: ""))
        try stage.end(1)
        #expect(stage.status(2) == .dead(.conflict))
    }

    @Test func `an event without a handler is skipped, a record that is no event is dead`() throws {
        var stage = try LaneStage()
        try stage.send("a", route: GroupMachine.filtered)
        #expect(stage.machine.state.counts.otherwiseSkipped == 1)
        try stage.send("a", route: GroupMachine.unreadable)
        #expect(stage.status(1) == .dead(.unreadable))
    }

    @Test func `a revision that came too early waits for the one before it`() throws {
        var stage = try LaneStage(gate: RevisionGate(patience: .seconds(60)))
        try stage.send("a", revision: 2)
        #expect(stage.status(0) == .waiting(deadline: stage.now.advanced(byMilliseconds: 60_000)))
        try stage.send("a", revision: 1)
        #expect(stage.underWay == [1])
        try stage.end(1)
        #expect(stage.underWay == [0])
        try stage.end(0)
        #expect(stage.machine.state.counts.waited == 1)
        #expect(stage.machine.state.counts.succeeded == 2)
        try stage.send("a", revision: 1)
        #expect(stage.machine.state.counts.otherwiseSkipped == 1)
    }

    @Test(arguments: [RevisionGate.Overdue.deadLetter, .handle])
    func `a revision whose predecessor does not come is dealt with in time`(overdue: RevisionGate.Overdue) throws {
        var stage = try LaneStage(gate: RevisionGate(patience: .seconds(60), overdue: overdue))
        try stage.send("a", revision: 3)
        try stage.pass(.seconds(59))
        #expect(stage.underWay == [])
        try stage.pass(.seconds(1))
        switch overdue {
        case .handle: #expect(stage.underWay == [0])
        case .deadLetter: #expect(stage.status(0) == .dead(.gap))
        }
    }

    @Test func `a retry is due after its delay, in its lane's order, and ends in a dead letter`() throws {
        let policy = RetryPolicy(base: .seconds(1), maximumAttempts: 3)
        var stage = try LaneStage(downstream: Downstream("target", retries: policy))
        try stage.send("a")
        try stage.send("a")
        for attempt in 1...3 {
            #expect(stage.running.map(\.number) == [attempt])
            try stage.end(0, retry)
            #expect(stage.underWay == [])
            try stage.pass(.seconds(60))
        }
        #expect(stage.status(0) == .dead(.exhausted))
        #expect(stage.status(1) == .parked(behind: 0))
        #expect(stage.machine.state.counts.retried == 2)
        #expect(stage.machine.state.partitions[0].committed == 2)
    }

    @Test func `time spent ends retries before their number does`() throws {
        let policy = RetryPolicy(base: .seconds(10), maximumAttempts: 1000, maximumElapsed: .seconds(30))
        var stage = try LaneStage(downstream: Downstream("target", retries: policy))
        try stage.send("a")
        var attempts = 0
        while !stage.underWay.isEmpty {
            attempts += 1
            stage.now = stage.now.advanced(byMilliseconds: 9_000)
            try stage.end(0, retry)
            try stage.pass(.seconds(20))
        }
        #expect(stage.status(0) == .dead(.exhausted))
        #expect((2...4).contains(attempts))
    }

    @Test func `a throttled event waits as long as it was told`() throws {
        var stage = try LaneStage()
        try stage.send("a")
        try stage.end(0, .failed(.throttled(after: .seconds(90)), note))
        try stage.pass(.seconds(89))
        #expect(stage.underWay == [])
        try stage.pass(.seconds(1))
        #expect(stage.underWay == [0])
    }

    @Test func `a dead letter holds its key, and a redrive works through all of it in order, once`() throws {
        var stage = try LaneStage()
        for _ in 0..<3 { try stage.send("a") }
        try stage.send("b")
        try stage.end(0, permanent)
        try stage.end(3)
        #expect((1...2).map { stage.status(Offset($0)) } == [.parked(behind: 0), .parked(behind: 0)])
        #expect(stage.machine.state.partitions[0].committed == 4)
        let entry = try stage.machine.redrive(id: "r1", [Place(0, 0)], by: "eva", note: "fixed")
        try stage.operate(entry)
        #expect(stage.underWay == [0])
        #expect(try stage.machine.redrive(id: "r1", [Place(0, 0)], by: "eva", note: "again") == nil)
        try stage.send("a")
        for offset in [0, 1, 2, 4] as [Offset] {
            #expect(stage.underWay == [offset])
            try stage.end(offset)
        }
        #expect(stage.machine.state.counts.dead == 0)
        #expect(stage.machine.state.counts.parked == 0)
        #expect(stage.machine.state.counts.succeeded == 5)
    }

    @Test func `a follower that was being parked while its dead letter was redriven has its turn`() throws {
        var stage = try LaneStage()
        try stage.send("a")
        try stage.end(0, permanent)
        stage.isWritingByItself = false
        try stage.send("a")
        let entry = try stage.machine.redrive(id: "r1", [Place(0, 0)], by: "eva", note: "")
        try stage.operate(entry)
        stage.isWritingByItself = true
        try stage.becomeDurable()
        try stage.decide()
        try stage.end(0)
        try stage.end(1)
        #expect(stage.machine.state.counts.parked == 0)
    }

    @Test func `what is not dead is not redriven, and what is being redriven is not redriven by another`() throws {
        var stage = try LaneStage()
        try stage.send("a")
        #expect(throws: OperationError.notDead(Place(0, 0))) {
            try stage.machine.redrive(id: "r", [Place(0, 0)], by: "", note: "")
        }
        #expect(throws: OperationError.unknownEvent(Place(0, 7))) {
            try stage.machine.redrive(id: "r", [Place(0, 7)], by: "", note: "")
        }
        try stage.end(0, permanent)
        _ = try stage.machine.redrive(id: "r", [Place(0, 0)], by: "", note: "")
        #expect(throws: OperationError.underWay(Place(0, 0))) {
            try stage.machine.redrive(id: "s", [Place(0, 0)], by: "", note: "")
        }
    }

    @Test func `skipping a dead letter lets its followers go on`() throws {
        var stage = try LaneStage(gate: RevisionGate())
        for revision in 1...3 as ClosedRange<Int64> { try stage.send("a", revision: revision) }
        try stage.end(0, permanent)
        let entry = try stage.machine.skip(Place(0, 0), by: "eva", note: "cancelled by phone")
        try stage.operate(entry)
        try stage.end(1)
        try stage.end(2)
        #expect(stage.machine.state.counts.otherwiseSkipped == 1)
        #expect(stage.machine.state.counts.dead == 0)
    }

    @Test func `with releaseKey the followers of a dead letter go on, with stopGroup nothing does`() throws {
        var stage = try LaneStage(gate: RevisionGate()) { $0.lanePolicy = .releaseKey }
        try stage.send("a", revision: 1)
        try stage.send("a", revision: 2)
        try stage.end(0, permanent)
        #expect(stage.underWay == [1])

        stage = try LaneStage { $0.lanePolicy = .stopGroup }
        try stage.send("a")
        try stage.end(0, permanent)
        try stage.send("b")
        #expect(stage.machine.state.stop == .policy)
        #expect(stage.underWay == [])
        try stage.operate(.resumed(by: "eva", note: ""))
        #expect(stage.underWay == [1])
    }

    @Test func `too many dead letters in a row stop the group, a success between them does not count`() throws {
        var stage = try LaneStage { $0.deadLetterLimit = 3 }
        for key in ["a", "b", "c", "d", "e", "f"] { try stage.send(key) }
        for offset in [0, 1] as [Offset] { try stage.end(offset, permanent) }
        try stage.end(2)
        for offset in [3, 4] as [Offset] { try stage.end(offset, permanent) }
        #expect(stage.machine.state.stop == nil)
        try stage.end(5, permanent)
        #expect(stage.machine.state.stop == .deadLetters)
        try stage.send("g")
        #expect(stage.underWay == [])
        try stage.restart()
        #expect(stage.underWay == [])
        try stage.operate(.resumed(by: "eva", note: ""))
        #expect(stage.underWay == [6])
    }

    @Test func `more parked events than allowed stop the group`() throws {
        var stage = try LaneStage { $0.parkedLimit = 2 }
        try stage.send("a")
        try stage.end(0, permanent)
        for _ in 0..<3 { try stage.send("a") }
        #expect(stage.machine.state.stop == .parked)
        #expect(stage.status(3) == .queued)
    }

    @Test func `a lane that is held takes up nothing until it is let go`() throws {
        var stage = try LaneStage()
        let lane = Lane(Place(0, 0), key: Array("a".utf8))
        try stage.operate(.lane(lane, isHeld: true, by: "eva", note: ""))
        try stage.send("a")
        try stage.send("b")
        #expect(stage.underWay == [1])
        try stage.restart()
        #expect(stage.underWay == [1])
        try stage.operate(.lane(lane, isHeld: false, by: "eva", note: ""))
        #expect(stage.underWay == [0, 1])
    }
}
