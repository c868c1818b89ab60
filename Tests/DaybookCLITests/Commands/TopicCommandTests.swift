// `daybook topic` and what all commands share: where the data is, wrong arguments, help.

import Foundation
import Testing

@Suite("daybook topic")
struct TopicCommandTests {
    @Test("create, list, describe, alter, delete")
    func lifecycle() throws {
        let command = try Command()
        let created = try command.succeed(
            "topic", "create", "orders", "--partitions", "3", "--config", "compression.type=zstd", "--config",
            "segment.bytes=1MiB")
        #expect(created.output == "Created topic orders with 3 partitions.\n")

        let topics = try JSONSerialization.jsonObject(with: command.succeed("topic", "list", "--json").bytes)
        let list = try #require(topics as? [[String: Any]])
        #expect(list.map { $0["name"] as? String } == ["orders"])
        #expect(list.first?["partitions"] as? Int == 3)
        #expect(try command.succeed("topic", "list").lines.count == 2)

        let described = try command.succeed("topic", "describe", "orders", "--json").object()
        let settings = try #require(described["settings"] as? [String: [String: Any]])
        #expect(settings["compression.type"]?["value"] as? String == "zstd")
        #expect(settings["compression.type"]?["changed"] as? Bool == true)
        #expect(settings["flush.ms"]?["changed"] as? Bool == false)
        #expect((described["partitions"] as? [[String: Any]])?.count == 3)

        try command.succeed("topic", "alter", "orders", "--config", "flush.ms=50")
        let text = try command.succeed("topic", "describe", "orders").output
        #expect(text.contains("flush.ms") && text.contains("changed (default 100)"))

        try command.succeed("topic", "delete", "orders")
        #expect(try command.succeed("topic", "list", "--json").output == "[]\n")
        #expect(try command.fail("topic", "describe", "orders").contains("There is no topic \"orders\""))
    }

    @Test("wrong arguments each get one sentence")
    func refuses() throws {
        let command = try Command()
        try command.succeed("topic", "create", "orders")
        #expect(try command.fail("topic", "create", "orders").contains("exists already"))
        #expect(try command.fail("topic", "create", "a b").contains("is not allowed"))
        #expect(try command.fail("topic", "create", "__consumer_offsets").contains("kept for the records of Daybook"))
        #expect(try command.fail("topic", "create", "x", "--partitions", "0").contains("from 1 to"))
        #expect(try command.fail("topic", "create", "x", "--config", "colour=red").contains("segment.bytes"))
        #expect(try command.fail("topic", "create", "x", "--config", "segment.bytes=red").contains("64MiB"))
        #expect(try command.fail("topic", "create", "x", "--config", "red", status: 64).contains("name=value"))
        #expect(try command.fail("topic", "create", status: 64).contains("name"))
        #expect(try command.fail("topic", "create", "x", "--partitions", "many", status: 64).contains("many"))
        #expect(try command.fail("topic", "alter", "orders", status: 64).contains("--config"))
        #expect(try command.fail("topic", "alter", "nothing", "--config", "flush.ms=5").contains("no topic"))
        #expect(try command.fail("topic", "delete", "nothing").contains("no topic"))
        #expect(try command.fail("topic", "explode", status: 64).contains("explode"))
        #expect(try command.fail("explode", status: 64).contains("explode"))
    }

    @Test("the data directory is told by --data or DAYBOOK_DATA, and only create makes one")
    func directory() throws {
        let command = try Command()
        #expect(try command.fail("topic", "list").contains("There is no data directory"))
        #expect(try command.fail("topic", "delete", "x").contains("There is no data directory"))
        #expect(!FileManager.default.fileExists(atPath: command.data))
        let nowhere = try command.run(["topic", "list"], environment: [:])
        #expect(nowhere.status == 64 && nowhere.errors.contains("--data DIR"))
        let other = command.path + "/deep/other"
        try command.succeed("topic", "create", "x", "--data", other)
        #expect(
            try command.run(["topic", "list", "--data", other, "--json"], environment: [:]).output.contains("\"x\""))
    }

    @Test("help lists the settings of a topic with their defaults")
    func help() throws {
        let command = try Command()
        let text = try command.succeed("topic", "create", "--help").output
        #expect(text.contains("segment.bytes=134217728") && text.contains("compression.type=producer"))
        #expect(try command.succeed("--help").output.contains("consume"))
    }
}
