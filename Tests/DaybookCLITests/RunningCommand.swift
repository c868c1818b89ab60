// A `daybook` that goes on running while a test talks to it through pipes: live writers and followers.

import Foundation
import Testing

/// A process that is spoken to line by line.
final class RunningCommand {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let errors = Pipe()
    private var unread = Data()

    /// `program` is one of those that were built together with this test.
    init(_ arguments: [String], data: String, program: String = "daybook") throws {
        process.executableURL = Command.binary.deletingLastPathComponent().appending(path: program)
        process.arguments = arguments
        process.environment = Command.inherited.merging(["DAYBOOK_DATA": data]) { $1 }
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
    }

    func send(_ text: String) throws { try input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

    /// Waits for the next line of standard output; nil at its end, and after a minute without a byte: a command that hangs must
    /// fail its test, and not hold up all others, which share the threads that tests run on.
    func nextLine() throws -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unread[..<end], as: UTF8.self)
                unread = Data(unread[(end + 1)...])
                return line
            }
            var ready = pollfd(
                fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 60_000) > 0 else { return nil }
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            unread += more
        }
    }

    /// Nobody will read the output any more.
    func closeOutput() throws { try output.fileHandleForReading.close() }
    func closeInput() throws { try input.fileHandleForWriting.close() }
    var processIdentifier: Int32 { process.processIdentifier }
    func terminate() { process.terminate() }
    func interrupt() { process.interrupt() }
    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }

    /// Waits for the end.
    func wait() -> (status: Int32, wasKilled: Bool, errors: String) {
        process.waitUntilExit()
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        return (process.terminationStatus, process.terminationReason == .uncaughtSignal, text)
    }
}
