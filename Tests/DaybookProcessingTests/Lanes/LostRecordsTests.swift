// What a journal tells of events whose records the log has lost since: it counts, and keeps no group from opening. And texts of
// failures that are longer than a journal keeps.

import DaybookModel
import Testing

@testable import DaybookProcessing

@Suite("Lost records")
struct LostRecordsTests {
    private func state() throws -> GroupState {
        var state = GroupState(effectsCapacity: 10)
        let entries: [JournalEntry] = [.opened, .partition(number: 0, LaneStage.partition, from: .zero)]
        _ = try state.apply(JournalPage(epoch: 1, time: Timestamp(milliseconds: 1), entries: entries))
        // Retention has taken all of it before anybody read it again.
        state.receiveNothing(0, before: 10)
        return state
    }

    private func page(_ entries: [JournalEntry]) -> JournalPage {
        JournalPage(epoch: 1, time: Timestamp(milliseconds: 2), entries: entries)
    }

    @Test func `ends of events whose records are gone count, and nothing else comes of them`() throws {
        var state = try state()
        let again = EventChange.succeeded(attempts: 2, reference: "INV-1", isAdopted: true)
        let filtered = EventChange.skipped(.filtered)
        _ = try state.apply(
            page([
                .succeeded(partition: 0, 0..<5), .changed(Place(0, 5), again), .changed(Place(0, 6), filtered),
            ]))
        #expect(state.counts.succeeded == 6)
        #expect(state.counts.adopted == 1)
        #expect(state.counts.otherwiseSkipped == 1)
        #expect(state.events.isEmpty && state.lanes.isEmpty)
        #expect(state.partitions[0].committed == 10)
    }

    @Test func `an event that was not done has its turn, and is seen to be lost then`() throws {
        var state = try state()
        let due = Timestamp(milliseconds: 5)
        _ = try state.apply(
            page([.changed(Place(0, 3), .retrying(attempts: 1, due: due, spent: 0, note: nil))]))
        var machine = GroupMachine(state, GroupRules(routes: [], downstreams: []))
        #expect(machine.openCount == 1)
        #expect(machine.decide(at: due) == [.load(Place(0, 3))])
        let entries = machine.lost(Place(0, 3), FailureNote(type: "Retention", text: "gone"))
        try machine.apply(page(entries))
        #expect(machine.state.events[Place(0, 3)]?.status == .dead(.lost))
    }

    @Test func `what the log has never had is no event that is lost`() throws {
        var state = try state()
        #expect(throws: FoldError.unknownEvent(Place(0, 12))) {
            _ = try state.apply(page([.succeeded(partition: 0, 12..<13)]))
        }
    }

    @Test(arguments: ["🇩🇪", "ü", "e\u{301}\u{302}\u{303}\u{304}", "a"])
    func `a text of any characters is cut to what a journal keeps`(character: String) {
        let long = String(repeating: character, count: 2000)
        let note = FailureNote(type: long, text: long)
        #expect(note.text.utf8.count <= 1024 && note.text.utf8.count > 1020)
        #expect(long.unicodeScalars.starts(with: note.text.unicodeScalars))
        #expect(note.type == note.text)
    }

    @Test func `a delay without an end is a long one`() throws {
        var stage = try LaneStage(
            downstream: Downstream("t", retries: RetryPolicy(maximumElapsed: .seconds(Int64.max))))
        try stage.send("a")
        try stage.end(0, .failed(.throttled(after: .seconds(Int64.max)), FailureNote(type: "Busy", text: "503")))
        try stage.pass(.seconds(1))
        try stage.restart()
        #expect(stage.underWay == [])
    }
}
