// `daybook track`: rows for people and for programs, beside a live process and without one, and what is said where there is
// nothing or something else.

import Daybook
import DaybookProcessing
import DaybookTracking
import Foundation
import Testing

@Suite("daybook track")
struct TrackCommandTests {
    /// Publishes events with these keys and has a group handle them; those with the key `bad` are dead then. `body` runs while
    /// the processor is still at work.
    private static func handle(
        _ command: Command, _ keys: [String], _ body: () async throws -> Void = {}
    ) async throws {
        let daybook = try await Daybook.open(command.data)
        if (try? daybook.topic("orders")) == nil { try await daybook.createTopic("orders") }
        let partition = try #require(TopicPartition(folderName: "orders-0"))
        let start = try await daybook.offsets(partition).highWatermark.rawValue
        let records = try keys.enumerated().map { number, key in
            try Event(
                id: "e\(start + Int64(number))", source: "/s", type: "order.changed", partitionKey: key,
                correlationID: "c-\(key)", body: [1]
            ).record()
        }
        _ = try await daybook.append(records, to: partition)
        let (signal, handled) = AsyncStream<Void>.makeStream()
        let route = Route("order.*", to: Downstream("erp"), effect: .pure) { event, _ in
            handled.yield()
            if event.partitionKey == "bad" { throw EffectFailure.permanent("the tax id\nis wrong") }
            return .done(reference: "INV-\(event.id)")
        }
        let processor = try Processor(
            daybook, ProcessorConfiguration(group: "accounting", topics: ["orders"]), routes: [route])
        async let end: Void = processor.run()
        var iterator = signal.makeAsyncIterator()
        for _ in keys { await iterator.next() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        processor.stop()
        try await end
        try await daybook.close()
        try result.get()
    }

    @Test func `events are listed, counted and narrowed down, for people and for programs`() async throws {
        let command = try Command()
        try await Self.handle(command, ["a", "bad", "b"])
        let list = try command.succeed("track")
        #expect(list.lines.count == 4)
        #expect(list.lines[0].hasPrefix("group       event       status"))
        #expect(list.lines[2].contains("orders-0:1  dead"))
        #expect(list.lines[2].hasSuffix("permanent · the tax id\\nis wrong"))
        #expect(list.errors.hasPrefix("accounting: journal up to entry "))
        #expect(list.errors.hasSuffix(", nothing behind\n"))

        let counts = try command.succeed("track", "counts")
        #expect(
            counts.lines.map { $0.split(separator: " ").joined(separator: " ") } == [
                "group status reason events", "accounting dead permanent 1", "accounting succeeded 2",
            ])
        let object = try command.succeed("track", "counts", "--json", "--status", "dead").object()
        let rows = try #require(object["counts"] as? [[String: Any]])
        #expect(rows.count == 1 && rows[0]["count"] as? Int == 1 && rows[0]["reason"] as? String == "permanent")

        let found = try command.succeed("track", "list", "--json", "--correlation", "c-b", "--status", "succeeded")
            .object()
        let events = try #require(found["events"] as? [[String: Any]])
        #expect(events.count == 1)
        #expect(events[0]["eventId"] as? String == "e2" && events[0]["reference"] as? String == "INV-e2")
        #expect(events[0]["downstream"] as? String == "erp" && events[0]["attempts"] as? Int == 1)
        #expect(found["hasMore"] as? Bool == false)
        #expect(try command.succeed("track", "--json", "--limit", "2").object()["hasMore"] as? Bool == true)
        #expect(
            try command.succeed("track", "--since", "2020-01-01", "--until", "2021-01-01").errors
                .hasPrefix("There are no such events.\n"))
        #expect(try command.fail("track", "--status", "lost", status: 64).contains("use one of queued"))
        #expect(
            try command.fail("track", "--since", "2021-01-01", "--until", "2020-01-01", status: 64).contains("after"))
    }

    @Test func `beside a live process rows are brought up to date, or read as they are with what is behind`()
        async throws
    {
        let command = try Command()
        try await Self.handle(command, ["a"]) {
            let list = try command.succeed("track")
            #expect(list.lines.count == 2)
        }
        let journal = try #require(try command.succeed("track", "--json").object()["groups"] as? [[String: Any]])
        let before = try #require(journal.first?["journalPosition"] as? Int)
        try await Self.handle(command, ["b", "c"]) {
            let stale = try command.succeed("track", "--as-is", "--json").object()
            #expect((stale["events"] as? [Any])?.count == 1)
            let group = try #require((stale["groups"] as? [[String: Any]])?.first)
            #expect(group["journalPosition"] as? Int == before)
            #expect((group["entriesBehind"] as? Int ?? 0) > 0)
            let list = try command.succeed("track")
            #expect(list.lines.count == 4)
        }
    }

    @Test func `a rebuild makes the same rows, in any file, which needs no directory afterwards`() async throws {
        let command = try Command()
        #expect(try command.fail("track").contains("There is no"))
        try await Self.handle(command, ["a", "bad", "b"])
        let rows = try command.succeed("track", "--json").output
        let rebuilt = try command.succeed("track", "rebuild")
        #expect(rebuilt.output.hasPrefix("accounting: 3 events, journal up to entry "))
        #expect(try command.succeed("track", "--json").output == rows)
        let other = command.path + "/other.sqlite"
        try command.succeed("track", "rebuild", "--database", other)
        let asked = try command.run(["track", "--json", "--database", other], environment: [:])
        #expect(asked.status == 0)
        let (ours, theirs) = (
            try JSONSerialization.jsonObject(with: Data(rows.utf8)) as? [String: Any], try asked.object()
        )
        #expect(ours?["events"] as? NSArray == theirs["events"] as? NSArray)
        let wrong = try command.file("wrong.sqlite", "this is no database, but a text of some length")
        #expect(try command.fail("track", "--database", wrong).contains("not a database"))
        #expect(try command.fail("track", "--database", command.path + "/none/t.sqlite").contains("cannot be opened"))
    }
}
