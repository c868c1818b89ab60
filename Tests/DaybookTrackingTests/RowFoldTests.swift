// What people and records do to rows, one thing at a time: skips, records that are no events, keys that are no text, records that
// are gone. Whole groups are in `TrackerTests`.

import Daybook
import DaybookModel
import DaybookProcessing
import DaybookRecords
import DaybookTesting
import Testing

@testable import DaybookTracking

@Suite("Rows of events")
struct RowFoldTests {
    private static func processor(
        _ daybook: Daybook, _ handler: @escaping Route.Handler
    ) throws -> Processor {
        try Processor(
            daybook, ProcessorConfiguration(group: "g", topics: ["orders"]),
            routes: [
                Route("order.lost", to: Downstream("none"), effect: .pure) { _, _ in .done() },
                Route("order.*", to: Downstream("erp"), effect: .pure, handler),
            ])
    }

    @Test func `a dead event that is skipped says by whom, and what was parked behind it goes on`() throws {
        let stage = try TrackingStage()
        let database = stage.file("a")
        try stage.loop.run {
            let daybook = try await stage.open()
            try await stage.publish(daybook, ["a", "b", "a", "a"])
            try await stage.publish(daybook, ["b"], type: "invoice.changed")
            let processor = try Self.processor(daybook) { event, _ in
                if event.id == "e0" { throw EffectFailure.permanent("no\0thing") }
                return .done(reference: "R-\(event.id)")
            }
            let tracker = Tracker(daybook, database: database)
            try await stage.beside(processor) {
                try await stage.settled(processor) { $0.counts.parked == 2 && $0.counts.otherwiseSkipped == 1 }
                try await tracker.catchUp()
                let rows = try stage.rows(database)
                #expect(rows.map(\.status) == [.dead, .succeeded, .parked, .parked, .skipped])
                #expect(rows.map(\.reason) == ["permanent", nil, nil, nil, "filtered"])
                #expect(rows[0].message == "no\u{FFFD}thing")
                #expect(rows[0].errorType == "EffectFailure")
                #expect(rows.map(\.behind) == [nil, nil, 0, 0, nil])
                #expect(rows.map(\.downstream) == ["erp", "erp", "erp", "erp", nil])
                #expect(rows.map(\.reference) == [nil, "R-e1", nil, nil, nil])
                let place = EventPlace(rows[0].place.topicPartition, 0)
                try await processor.skip(place, by: "eva", note: "cancelled by phone")
                try await stage.settled(processor) { $0.counts.succeeded == 3 }
            }
            try await tracker.catchUp()
            let rows = try stage.rows(database)
            #expect(rows.map(\.status) == [.skipped, .succeeded, .succeeded, .succeeded, .skipped])
            #expect(rows[0].reason == "operator")
            #expect(rows[0].message == "eva: cancelled by phone")
            #expect(rows[2].correlationID == "c-a")
            #expect(rows == (try await stage.built(daybook, "anew")))
            try await daybook.close()
        }
    }

    @Test func `records that are no events and keys that are no text have rows, and no two keys have the same text`()
        throws
    {
        let stage = try TrackingStage()
        let database = stage.file("a")
        try stage.loop.run {
            let daybook = try await stage.open()
            try await daybook.createTopic("orders")
            let partition = try #require(TopicPartition(folderName: "orders-0"))
            let keys: [[UInt8]?] = [nil, [], [0xff, 0], Array("\\xff00".utf8), [0], Array("ü".utf8)]
            _ = try await daybook.append(keys.map { Record(key: $0, value: $0) }, to: partition)
            let processor = try Self.processor(daybook) { _, _ in .done() }
            _ = try await stage.beside(processor) {
                try await stage.settled(processor) { $0.counts.dead == keys.count }
            }
            try await Tracker(daybook, database: database).catchUp()
            let rows = try stage.rows(database)
            #expect(rows.map(\.key) == [nil, "", "\\xff00", "\\x5c7866663030", "\\x00", "ü"])
            #expect(rows.allSatisfy { $0.status == .dead && $0.reason == "unreadable" && $0.eventID == nil })
            // A record without a key holds up nobody.
            #expect(rows.map(\.holdsKey) == [false, true, true, true, true, true])
            try await daybook.close()
        }
    }

    @Test func `what a journal says of records that are gone is told without their attributes`() throws {
        let stage = try TrackingStage()
        let (early, late) = (stage.file("early"), stage.file("late"))
        try stage.loop.run {
            let daybook = try await stage.open()
            try await stage.publish(daybook, ["a", "b", "c"])
            let processor = try Self.processor(daybook) { _, _ in .done() }
            _ = try await stage.beside(processor) { try await stage.settled(processor) { $0.counts.succeeded == 3 } }
            try await Tracker(daybook, database: early).catchUp()
            let partition = try #require(TopicPartition(folderName: "orders-0"))
            try await daybook.deleteRecords(partition, before: 3)
            try await Tracker(daybook, database: early).catchUp()
            try await Tracker(daybook, database: late).catchUp()
            #expect(try stage.rows(early).map(\.eventID) == ["e0", "e1", "e2"])
            let rows = try stage.rows(late)
            #expect(rows.map(\.status) == [.succeeded, .succeeded, .succeeded])
            #expect(rows.allSatisfy { $0.eventID == nil && $0.key == nil && $0.firstSeen == nil })
            try await daybook.close()
        }
    }

    @Test func `a journal of every kind of change and row gives back what was put in`() throws {
        let partition = try #require(TopicPartition(folderName: "orders-7"))
        var event = TrackedEvent(group: "g", place: EventPlace(partition, 9))
        let time = Timestamp(milliseconds: -5)
        for change: EventChange in [
            .waiting(deadline: time), .attempting, .doubted(FailureNote(type: "Crash", text: "t")),
            .retrying(attempts: 2, due: time, spent: 9, note: nil),
            .unknown(attempts: 3, due: time, spent: 9, note: FailureNote(type: "T", text: "x'; DROP TABLE y; --")),
            .succeeded(attempts: 4, reference: "ü\"", isAdopted: true), .skipped(.stale),
            .skipped(.duplicate(of: 3, partition: 0)), .dead(.gap, attempts: 5, note: nil, holdsKey: true),
            .parked(behind: 4),
        ] {
            event.set(change, at: time)
            #expect(try TrackedEvent(event.values) == event)
            let session = try SQLiteSession(path: ":memory:", .readWrite)
            try TrackingStore(session: session).prepare()
            let rows = WorkingRows(session, group: "g", [partition], firstNew: [100])
            rows.put(event, at: Place(0, 9))
            try rows.write()
            #expect(try rows.row(Place(0, 9)) == event)
        }
    }
}
