// Questions to a tracking database: filters against a plain reading of all rows, pages, counts, and what is said where there is
// nothing.

import Daybook
import DaybookModel
import DaybookProcessing
import DaybookTesting
import Testing

@testable import DaybookTracking

@Suite("Questions to a tracking database")
struct TrackingQueryTests {
    /// A database with events of every status, drawn.
    private static func filled(_ database: SQLDatabase) throws -> [TrackedEvent] {
        var generator = SeededGenerator(seed: 5)
        let session = try database.session(.readWrite)
        try TrackingStore(session: session).prepare()
        let partitions = ["orders-0", "orders-1", "a.b-0"].compactMap { TopicPartition(folderName: $0) }
        var all: [TrackedEvent] = []
        for group in ["accounting", "logistics"] {
            let rows = WorkingRows(session, group: group, partitions, firstNew: [])
            for number in 0..<150 {
                let partition = Int.random(in: 0..<3, using: &generator)
                let place = EventPlace(partitions[partition], Offset(Int64(number)))
                var event = TrackedEvent(group: group, place: place)
                event.status = TrackedStatus.allCases.randomElement(using: &generator) ?? .queued
                event.type = ["order.created", "order.changed"].randomElement(using: &generator)
                event.key = ["k1", "k2", "k'3", nil].randomElement(using: &generator) ?? nil
                event.correlationID = ["c1", nil].randomElement(using: &generator) ?? nil
                event.eventID = "e\(number)"
                event.reason = ["permanent", "gap", nil].randomElement(using: &generator) ?? nil
                event.downstream = ["d1", "d2"].randomElement(using: &generator)
                event.firstSeen = Timestamp(milliseconds: Int64(number * 10))
                event.lastAttempt =
                    Bool.random(using: &generator) ? Timestamp(milliseconds: Int64(number * 20)) : nil
                rows.put(event, at: Place(Int32(partition), place.offset))
                all.append(event)
            }
            try rows.write()
        }
        return all.sorted { ($0.group, $0.place) < ($1.group, $1.place) }
    }

    private static let filters: [(String, @Sendable (inout TrackingFilter) -> Void, @Sendable (TrackedEvent) -> Bool)] =
        [
            ("nothing", { _ in }, { _ in true }),
            ("group", { $0.groups = ["logistics"] }, { $0.group == "logistics" }),
            ("status", { $0.statuses = [.dead] }, { $0.status == .dead }),
            (
                "statuses", { $0.statuses = [.dead, .succeeded, .queued] },
                { [.dead, .succeeded, .queued].contains($0.status) }
            ),
            ("type", { $0.types = ["order.created"] }, { $0.type == "order.created" }),
            ("keys", { $0.keys = ["k1", "k'3"] }, { ["k1", "k'3"].contains($0.key) }),
            ("correlation", { $0.correlationIDs = ["c1"] }, { $0.correlationID == "c1" }),
            ("event", { $0.eventIDs = ["e17"] }, { $0.eventID == "e17" }),
            ("reason", { $0.reasons = ["gap"] }, { $0.reason == "gap" }),
            ("downstream", { $0.downstreams = ["d2"] }, { $0.downstream == "d2" }),
            (
                "partition", { $0.topicPartition = TopicPartition(folderName: "orders-1") },
                { $0.place.topicPartition.description == "orders-1" }
            ),
            (
                "first seen", { $0.firstSeen = Timestamp(milliseconds: 200)..<Timestamp(milliseconds: 300) },
                { $0.firstSeen.map { (200..<300).contains($0.rawValue) } ?? false }
            ),
            (
                "last attempt and status",
                {
                    $0.lastAttempt = Timestamp(milliseconds: 1000)..<Timestamp(milliseconds: 9000)
                    $0.statuses = [.parked, .dead, .retrying]
                },
                {
                    $0.lastAttempt.map { (1000..<9000).contains($0.rawValue) } == true
                        && [.parked, .dead, .retrying].contains($0.status)
                }
            ),
        ]

    @Test func `each filter finds exactly what it says, in pages of any size, and counts it`() async throws {
        let folder = try TemporaryDirectory()
        try await Self.check(.sqlite("\(folder.path)/t.sqlite"))
    }

    /// Fills the database and asks it everything.
    static func check(_ database: SQLDatabase) async throws {
        let all = try filled(database)
        let tracking = Tracking(database)
        for (name, change, isWanted) in filters {
            var filter = TrackingFilter()
            change(&filter)
            let wanted = all.filter(isWanted)
            #expect(!wanted.isEmpty, "\(name)")
            for limit in [7, wanted.count, 1000] {
                var found: [TrackedEvent] = []
                var cursor: Tracking.Cursor?
                repeat {
                    let page = try await tracking.events(filter, behind: cursor, limit: limit)
                    #expect(page.events.count <= limit)
                    found += page.events
                    cursor = page.next
                } while cursor != nil
                #expect(found == wanted, "\(name), pages of \(limit)")
            }
            let counts = try await tracking.counts(filter)
            #expect(counts.reduce(0) { $0 + $1.count } == wanted.count, "\(name)")
            for count in counts {
                let same = wanted.filter {
                    $0.group == count.group && $0.status == count.status && $0.reason == count.reason
                }
                #expect(same.count == count.count, "\(name)")
            }
        }
        let place = try #require(all.first).place
        #expect(try await tracking.events(at: place) == all.filter { $0.place == place })
    }

    @Test func `a database that is not there or holds nothing of ours says so`() async throws {
        let folder = try TemporaryDirectory()
        let missing = Tracking(.sqlite("\(folder.path)/none.sqlite"))
        let error = await #expect(throws: SQLError.self) { try await missing.counts() }
        #expect(error?.kind == .unavailable)
        let path = "\(folder.path)/other.sqlite"
        _ = try SQLiteSession(path: path, .readWrite).execute("CREATE TABLE t (a INTEGER)")
        let other = await #expect(throws: SQLError.self) { try await Tracking(.sqlite(path)).groups() }
        #expect(other?.kind == .refused)
        #expect(other?.description.contains("daybook_tracking_groups") == true)
    }

    @Test func `the index of what has not succeeded serves whoever asks for that`() throws {
        let session = try SQLiteSession(path: ":memory:", .readWrite)
        try TrackingStore(session: session).prepare()
        func plan(_ change: (inout TrackingFilter) -> Void) throws -> String {
            var filter = TrackingFilter()
            change(&filter)
            let conditions = filter.conditions
            let rows = try session.rows(
                SQLStatement("EXPLAIN QUERY PLAN SELECT * FROM daybook_tracking\(conditions.clause)", conditions.values)
            )
            return rows.compactMap { $0.last?.text }.joined()
        }
        #expect(try plan { ($0.groups, $0.statuses) = (["g"], [.dead, .parked]) }.contains("daybook_tracking_status"))
        #expect(try plan { $0.keys = ["k"] }.contains("daybook_tracking_key"))
        #expect(try plan { $0.correlationIDs = ["k"] }.contains("daybook_tracking_correlation"))
        #expect(try plan { $0.eventIDs = ["k"] }.contains("daybook_tracking_event"))
    }

    @Test func `a password in a URL is not repeated`() {
        #expect(
            SQLDatabase("postgres://eva:secret@db.local:5433/erp?password=x").description
                == "postgres://eva@db.local:5433/erp")
        #expect(SQLDatabase("postgresql:///erp").description == "postgresql:///erp")
        #expect(SQLDatabase("/var/t.sqlite").path == "/var/t.sqlite")
    }
}
