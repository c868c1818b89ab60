// The same rows, questions and transactions on a real PostgreSQL server as in SQLite, and what happens when the server is gone.
// How one is started is in `PostgresServer`.

import Daybook
import DaybookModel
import DaybookProcessing
import DaybookScenario
import DaybookTesting
import Testing

@testable import DaybookTracking

@Suite("PostgreSQL", .enabled(if: PostgresServer.programs != nil, PostgresServer.absence))
struct PostgresTests {
    @Test func `the rows of a scenario are those that SQLite has, followed and built anew`() throws {
        let stage = try TrackingStage()
        let database = try PostgresServer.shared.get().database()
        try stage.loop.run {
            let daybook = try await stage.open()
            let scenario = try stage.scenario(1...120, outage: .seconds(1)..<Duration.seconds(20))
            let tracker = Tracker(daybook, database: database, interval: .seconds(3))
            async let end: Void = tracker.run()
            _ = try await scenario.run(daybook)
            tracker.stop()
            try await end
            #expect(tracker.problem == nil)
            let wanted = try await stage.built(daybook, "sqlite")
            #expect(wanted.count > 360)
            #expect(sorted(try stage.rows(database)) == sorted(wanted))
            try await tracker.rebuild()
            #expect(sorted(try stage.rows(database)) == sorted(wanted))
            try await daybook.close()
        }
    }

    /// By code points: the server's order of texts is its own.
    private func sorted(_ rows: [TrackedEvent]) -> [TrackedEvent] {
        rows.sorted { ($0.group, $0.place) < ($1.group, $1.place) }
    }

    @Test func `each filter finds exactly what it says`() async throws {
        try await TrackingQueryTests.check(try PostgresServer.shared.get().database())
    }

    @Test func `values come back as they went, and transactions are there as a whole or not at all`() throws {
        let session = try PostgresServer.shared.get().database().session(.readWrite)
        try session.execute(SQLStatement("CREATE TABLE t (a BIGINT, b TEXT, c BYTEA)"))
        let rows: [[SQLValue]] = [
            [.integer(.min), .text(""), .blob([])], [.integer(.max), .text("ü'\"\\$1"), .blob([0, 255, 39, 92])],
            [.null, .null, .null],
        ]
        for row in rows { try session.execute(SQLStatement("INSERT INTO t VALUES ($1, $2, $3)", row)) }
        #expect(try session.rows("SELECT a, b, c FROM t") == rows)
        #expect(throws: CancellationError.self) {
            try session.transaction {
                #expect(try session.execute(SQLStatement("DELETE FROM t")) == 3)
                throw CancellationError()
            }
        }
        let refused = #expect(throws: SQLError.self) {
            try session.transaction {
                try session.execute(SQLStatement("DELETE FROM t"))
                try session.execute(SQLStatement("INSERT INTO none VALUES (1)"))
            }
        }
        #expect(refused?.kind == .refused)
        #expect(refused?.description.contains("none") == true)
        #expect(try session.rows("SELECT count(*) FROM t") == [[.integer(3)]])
    }

    @Test func `a tracker whose connection is cut says so, connects again and goes on`() async throws {
        let stage = try TrackingStage()
        let database = try PostgresServer.shared.get().database()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await stage.publish(daybook, ["a", "b"])
            let processor = try Processor(
                daybook, ProcessorConfiguration(group: "g", topics: ["orders"]),
                routes: [Route("**", to: Downstream("t"), effect: .pure) { _, _ in .done() }])
            let tracker = Tracker(daybook, database: database)
            try await tracker.catchUp()
            try await stage.beside(processor) {
                try await stage.settled(processor) { $0.counts.succeeded == 2 }
                let cut =
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
                let ended = try database.session(.readWrite).rows(SQLStatement(cut))
                #expect(ended.count == 1)
                let error = await #expect(throws: SQLError.self) { try await tracker.catchUp() }
                #expect(error?.kind == .unavailable)
                try await tracker.catchUp()
            }
            try await tracker.catchUp()
            #expect(try stage.rows(database).map(\.status) == [.succeeded, .succeeded])
            try await daybook.close()
        }
    }

    @Test func `a server that is not there is unavailable`() {
        let error = #expect(throws: SQLError.self) {
            try SQLDatabase("postgres:///none?host=/nowhere&connect_timeout=2").session(.readOnly)
        }
        #expect(error?.kind == .unavailable)
    }
}
