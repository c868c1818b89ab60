// The rows of a group against what its processor says, followed live, cut off anywhere and built again: always the same. What
// single entries do to rows is in `RowFoldTests`.

import Daybook
import DaybookModel
import DaybookProcessing
import DaybookScenario
import DaybookTesting
import Synchronization
import Testing

@testable import DaybookTracking

@Suite("Trackers")
struct TrackerTests {
    @Test func `rows that followed a thousand orders live say what the processors say, and are the same built anew`()
        throws
    {
        let stage = try TrackingStage()
        let scenario = try stage.scenario(1...1000)
        let live = stage.file("live")
        let outcome = try stage.loop.run {
            let daybook = try await stage.open()
            let tracker = Tracker(daybook, database: live, interval: .seconds(3))
            async let end: Void = tracker.run()
            let outcome = try await scenario.run(daybook)
            tracker.stop()
            try await end
            #expect(tracker.problem == nil)
            let followed = try stage.rows(live)
            #expect(followed.count == 3 * 1205)
            #expect(try await stage.built(daybook, "anew") == followed)
            try await Tracker(daybook, database: live).rebuild()
            #expect(try stage.rows(live) == followed)
            try await daybook.close()
            return outcome
        }
        for group in ErpScenario.groups {
            expectSame(try stage.statuses(live, group), try #require(outcome.after[group]).counts, group)
        }
        let rows = try stage.rows(live)
        #expect(rows.filter { $0.reason == "adopted" && $0.group == "accounting" }.count == 25)
        #expect(rows.filter { $0.reason == "duplicate" }.count == 3 * 65)
        let redriven = rows.filter { $0.group == "accounting" && $0.errorType == "EffectFailure" }
        #expect(redriven.allSatisfy { $0.status == .succeeded })
        #expect(Set(rows.compactMap(\.downstream)).count == 3)
        #expect(rows.allSatisfy { $0.eventID != nil && $0.key != nil && $0.payloadDigest?.utf8.count == 16 })
        #expect(rows.filter { $0.status == .succeeded }.allSatisfy { $0.attempts >= 1 && $0.lastAttempt != nil })
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `whenever one looks, what has been followed is what would be built anew`(seed: UInt64) throws {
        let stage = try TrackingStage(seed: seed)
        let scenario = try stage.scenario([7, 11, 30, 33, 50, 60, 75, 120], outage: .seconds(1)..<Duration.seconds(20))
        let followed = stage.file("followed")
        try stage.loop.run {
            let daybook = try await stage.open()
            async let outcome = scenario.run(daybook)
            let tracker = Tracker(daybook, database: followed)
            let isOver = Mutex(false)
            async let looking: Int = {
                var looks = 0
                var generator = SeededGenerator(seed: seed)
                while !isOver.withLock({ $0 }) {
                    await stage.loop.pass(.milliseconds(Int.random(in: 1...3_000, using: &generator)))
                    try await tracker.catchUp()
                    let rows = try stage.rows(followed)
                    #expect(try await stage.built(daybook, "look-\(looks)") == rows)
                    looks += 1
                }
                return looks
            }()
            _ = try await outcome
            isOver.withLock { $0 = true }
            #expect(try await looking > 5)
            try await daybook.close()
        }
    }

    @Test func `a transaction that fails leaves neither rows nor position, and the next one takes up everything`()
        throws
    {
        let stage = try TrackingStage()
        let database = stage.file("a")
        try stage.loop.run {
            let daybook = try await stage.open()
            let scenario = try stage.scenario(1...30, outage: .seconds(1)..<Duration.seconds(2))
            _ = try await scenario.run(daybook)
            let whole = try await stage.built(daybook, "whole")
            let tracker = Tracker(daybook, database: database, groups: ["accounting", "logistics"])
            try await tracker.catchUp()
            let other = try database.session(.readWrite)
            try await tracker.rebuild()
            // The last statement of each transaction is refused.
            _ = try other.execute(
                """
                CREATE TRIGGER refuse BEFORE INSERT ON daybook_tracking_partitions
                BEGIN SELECT RAISE(ABORT, 'the disk is full'); END
                """)
            let error = await #expect(throws: SQLError.self) { try await tracker.rebuild() }
            #expect(error?.kind == .refused)
            // Forgetting was a transaction of its own; nothing of the folding is there.
            #expect(try stage.rows(database).allSatisfy { $0.group == "logistics" })
            _ = try other.execute("DROP TRIGGER refuse")
            try await tracker.catchUp()
            #expect(try stage.rows(database) == whole.filter { $0.group != "erp-inventory" })
            try await daybook.close()
        }
    }

    @Test func `two trackers of one database overtake each other and count nothing twice`() throws {
        let stage = try TrackingStage()
        let database = stage.file("both")
        try stage.loop.run {
            let daybook = try await stage.open()
            let trackers = [Tracker(daybook, database: database), Tracker(daybook, database: database)]
            let route = Route("**", to: Downstream("t"), effect: .pure) { _, _ in .done() }
            let processor = try Processor(
                daybook, ProcessorConfiguration(group: "g", topics: ["orders"]), routes: [route])
            try await stage.publish(daybook, ["a"])
            try await stage.beside(processor) {
                for round in 1...20 {
                    try await stage.publish(daybook, (0..<round).map { "k\($0)" })
                    try await stage.settled(processor) { $0.counts.succeeded > round * (round + 1) / 2 }
                    try await trackers[round % 2].catchUp()
                    if round == 7 { try await trackers[0].rebuild() }
                }
            }
            try await trackers[1].catchUp()
            let rows = try stage.rows(database)
            #expect(rows.count == 211)
            #expect(rows == (try await stage.built(daybook, "anew")))
            try await daybook.close()
        }
    }

    @Test func `what a journal has let go of is known as done, and what is open is known as it stands`() throws {
        let stage = try TrackingStage()
        let (early, late) = (stage.file("early"), stage.file("late"))
        try stage.loop.run {
            let daybook = try await stage.open()
            try await stage.publish(daybook, ["bad", "bad"] + (0..<40).map { "k\($0 % 10)" })
            var configuration = ProcessorConfiguration(group: "g", topics: ["orders"])
            configuration.snapshotInterval = 5
            configuration.rememberedEffects = 6
            let route = Route("**", to: Downstream("t", concurrency: 2), effect: .pure) { event, _ in
                await stage.loop.pass(.milliseconds(30))
                if event.partitionKey == "bad" { throw EffectFailure.permanent("no tax id") }
                return .done()
            }
            let processor = try Processor(daybook, configuration, routes: [route])
            let tracker = Tracker(daybook, database: early)
            try await stage.beside(processor) {
                try await stage.settled(processor) { $0.counts.succeeded >= 3 }
                try await tracker.catchUp()
                let status = try await stage.settled(processor) { $0.openCount == 0 && $0.counts.succeeded == 40 }
                #expect(status.counts.parked == 1)
                try await tracker.catchUp()
                try await Tracker(daybook, database: late).catchUp()
            }
            let history = try #require(GroupHistory(of: "g", in: daybook))
            #expect(try await history.offsets().lowerBound > 0)
            for database in [early, late] {
                let rows = try stage.rows(database)
                #expect(rows.count == 42)
                #expect(rows[0].status == .dead)
                #expect(rows[0].reason == "permanent")
                #expect(rows[0].message == "no tax id")
                #expect(rows[0].holdsKey)
                #expect(rows[1].status == .parked)
                #expect(rows[1].behind == 0)
                #expect(rows.dropFirst(2).allSatisfy { [.succeeded, .done].contains($0.status) })
                #expect(rows.contains { $0.status == .done })
                #expect(rows.filter { $0.status == .succeeded }.count >= 6)
            }
            configuration.snapshotInterval = 1_000
            // From there on both hear everything again: the parked one goes on with its dead one.
            let second = try Processor(
                daybook, configuration,
                routes: [
                    Route("**", to: Downstream("u"), effect: .pure) {
                        _, _ in .done(reference: "R-1")
                    }
                ])
            try await stage.beside(second) {
                try await stage.settled(second) { $0.counts.dead == 1 }
                try await second.redrive(id: "r", by: "eva", note: "corrected")
                try await stage.settled(second) { $0.counts.succeeded == 42 }
            }
            for database in [early, late] {
                try await Tracker(daybook, database: database).catchUp()
                let rows = try stage.rows(database).prefix(2)
                #expect(rows.allSatisfy { $0.status == .succeeded && $0.downstream == "u" && $0.reference == "R-1" })
                #expect(rows.allSatisfy { !$0.holdsKey && $0.behind == nil && $0.reason == nil })
            }
            try await daybook.close()
        }
    }
}
