// `daybook bench open`: how long it takes until a directory is ready for appends, after a clean close or after a crash.
// The directory is the caller's: kill its writer before, to measure a recovery.

import ArgumentParser
import Daybook

/// Opens a directory as its writer, says how long that took and what recovery did, and closes it.
struct OpenBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open", abstract: "Open a directory for writing and say how long that took.")

    @OptionGroup var data: DataOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let directory = try data.directory()
        let start = ContinuousClock.now
        let daybook = try await Daybook.open(directory)
        let (seconds, attoseconds) = start.duration(to: .now).components
        let milliseconds = Double(seconds) * 1000 + Double(attoseconds) * 1e-15
        let found = daybook.recovery
        if json {
            let object: JSONValue = [
                "benchmark": "open", "openMilliseconds": .number(milliseconds, places: 3),
                "closedCleanly": .bool(found.wasClosedCleanly), "partitions": .integer(found.partitionsCount),
                "segments": .integer(found.segmentsCount), "scannedBytes": .integer(found.scannedBytes),
                "recoveredRecords": .integer(found.recoveredRecords), "findings": .integer(found.findings.count),
            ]
            try StandardStream.output.writeLine(object.text)
        } else {
            var table = TextTable(columns: [
                .left("open"), .right(found.wasClosedCleanly ? "after a clean close" : "after a crash"),
            ])
            table.addRow(["milliseconds", Numbers.fixed(milliseconds, 1)])
            table.addRow(["partitions", Numbers.grouped(found.partitionsCount)])
            table.addRow(["segments", Numbers.grouped(found.segmentsCount)])
            table.addRow(["scanned", Numbers.bytes(found.scannedBytes)])
            table.addRow(["records recovered", Numbers.grouped(found.recoveredRecords)])
            table.addRow(["findings", Numbers.grouped(found.findings.count)])
            StandardStream.output.write(table.render())
        }
        try await daybook.close()
    }
}
