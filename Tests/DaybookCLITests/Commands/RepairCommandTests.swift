// `daybook repair` in a process of its own: it says what it would do, does it when told to, and leaves nothing to find.

import Foundation
import Testing

@Suite("daybook repair")
struct RepairCommandTests {
    private func command() throws -> Command {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--config", "segment.bytes=2048")
        let input = (0..<900).map { "value number \($0)\n" }.joined()
        try command.succeed("produce", "orders", "--batch-size", "512", input: input)
        return command
    }

    private func damage(_ command: Command) throws {
        let folder = URL(filePath: "\(command.data)/orders-0")
        let logs = try FileManager.default.contentsOfDirectory(atPath: folder.path()).filter { $0.hasSuffix(".log") }
            .sorted()
        try #require(logs.count >= 4)
        var bytes = try Data(contentsOf: folder.appending(path: logs[0]))
        bytes[100] ^= 1
        try bytes.write(to: folder.appending(path: logs[0]))
        try FileManager.default.removeItem(at: folder.appending(path: logs[2]))
        for name in ["topics", "topics.copy"] {
            try Data("nonsense".utf8).write(to: URL(filePath: command.data + "/" + name))
        }
    }

    private func picture(_ command: Command) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: command.data).sorted().map { name in
            let attributes = try FileManager.default.attributesOfItem(atPath: command.data + "/" + name)
            return "\(name) \(attributes[.size] ?? "") \(attributes[.modificationDate] ?? "")"
        }
    }

    @Test func `A directory that is whole needs no repair`() throws {
        let command = try command()
        #expect(try command.succeed("repair").output == "Nothing to repair.\n")
        #expect(try command.succeed("repair", "--apply").output == "Nothing to repair.\n")
        #expect(try command.succeed("repair", command.data, "--json").object()["applied"] as? Bool == false)
        #expect(try command.fail("repair", "/does/not/exist").contains("no data directory"))
    }

    @Test func `Without --apply it changes nothing, with it the directory is whole again`() throws {
        let command = try command()
        try damage(command)
        let before = try picture(command)
        let dry = try command.run("repair")
        #expect(dry.status == 1 && dry.output.contains("rewriteSegment: orders-0/00000000000000000000.log"))
        #expect(dry.output.contains("fillGap: ") && dry.output.contains("settings") && dry.output.contains("--apply"))
        #expect(try command.run("repair", "--json").status == 1)
        #expect(try picture(command) == before)
        let done = try command.succeed("repair", "--apply")
        #expect(done.output.contains("Done in"))
        // The plan that was shown is the one that was carried out.
        #expect(done.lines.dropLast(2) == dry.lines.dropLast(1))
        let verified = try command.succeed("verify")
        #expect(verified.output.contains("lost, bytes in quarantine/orders-0-"))
        #expect(verified.output.contains("lost, bytes in no file"))
        #expect(try command.succeed("repair").output == "Nothing to repair.\n")
        #expect(try command.succeed("dump", command.data, "--records").output.contains("records lost, bytes in"))
        let lines = try command.succeed("consume", "orders").lines
        #expect(lines.count < 900 && lines.contains("value number 899"))
        try command.succeed("produce", "orders", input: "one more\n")
        #expect(try command.succeed("verify").status == 0)
    }

    @Test func `Beside a writer it refuses`() throws {
        let command = try command()
        let writer = try RunningCommand(["produce", "orders"], data: command.data)
        try writer.send("one\n")
        let follower = try RunningCommand(["consume", "orders", "--follow", "--max", "901"], data: command.data)
        #expect(follower.wait().status == 0)
        for arguments in [["repair"], ["repair", "--apply"]] {
            let outcome = try command.run(arguments)
            #expect(outcome.status == 1 && outcome.errors.contains("Another process writes"))
        }
        writer.kill()
        #expect(writer.wait().wasKilled)
        try command.succeed("repair")
    }
}
