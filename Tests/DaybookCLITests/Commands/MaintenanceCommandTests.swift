// `daybook scrub`, `compact` and `delete-records`: what they print, what they refuse, and what is there afterwards.

import Foundation
import Testing

@Suite("daybook scrub, compact, delete-records")
struct MaintenanceCommandTests {
    /// A topic of many small segments: five versions of each of forty keys.
    private func stage(_ settings: [String] = []) throws -> Command {
        let command = try Command()
        try command.succeed(
            ["topic", "create", "orders", "--config", "segment.bytes=1024"] + settings.flatMap { ["--config", $0] })
        for version in 0..<5 {
            let lines = (0..<40).map { "{\"id\": \"k\($0)\", \"version\": \(version)}\n" }
            try command.succeed(
                ["produce", "orders", "--format", "jsonl", "--key-field", "id", "--batch-size", "300"],
                input: Data(lines.joined().utf8))
        }
        return command
    }

    @Test func `compact leaves the newest record of each key and says what it did`() throws {
        let command = try stage(["cleanup.policy=compact"])
        let output = try command.succeed("compact", "orders").lines
        #expect(output[0].split(separator: " ").first == "partition")
        #expect(output[1].hasPrefix("orders-0"))
        let records = try command.succeed("consume", "orders", "--format", "json").objects()
        #expect(records.count < 80)
        let newest = Dictionary(records.map { ($0["key"] as? String, $0["value"] as? String) }) { $1 }
        #expect(newest.count == 40)
        #expect(newest.values.allSatisfy { $0?.contains("\"version\": 4") == true })
        #expect(try command.run(["compact", "orders"]).errors.contains("Nothing to compact"))
        #expect(try command.run(["verify"]).status == 0)
        let described = try command.succeed("topic", "describe", "orders").output
        #expect(described.contains("compacted to"))
        let object = try command.succeed("topic", "describe", "orders", "--json").object()
        let maintenance = try #require((object["maintenance"] as? [[String: Any]])?.first)
        #expect((maintenance["compactedTo"] as? Int ?? 0) > 100)
    }

    @Test func `compact in a hundred bytes of memory gives the same result, in more rounds`() throws {
        let command = try stage(["cleanup.policy=compact", "compression.type=zstd"])
        let status = try command.succeed("compact", "orders", "--memory", "100", "--json").object()
        let partition = try #require(status["orders-0"] as? [String: Any])
        #expect((partition["rounds"] as? Int ?? 0) > 3)
        #expect(try command.succeed("consume", "orders", "--format", "json").objects().count < 80)
    }

    @Test func `scrub finds a flipped bit, ends with 1, and topic describe shows it`() throws {
        let command = try stage()
        let sound = try command.succeed("scrub").lines
        #expect(sound.count == 2 && sound[1].split(separator: " ").last == "0")
        let path = URL(filePath: command.data + "/orders-0/00000000000000000000.log")
        var bytes = try Data(contentsOf: path)
        bytes[100] ^= 1
        try bytes.write(to: path)
        let outcome = try command.run(["scrub", "orders", "--rate", "10MiB"])
        #expect(outcome.status == 1 && outcome.errors.contains("1 segment damaged"))
        let object = try command.succeed("topic", "describe", "orders", "--json").object()
        let maintenance = try #require(
            (object["maintenance"] as? [[String: Any]])?.first?["lastScrub"] as? [String: Any])
        #expect(maintenance["damagedSegments"] as? Int == 1)
        #expect(try command.succeed("topic", "describe", "orders").output.contains("last scrub"))
    }

    @Test func `delete-records shows first and deletes when told to`() throws {
        let command = try stage()
        let wish = ["delete-records", "orders", "--partition", "0", "--before", "77"]
        let plan = try command.run(wish)
        #expect(plan.status == 0 && plan.errors.contains("--apply"))
        #expect(try command.succeed("consume", "orders", "--format", "json").objects().count == 200)
        #expect(try command.succeed(wish + ["--apply"]).lines[1].split(separator: " ").last == "77")
        #expect(try command.succeed("consume", "orders", "--format", "json").objects().count == 123)
        #expect(try command.run(["verify"]).status == 0)
        let all = try command.succeed(["delete-records", "orders", "--before-time", "2999-01-01", "--apply"])
        #expect(all.lines[1].split(separator: " ").last == "123")
        #expect(try command.succeed("consume", "orders", "--format", "json").objects().isEmpty)
        #expect(try command.run(["verify"]).status == 0)
    }

    @Test(arguments: [
        ["compact", "orders"], ["compact", "nothing"], ["delete-records", "orders"],
        ["delete-records", "orders", "--before", "5"],
        ["delete-records", "orders", "--partition", "0", "--before", "5", "--before-time", "2020-01-01"],
        ["delete-records", "orders", "--partition", "7", "--before", "5"],
        ["delete-records", "orders", "--partition", "0", "--before", "900", "--apply"],
        ["delete-records", "orders", "--partition", "0", "--before", "-1"], ["scrub", "--rate", "0"],
        ["scrub", "nothing"], ["compact", "orders", "--memory", "0"], ["bench", "maintenance", "--rounds", "0"],
    ])
    func `What makes no sense is refused in a sentence`(arguments: [String]) throws {
        let command = try stage()
        let outcome = try command.run(arguments)
        #expect(outcome.status != 0 && outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("Error: ") && outcome.errors.count > 25)
    }

    @Test func `The benchmark of maintenance runs and prints what it measured`() throws {
        let command = try Command()
        let result = try command.succeed(
            "bench", "maintenance", "--rounds", "1", "--appends", "20", "--maintained", "1MiB", "--json"
        ).object()
        let latency = try #require(result["latency"] as? [String: Any])
        #expect(latency.keys.sorted() == ["max", "p50", "p90", "p99", "p99.9"])
        #expect((result["maintainedBytes"] as? Int ?? 0) > 500_000)
    }
}
