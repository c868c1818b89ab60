// `daybook consume` and `daybook offsets`: places, filters, formats, live writers, followers, readers that go away.

import Foundation
import Testing

@Suite("daybook consume")
struct ConsumeCommandTests {
    private func command(records: Int, partitions: Int = 1) throws -> Command {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--partitions", "\(partitions)")
        let input = (0..<records).map { "k\($0 % 3)=v\($0)\n" }.joined()
        try command.succeed("produce", "orders", "--key-separator", "=", "--batch-size", "256", input: input)
        return command
    }

    @Test("from and until by offset, at most so many")
    func offsets() throws {
        let command = try command(records: 100)
        #expect(try command.succeed("consume", "orders", "--from", "97").lines == ["v97", "v98", "v99"])
        #expect(try command.succeed("consume", "orders", "--from", "3", "--until", "5").lines == ["v3", "v4"])
        #expect(try command.succeed("consume", "orders", "--max", "2").lines == ["v0", "v1"])
        #expect(try command.succeed("consume", "orders", "--max", "0").lines.isEmpty)
        #expect(try command.succeed("consume", "orders", "--from", "end").lines.isEmpty)
        #expect(try command.succeed("consume", "orders", "--from", "100").lines.isEmpty)
        #expect(try command.succeed("consume", "orders", "--until", "end").lines.count == 100)
        #expect(try command.succeed("consume", "orders", "--from", "98", "--until", "500").lines.count == 2)
        #expect(try command.fail("consume", "orders", "--from", "101").contains("ends at 100"))
    }

    @Test("from and until by time divide the log without loss or doubling")
    func times() throws {
        let command = try command(records: 50)
        let records = try command.succeed("consume", "orders", "--format", "json").objects()
        let middle = try #require(records[25]["timestamp"] as? String)
        let before = try command.succeed("consume", "orders", "--until", middle).lines
        let after = try command.succeed("consume", "orders", "--from", middle).lines
        #expect(before + after == (0..<50).map { "v\($0)" })
        #expect(try command.succeed("consume", "orders", "--from", "2200-01-01").lines.isEmpty)
        #expect(
            try command.succeed("consume", "orders", "--from", "2000-01-01", "--until", "2200-01-01").lines.count == 50)
    }

    @Test("one key's records, in order, wherever they are")
    func keys() throws {
        let command = try command(records: 30, partitions: 4)
        try command.succeed("produce", "orders", "--key-separator", "=", "--partition", "0", input: "k1=elsewhere\n")
        let values = try command.succeed("consume", "orders", "--key", "k1").lines
        #expect(Set(values) == Set(stride(from: 1, to: 30, by: 3).map { "v\($0)" } + ["elsewhere"]))
        #expect(try command.succeed("consume", "orders", "--key", "absent").lines.isEmpty)
        let all = try (0..<4).flatMap { try command.succeed("consume", "orders", "--partition", "\($0)").lines }
        #expect(try command.succeed("consume", "orders").lines == all)
    }

    @Test("JSON has all there is to a record")
    func json() throws {
        let command = try Command()
        try command.succeed("topic", "create", "orders")
        try command.run(
            ["produce", "orders", "--key-separator", "=", "--header", "h=ü"], input: Data([0xFF]) + Data("=a\"b\n".utf8)
        )
        let record = try #require(try command.succeed("consume", "orders", "--format", "json").objects().first)
        #expect(record["topic"] as? String == "orders" && record["partition"] as? Int == 0)
        #expect(record["offset"] as? Int == 0 && record["value"] as? String == "a\"b")
        #expect((record["key"] as? [String: String]) == ["base64": "/w=="])
        #expect(record["headers"] as? [[String: String]] == [["name": "h", "value": "ü"]])
        for name in ["timestamp", "appendTime"] {
            let text = try #require(record[name] as? String)
            #expect(text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(text)")
        }
        try command.succeed("produce", "orders", input: "no key\n")
        let last = try #require(try command.succeed("consume", "orders", "--format", "json").objects().last)
        #expect(last["key"] is NSNull)
    }

    @Test("a table has a line for each record")
    func table() throws {
        let command = try command(records: 3)
        let lines = try command.succeed("consume", "orders", "--format", "table").lines
        #expect(lines.count == 4 && lines[0].contains("offset") && lines[3].hasSuffix("v2"))
    }

    @Test("wrong arguments each get one sentence")
    func refuses() throws {
        let command = try command(records: 1)
        #expect(try command.fail("consume", "nothing").contains("There is no topic"))
        #expect(try command.fail("consume", "orders", "--partition", "1").contains("partitions 0 to 0"))
        #expect(try command.fail("consume", "orders", "--from", "soon", status: 64).contains("ISO 8601"))
        #expect(try command.fail("consume", "orders", "--until", "beginning", status: 64).contains("ISO 8601"))
        #expect(try command.fail("consume", "orders", "--format", "xml", status: 64).contains("xml"))
        #expect(try command.fail("consume", "orders", "--isolation", "none", status: 64).contains("pagecache"))
        #expect(try command.fail("consume", "orders", "--max", "-1", status: 64).contains("max"))
        #expect(try command.fail("consume", "orders", "--follow", "--until", "end", status: 64).contains("--follow"))
        #expect(try command.fail("offsets", "nothing").contains("There is no topic"))
        #expect(try command.fail("offsets", "orders", "--time", "soon", status: 64).contains("ISO 8601"))
    }

    @Test("offsets of a topic, and of a moment")
    func offsetsCommand() throws {
        let command = try command(records: 10, partitions: 2)
        let first = try #require(
            try command.succeed("consume", "orders", "--format", "json").objects().first?["timestamp"] as? String)
        let rows = try #require(
            try command.succeed("offsets", "orders", "--json", "--time", first).object()["partitions"]
                as? [[String: Any]])
        #expect(rows.count == 2)
        #expect(rows.compactMap { $0["records"] as? Int }.reduce(0, +) == 10)
        #expect(rows.allSatisfy { $0["highWatermark"] as? Int == $0["logEndOffset"] as? Int })
        #expect(rows.contains { $0["offsetAtTime"] as? Int == 0 })
        let table = try command.succeed("offsets", "orders").lines
        #expect(table.count == 4 && table[0].contains("high watermark") && table[3].contains("all"))
    }

    @Test("a follower beside a live writer sees what it appends and ends with Control-C")
    func follow() throws {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--partitions", "2")
        let writer = try RunningCommand(["produce", "orders", "--linger", "1ms"], data: command.data)
        let follower = try RunningCommand(["consume", "orders", "--follow"], data: command.data)
        for word in ["one", "two", "three"] {
            try writer.send(word + "\n")
            #expect(try follower.nextLine() == word)
        }
        // The writer has the directory: others may look, and ask it to change something, but nobody else may write.
        #expect(try command.fail("produce", "orders").contains("Another process writes"))
        try command.succeed("topic", "create", "x")
        #expect(try command.succeed("consume", "orders").lines.sorted() == ["one", "three", "two"])
        #expect(try command.succeed("verify").output.contains("beside a live writer"))
        follower.interrupt()
        let end = follower.wait()
        #expect(end.status == 0 && !end.wasKilled && end.errors.isEmpty, "\(end)")
        try writer.closeInput()
        #expect(writer.wait().status == 0)
    }

    @Test("what is written and not yet durable is shown on request, and told of")
    func isolation() throws {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--config", "flush.ms=3600000")
        let writer = try RunningCommand(
            ["produce", "orders", "--linger", "1ms", "--durability", "osCache"], data: command.data)
        let follower = try RunningCommand(
            ["consume", "orders", "--follow", "--isolation", "pagecache", "--max", "2"], data: command.data)
        try writer.send("one\ntwo\n")
        #expect(try follower.nextLine() == "one")
        #expect(try follower.nextLine() == "two")
        #expect(follower.wait().status == 0)
        let durable = try command.succeed("consume", "orders")
        #expect(durable.lines.isEmpty && durable.errors.contains("2 more records"))
        #expect(try command.succeed("consume", "orders", "--isolation", "pagecache").lines == ["one", "two"])
        writer.kill()
        #expect(writer.wait().wasKilled)
        // After the kill they are still there: the page cache outlives a process.
        #expect(try command.succeed("consume", "orders", "--isolation", "pagecache").lines == ["one", "two"])
        try command.succeed("produce", "orders", input: "three\n")
        #expect(try command.succeed("consume", "orders").lines == ["one", "two", "three"])
    }

    @Test("a reader that goes away ends the command without a word")
    func head() throws {
        let command = try command(records: 5000)
        let consumer = try RunningCommand(["consume", "orders", "--follow"], data: command.data)
        #expect(try consumer.nextLine() == "v0")
        try consumer.closeOutput()
        // More than a pipe holds, so that the consumer must notice.
        let input = String(repeating: String(repeating: "x", count: 100) + "\n", count: 5000)
        try command.succeed("produce", "orders", input: input)
        let end = consumer.wait()
        #expect(end.status == 0 && !end.wasKilled && end.errors.isEmpty, "\(end)")
    }
}
