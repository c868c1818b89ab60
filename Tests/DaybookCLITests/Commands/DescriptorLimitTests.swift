// The command in a process that may open few files, as a shell's `ulimit -n` has it.

import Foundation
import Testing

@Suite struct DescriptorLimitTests {
    /// Runs a command line under `ulimit -n`; returns how it ended and what it said.
    private func run(_ limit: Int, _ command: Command, _ arguments: [String], input: String = "") throws -> Outcome {
        let source = try command.file("input", input)
        let (output, errors) = (try command.file("output", ""), try command.file("errors", ""))
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "ulimit -n \(limit) && exec \"$@\"", "sh", Command.binary.path()] + arguments
        process.environment = ["DAYBOOK_DATA": command.data]
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: source))
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: output))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: errors))
        try process.run()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, bytes: try Data(contentsOf: URL(filePath: output)),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }

    @Test func `C31 two hundred partitions are written and read by a process that may open few files`() throws {
        let command = try Command()
        try command.succeed("topic", "create", "orders", "--partitions", "200")
        let lines = (0..<1000).map { "key-\($0)\tvalue \($0)\n" }
        for part in 0..<2 {
            let produced = try run(
                64, command, ["produce", "orders", "--key-separator", "\t"],
                input: lines[part * 500..<(part + 1) * 500].joined())
            #expect(produced.status == 0, "\(produced.errors)")
        }
        let consumed = try run(64, command, ["consume", "orders"])
        #expect(consumed.status == 0, "\(consumed.errors)")
        #expect(consumed.lines.sorted() == (0..<1000).map { "value \($0)" }.sorted())
        try command.succeed("verify")
    }
}
