// `daybook doctor` as a user runs it: exit codes, JSON, lines that fit, beside a live writer, and with limits of the shell.
// What is judged how is tested in the engine; disks and machines differ, so nothing is said here of their figures.

import Foundation
import Testing

@testable import DaybookCLI

@Suite("daybook doctor")
struct DoctorCommandTests {
    private func command() throws -> Command {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--partitions", "2")
        try command.succeed("produce", "orders", input: "one\ntwo\n")
        return command
    }

    private func findings(_ outcome: Outcome) throws -> [String: String] {
        let list = try #require(try outcome.object()["findings"] as? [[String: Any]])
        return Dictionary(
            list.map { ($0["check"] as? String ?? "", $0["severity"] as? String ?? "") },
            uniquingKeysWith: { first, _ in first })
    }

    @Test("the exit code is that of the worst finding, and nothing is left behind")
    func exitCodes() throws {
        let command = try command()
        let before = try FileManager.default.subpathsOfDirectory(atPath: command.data).sorted()
        let outcome = try command.run("doctor", "--json")
        let codes: [String: Int32] = ["good": 0, "note": 0, "warning": 1, "error": 2]
        #expect(codes[try outcome.object()["severity"] as? String ?? ""] == outcome.status)
        #expect(try findings(outcome).count == 13 && findings(outcome)["lock"] == "good")
        #expect(try FileManager.default.subpathsOfDirectory(atPath: command.data).sorted() == before)

        let dry = try command.run("doctor", "--no-write", "--json", command.data)
        #expect(try dry.object()["flushLatency"] is NSNull && findings(dry)["flush latency"] == nil)

        try FileManager.default.removeItem(atPath: command.data + "/LOCK")
        let unlocked = try command.run("doctor", "--no-write", "--json")
        let lock = try findings(unlocked)["lock"]
        #expect(unlocked.status == 1 && lock == "warning")
        try FileManager.default.createDirectory(atPath: command.data + "/LOCK", withIntermediateDirectories: false)
        #expect(try command.run("doctor", "--no-write").status == 2)

        #expect(try command.fail("doctor", "/does/not/exist", status: 2).contains("no data directory"))
        #expect(try command.fail("doctor", command.path, status: 2).contains("is no data directory"))
    }

    @Test("beside a live writer, which is named and goes on")
    func liveWriter() throws {
        let command = try command()
        let writer = try RunningCommand(["produce", "orders", "--linger", "1ms"], data: command.data)
        try writer.send("three\n")
        let follower = try RunningCommand(["consume", "orders", "--follow", "--max", "3"], data: command.data)
        for _ in 0..<3 { _ = try follower.nextLine() }
        #expect(follower.wait().status == 0)
        let outcome = try command.run("doctor", "--json")
        #expect(try outcome.object()["liveWriter"] as? Bool == true && findings(outcome)["state"] == "good")
        let words = try command.run("doctor").output.split(whereSeparator: \.isWhitespace)
        #expect(words.joined(separator: " ").contains("beside a live writer"))
        try writer.send("four\n")
        try writer.closeInput()
        #expect(writer.wait().status == 0)
        #expect(try command.succeed("consume", "orders").lines.count == 4)
        #expect(try command.run("verify").status == 0)
    }

    @Test("limits of the shell are told of, and not broken")
    func limits() throws {
        let command = try command()
        func run(_ limit: String) throws -> Outcome {
            let shell = Process()
            shell.executableURL = URL(filePath: "/bin/sh")
            let (out, path) = (command.path + "/out", Command.binary.path())
            shell.arguments = [
                "-c", "ulimit \(limit); exec '\(path)' doctor --json --data '\(command.data)' > '\(out)'",
            ]
            try shell.run()
            shell.waitUntilExit()
            #expect(shell.terminationReason == .exit)
            return Outcome(status: shell.terminationStatus, bytes: try Data(contentsOf: URL(filePath: out)), errors: "")
        }
        let files = try run("-n 64")
        let openFiles = try findings(files)["open files"]
        #expect(files.status >= 1 && openFiles == "warning")
        // In blocks of 512 bytes in some shells, of 1024 in others.
        let size = try run("-f 100")
        let fileSize = try findings(size)["file size"]
        #expect(size.status >= 1 && fileSize == "warning")
        let latency = try #require(try size.object()["flushLatency"] as? [String: Any])
        #expect([12, 25].contains(latency["count"] as? Int))
        #expect(!FileManager.default.fileExists(atPath: command.data + "/doctor.tmp"))
    }

    @Test("lines are broken at blanks and fit the terminal", arguments: [40, 80, 120])
    func wrapping(columns: Int) {
        let text = (1...60).map { String(repeating: "w", count: $0 % 11 + 1) }.joined(separator: " ")
        let wrapped = DoctorText.wrapped(text, columns: columns, first: "WARNING  ", indent: 9)
        let lines = wrapped.split(separator: "\n").map(String.init)
        #expect(lines.allSatisfy { $0.count <= columns } && lines.dropFirst().allSatisfy { $0.hasPrefix("         w") })
        #expect(wrapped.split(whereSeparator: \.isWhitespace).joined(separator: " ") == "WARNING " + text)
        // A word that is too long stands alone and is not broken: it may be a path.
        let path = "/" + String(repeating: "p", count: 200)
        #expect(
            DoctorText.wrapped("at \(path) now", columns: columns, first: "", indent: 2) == "at\n  \(path)\n  now\n")
    }
}
