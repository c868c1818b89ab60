// `daybook backup` and `daybook restore`: beside a live writer, as tables and as JSON, and what they refuse.

import Foundation
import Testing

@Suite("daybook backup and restore")
struct BackupCommandTests {
    private func command() throws -> Command {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--partitions", "2", "--config", "segment.bytes=2048")
        let input = (0..<200).map { "value number \($0)\n" }.joined()
        try command.succeed("produce", "orders", "--partition", "0", "--batch-size", "512", input: input)
        try command.succeed("produce", "orders", "--partition", "1", input: "only\n")
        return command
    }

    @Test("a snapshot is made, read, verified and restored; the next one copies less")
    func roundTrip() throws {
        let command = try command()
        let (backups, new) = (command.path + "/backups", command.path + "/new")
        let first = try command.succeed("backup", backups)
        #expect(first.lines.first?.hasPrefix("topic") == true && first.lines.last?.hasPrefix("Snapshot ") == true)
        #expect(first.errors.isEmpty)
        let second = try command.succeed("backup", backups, "--json").object()
        let all = try #require(second["all"] as? [String: Int])
        #expect(all["kept"] == (all["segments"] ?? 0) - 2 && all["linked"] == 0 && all["copied"] == 2)
        #expect(second["whole"] as? Bool == true)
        let snapshot = try #require(second["snapshot"] as? String)
        #expect(try command.succeed("verify", snapshot).output.contains("Clean: 1 topic"))
        #expect(try command.succeed("consume", "orders", "--partition", "0", "--data", snapshot).lines.count == 200)
        #expect(try command.succeed("dump", snapshot + "/orders-1").output.contains("sealed") == false)
        let refused = try command.run(
            ["produce", "orders", "--data", snapshot], input: Data("x\n".utf8))
        #expect(refused.status == 1 && refused.errors.contains("daybook restore"))

        let restored = try command.succeed("restore", backups, new)
        #expect(restored.output.contains("Restored \(new) from \(snapshot)"))
        #expect(try command.succeed("verify", new).output.contains("Clean: 1 topic"))
        try command.succeed("produce", "orders", "--partition", "0", "--data", new, input: "more\n")
        #expect(try command.succeed("consume", "orders", "--partition", "0", "--data", new).lines.last == "more")
        #expect(try command.fail("restore", backups, new).contains("not empty"))
        let third = try command.succeed("backup", backups, "--keep", "1", "--copy", "--check", "all", "--rate", "1GiB")
        #expect(third.output.contains("removed: "))
        #expect(try FileManager.default.contentsOfDirectory(atPath: backups).count == 2)
        let named = try #require(third.output.firstMatch(of: /\/([0-9TZ]+\.3), in/)).1
        let json = try command.succeed("restore", backups, new + "2", "--at", String(named), "--json").object()
        #expect((json["leaderEpoch"] as? Int ?? 0) > 1000 && (json["losses"] as? [Any])?.isEmpty == true)
    }

    @Test("a backup beside a running writer takes what is durable, and disturbs nobody")
    func live() throws {
        let command = try command()
        let writer = try RunningCommand(
            ["produce", "orders", "--partition", "1", "--linger", "1ms"], data: command.data)
        try writer.send("two\n")
        let follower = try RunningCommand(
            ["consume", "orders", "--partition", "1", "--follow", "--max", "2"], data: command.data)
        #expect(try follower.nextLine() == "only")
        #expect(try follower.nextLine() == "two")
        #expect(follower.wait().status == 0)
        let snapshot = try #require(
            try command.succeed("backup", command.path + "/b", "--json").object()["snapshot"] as? String)
        try writer.send("three\n")
        try writer.closeInput()
        #expect(writer.wait().status == 0)
        #expect(
            try command.succeed("consume", "orders", "--partition", "1", "--data", snapshot).lines == ["only", "two"])
        #expect(try command.succeed("consume", "orders", "--partition", "1").lines == ["only", "two", "three"])
        try command.succeed("verify", snapshot)
    }

    @Test("damage ends with exit code 1, is told, and is restored only when that is wanted")
    func damage() throws {
        let command = try command()
        let path = "\(command.data)/orders-0/00000000000000000000.log"
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[100] ^= 1
        try bytes.write(to: URL(filePath: path))
        let (backups, new) = (command.path + "/backups", command.path + "/new")
        let outcome = try command.run("backup", backups)
        #expect(outcome.status == 1 && outcome.output.contains("lost: orders-0: gap 0..<"))
        #expect(try command.run("backup", backups, "--json").object()["whole"] as? Bool == false)
        #expect(try command.fail("restore", backups, new).contains("--allow-damage"))
        let restored = try command.run("restore", backups, new, "--allow-damage")
        #expect(restored.status == 1 && restored.output.contains("lost: orders-0"))
        #expect(try command.run("consume", "orders", "--data", new).lines.count > 100)
    }

    @Test("wrong arguments are told in a sentence")
    func arguments() throws {
        let command = try command()
        let backups = command.path + "/backups"
        try command.fail("backup", status: 64)
        #expect(try command.fail("backup", backups, "--keep", "0", status: 64).contains("1 upwards"))
        #expect(try command.fail("backup", backups, "--rate", "0", status: 64).contains("byte"))
        #expect(try command.fail("backup", backups, "--rate", "fast", status: 64).contains("amount of bytes"))
        #expect(try command.fail("backup", backups, "--check", "some", status: 64).contains("none, new or all"))
        try command.fail("restore", backups, status: 64)
        #expect(try command.fail("backup", backups, "--data", "/does/not/exist").contains("no data directory"))
        #expect(try command.fail("backup", command.data).contains("data directory"))
        #expect(try command.fail("restore", "/does/not/exist", backups).contains("no folder"))
        #expect(try command.fail("restore", command.data, backups).contains("no snapshot"))
        try command.succeed("backup", backups)
        #expect(try command.fail("restore", backups, command.path + "/n", "--at", "tuesday").contains("tuesday"))
    }
}
