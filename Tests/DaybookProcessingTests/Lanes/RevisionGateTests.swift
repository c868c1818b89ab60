// The revision gate where it meets other things: events that nobody handles, and what people decide about events that had waited.
// How it works by itself is tested in `GroupMachineTests`.

import DaybookModel
import Testing

@testable import DaybookProcessing

@Suite("Revision gate")
struct RevisionGateTests {
    private static let gate = RevisionGate(patience: .seconds(60))

    @Test func `a revision without a handler is done with in its turn, and keeps nobody waiting`() throws {
        var stage = try LaneStage(gate: Self.gate)
        try stage.send("a", revision: 1)
        try stage.end(0)
        try stage.send("a", revision: 2, route: GroupMachine.filtered)
        try stage.send("a", revision: 3)
        #expect(stage.underWay == [2])
        try stage.end(2)
        #expect(stage.machine.state.counts.otherwiseSkipped == 1)
        #expect(stage.machine.state.counts.waited == 0)
    }

    @Test func `a revision without a handler that came too early makes none before it stale`() throws {
        var stage = try LaneStage(gate: Self.gate)
        try stage.send("a", revision: 2, route: GroupMachine.filtered)
        try stage.send("a", revision: 1)
        #expect(stage.underWay == [1])
        try stage.end(1)
        #expect(stage.machine.state.counts.succeeded == 1)
        #expect(stage.machine.state.counts.otherwiseSkipped == 1)
        try stage.send("a", revision: 4, route: GroupMachine.filtered)
        try stage.pass(.seconds(60))
        #expect(stage.machine.state.counts.dead == 0, "nobody would handle it anyway")
        #expect(stage.machine.openCount == 0)
    }

    @Test func `a dead letter for a gap has its turn behind the revision that came late`() throws {
        var stage = try LaneStage(gate: Self.gate)
        try stage.send("a", revision: 1)
        try stage.end(0)
        try stage.send("a", revision: 3)
        try stage.pass(.seconds(60))
        #expect(stage.status(1) == .dead(.gap))
        try stage.send("a", revision: 2)
        #expect(stage.status(2) == .parked(behind: 1))
        try stage.operate(try stage.machine.redrive(id: "r", [Place(0, 1)], by: "eva", note: "it has come"))
        #expect(stage.underWay == [2])
        try stage.end(2)
        #expect(stage.underWay == [1])
        try stage.end(1)
        #expect(stage.machine.state.counts.succeeded == 3)
        try stage.restart()
    }

    @Test func `skipping a dead letter for a gap loses none before it that has come late`() throws {
        var stage = try LaneStage(gate: Self.gate)
        try stage.send("a", revision: 2)
        try stage.pass(.seconds(60))
        try stage.send("a", revision: 1)
        try stage.operate(try stage.machine.skip(Place(0, 0), by: "eva", note: "not wanted"))
        #expect(stage.underWay == [1])
    }

    @Test func `skipping an event that waits makes those before it not stale`() throws {
        var stage = try LaneStage(gate: Self.gate)
        try stage.send("a", revision: 3)
        try stage.operate(try stage.machine.skip(Place(0, 0), by: "eva", note: "not wanted"))
        try stage.send("a", revision: 1)
        #expect(stage.underWay == [1])
    }

    @Test func `many that wait have one moment for all of them`() throws {
        var stage = try LaneStage(gate: Self.gate)
        for revision in 2...200 { try stage.send("a", revision: Int64(revision)) }
        var moments = 0
        while stage.machine.timers.popDue(at: Timestamp(milliseconds: .max)) != nil { moments += 1 }
        #expect(moments == 1)
    }
}
