// The process that ingests and is killed: this program once more.
// A process of its own, because a log that is killed with its judge proves nothing.

import Daybook
import Foundation

/// Starts the ingesting process, listens to what has been acknowledged to it, and kills it half-way.
struct DemoVictim {
    let directory: String
    let records: Int
    let partitions: Int

    /// Returns how many events the process had been told are durable.
    func runAndKill() throws -> Int {
        let process = Process()
        guard let program = Bundle.main.executablePath else { throw DemoFailure("The program cannot find itself.") }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "demo", "crash", "--is-victim", "--data", directory, "--records", "\(records)", "--partitions",
            "\(partitions)",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        var acknowledged = 0
        var text = ""
        while acknowledged < records / 2 {
            let bytes = pipe.fileHandleForReading.availableData
            if bytes.isEmpty { break }
            text += String(decoding: bytes, as: UTF8.self)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            acknowledged = lines.dropLast().last.flatMap { Int($0) } ?? acknowledged
            text = lines.last.map(String.init) ?? ""
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        guard acknowledged >= records / 2 else {
            throw DemoFailure("The ingesting process ended early, with \(acknowledged) events acknowledged.")
        }
        return acknowledged
    }
}

/// The demo found that something is not as promised.
struct DemoFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
