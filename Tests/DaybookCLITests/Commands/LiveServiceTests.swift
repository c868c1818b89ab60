// Commands beside a live service, which is a `daybook produce` that waits for input: the same command lines and the same output
// as without it; who may ask; and what is said when the service is killed in the middle.

import DaybookTesting
import Foundation
import Testing

@Suite("Operating a live service")
struct LiveServiceTests {
    /// Forty keys, five versions of each, in small segments.
    private func stage() throws -> Command {
        let command = try Command()
        try command.succeed(
            "topic", "create", "orders", "--partitions", "2", "--config", "segment.bytes=1024", "--config",
            "cleanup.policy=compact")
        let lines = (0..<200).map { "{\"id\": \"k\($0 % 40)\", \"version\": \($0 / 40)}\n" }
        try command.succeed(
            ["produce", "orders", "--format", "jsonl", "--key-field", "id", "--batch-size", "300"],
            input: Data(lines.joined().utf8))
        return command
    }

    /// A service that has the directory open until its input ends.
    private func startService(_ command: Command) throws -> RunningCommand {
        let service = try RunningCommand(["produce", "orders", "--key-separator", "="], data: command.data)
        try waitUntil { try command.run(["status", "--json"]).object()["holder"] is [String: Any] }
        return service
    }

    private func waitUntil(_ condition: () throws -> Bool) throws {
        let start = ContinuousClock.now
        while start.duration(to: .now) < .seconds(60) { if try condition() { return } }
        Issue.record("it did not happen within a minute")
    }

    private func control(_ command: Command) -> String { command.data + "/control" }

    /// Command lines that change a directory, in an order in which they make sense.
    private static let lines: [[String]] = [
        ["topic", "create", "invoices", "--partitions", "3", "--config", "compression.type=zstd"],
        ["topic", "create", "invoices"],
        ["topic", "alter", "invoices", "--config", "retention.ms=60000", "--config", "flush.ms=20"],
        ["topic", "alter", "nothing", "--config", "flush.ms=20"],
        ["compact", "orders", "--memory", "4KiB", "--json"], ["compact", "orders"], ["compact", "invoices"],
        ["scrub", "orders"], ["scrub", "--rate", "1GiB"], ["scrub", "nothing"],
        ["delete-records", "orders", "--partition", "0", "--before", "20"],
        ["delete-records", "orders", "--partition", "0", "--before", "20", "--apply"],
        ["delete-records", "orders", "--partition", "0", "--before", "5000", "--apply"],
        ["groups", "list"], ["groups", "reset", "warehouse", "--topic", "orders", "--to", "beginning"],
        ["groups", "reset", "warehouse", "--topic", "orders", "--to", "beginning", "--apply"],
        ["groups", "reset", "warehouse", "--shift-by", "-5000", "--apply", "--json"],
        ["groups", "reset", "nobody", "--to", "end", "--apply"], ["groups", "list"], ["groups", "list", "--json"],
        ["groups", "delete", "warehouse", "--partition", "orders-1", "--apply"], ["groups", "delete", "warehouse"],
        ["groups", "delete", "warehouse", "--apply"], ["groups", "delete", "warehouse", "--apply"],
        ["delete-records", "orders", "--before-time", "2999-01-01", "--apply"], ["topic", "delete", "invoices"],
        ["topic", "delete", "invoices"], ["topic", "describe", "orders"],
    ]

    @Test func `Every command prints the same beside a live service and without one`() throws {
        func outputs(_ command: Command) throws -> [String] {
            try Self.lines.map { line in
                let outcome = try command.run(line)
                let text = "\(line): \(outcome.status)\n\(outcome.output)\(outcome.errors)"
                // When a topic was created and scrubbed is not the same twice.
                return text.replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/, with: "TIME")
            }
        }
        let direct = try outputs(try stage())
        let command = try stage()
        let service = try startService(command)
        let live = try outputs(command)
        for (live, direct) in zip(live, direct) { #expect(live == direct) }
        // It has been there all the time, and goes on.
        try service.send("k1=still here\n")
        try service.closeInput()
        let end = service.wait()
        #expect(end.status == 0, "\(end.errors)")
        #expect(!FileManager.default.fileExists(atPath: control(command)))
        let records = try command.succeed("consume", "orders", "--format", "json").objects()
        #expect(records.map { $0["value"] as? String } == ["still here"])
        #expect(try command.run(["verify"]).status == 0)
    }

    @Test func `Status tells of a live service, of one that was killed, and of nobody`() throws {
        let command = try stage()
        let service = try startService(command)
        let live = try command.succeed("status")
        #expect(
            live.output.contains("process \(service.processIdentifier) (daybook)") && live.output.contains("answers"))
        let object = try command.succeed("status", "--json").object()
        let holder = try #require(object["holder"] as? [String: Any])
        #expect(holder["process"] as? Int == Int(service.processIdentifier) && holder["reachable"] as? Bool == true)
        #expect((object["topics"] as? [[String: Any]])?.first?["records"] as? Int == 200)
        service.kill()
        #expect(service.wait().wasKilled)
        // The name is still there, and leads nowhere.
        #expect((try? FileManager.default.attributesOfItem(atPath: control(command))) != nil)
        let killed = try command.succeed("status")
        #expect(killed.output.contains("no process") && killed.output.contains("did not close it properly"))
        try command.succeed("topic", "create", "another")
        #expect((try? FileManager.default.attributesOfItem(atPath: control(command))) == nil)
        #expect(try command.succeed("status").output.contains("closed it properly"))
        #expect(try command.fail("status", "--data", command.path + "/nowhere").contains("no data directory"))
    }

    @Test func `A service that is killed in the middle of a command leaves open what it has done`() throws {
        let command = try stage()
        let service = try startService(command)
        let compact = try RunningCommand(["compact", "orders", "--rate", "1"], data: command.data)
        try waitUntil { try command.succeed("status").output.contains("compact-topic") }
        service.kill()
        let end = compact.wait()
        #expect(end.status == 1)
        #expect(end.errors.hasPrefix("Error: Process \(service.processIdentifier)"))
        #expect(end.errors.contains("not known") && end.errors.split(separator: "\n").count == 1)
        _ = service.wait()
        try command.succeed("compact", "orders")
        #expect(try command.run(["verify"]).status == 0)
    }

    @Test func `A command that is killed ends what it has asked for, and the service goes on`() throws {
        let command = try stage()
        let service = try startService(command)
        let scrub = try RunningCommand(["scrub", "--rate", "1"], data: command.data)
        try waitUntil { try command.succeed("status").output.contains("scrub-topics") }
        scrub.kill()
        #expect(scrub.wait().wasKilled)
        // One thread does it all: this waits for the other one to end, which would take hours.
        try command.succeed("scrub")
        try service.closeInput()
        #expect(service.wait().status == 0)
    }

    @Test func `A backup beside a live service holds what that has appended so far`() throws {
        let command = try stage()
        try command.succeed("topic", "alter", "orders", "--config", "flush.ms=3600000")
        let service = try RunningCommand(
            ["produce", "orders", "--key-separator", "=", "--durability", "osCache", "--linger", "1ms"],
            data: command.data)
        try service.send("k1=new\n")
        try waitUntil { try command.run(["status", "--json"]).object()["holder"] is [String: Any] }
        try waitUntil { try command.succeed("status", "--json").output.contains("\"records\":201") }
        try command.succeed("backup", command.path + "/backups")
        let restored = command.path + "/restored"
        try command.succeed("restore", command.path + "/backups", restored)
        #expect(try command.succeed("consume", "orders", "--format", "json", "--data", restored).output.contains("new"))
        try service.closeInput()
        #expect(service.wait().status == 0)
    }

    // MARK: who may ask

    /// Whether this test can be somebody else, who can run the command.
    private static let canBeNobody: Bool = {
        guard getuid() == 0, let outcome = try? asNobody(["--version"], data: "/") else { return false }
        return outcome.status == 0
    }()

    private static func asNobody(_ arguments: [String], data: String) throws -> (status: Int32, errors: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/setpriv")
        process.arguments =
            ["--reuid=65534", "--regid=65534", "--clear-groups", Command.binary.path()] + arguments + ["--data", data]
        process.environment = Command.inherited
        let errors = Pipe()
        (process.standardOutput, process.standardError) = (Pipe(), errors)
        try process.run()
        let text = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test(.enabled(if: canBeNobody, "needs the superuser, setpriv, and a place that others can read"))
    func `Another user is refused, by the socket's permissions and by the service itself`() throws {
        let command = try stage()
        let service = try startService(command)
        // A lock file that anybody may open is how the two can meet at all.
        for path in [command.data + "/LOCK", command.data] {
            try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
        }
        var refused = try Self.asNobody(["topic", "create", "theirs"], data: command.data)
        #expect(refused.status == 1 && refused.errors.contains("another user"), "\(refused.errors)")
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: control(command))
        refused = try Self.asNobody(["topic", "create", "theirs"], data: command.data)
        #expect(refused.status == 1 && refused.errors.contains("its own user (0)"), "\(refused.errors)")
        try command.succeed("topic", "create", "ours")
        let topics = try command.succeed("topic", "list").output
        #expect(topics.contains("ours") && !topics.contains("theirs"))
        try service.closeInput()
        #expect(service.wait().status == 0)
    }
}
