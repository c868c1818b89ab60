// `daybook compact`: compacts a topic now instead of when enough of it is dirty, in the process that has the directory open,
// or here where there is none. The engine does the rest by itself while a directory is open.

import ArgumentParser
import Daybook

/// `compact`.
struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact", abstract: "Compact a topic now: keep the newest record of each key.",
        discussion: """
            The topic's cleanup.policy must be compact or compact,delete. Closed segments are compacted, whatever the dirty \
            ratio; the segment being written is not. Offsets stay as they are. A process that has the directory open does it, \
            at the rate and with the memory that it is set up for unless the options say otherwise, while it goes on working.
            """)

    @Argument(help: "The topic's name.")
    var topic: String
    @Option(help: "Read at most so many bytes a second.", transform: OptionValues.byteCount)
    var rate: ByteCount?
    @Option(help: "Memory for keys; with less of it there are more rounds.", transform: OptionValues.byteCount)
    var memory: ByteCount?
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func validate() throws {
        if let rate, rate.rawValue < 1 { throw ValidationError("--rate needs at least a byte a second.") }
        if let memory, memory.rawValue < 1 { throw ValidationError("--memory needs at least a byte.") }
    }

    func run() async throws {
        var configuration = Configuration(createsDirectory: false)
        configuration.housekeeping.isAutomatic = false
        configuration.housekeeping.bytesPerSecond = nil
        let compact = CompactTopic(topic, rateLimit: rate, memory: memory)
        let results = try await withAdministration(try data.directory(), configuration) { administration in
            try await Progress.bytesRead { try await administration.perform(compact, report: $0) }
        }.sorted { $0.key < $1.key }
        if json {
            let values = results.map { topicPartition, status in
                (key: topicPartition.description, value: status.json)
            }
            return try StandardStream.output.writeLine(JSONValue.object(values).text)
        }
        guard !results.isEmpty else {
            return note("Nothing to compact: no closed segment has changed since the last time.")
        }
        var table = TextTable(columns: [
            .left("partition"), .right("dropped"), .right("freed"), .right("read"), .right("rounds"),
            .right("compacted to"), .right("damaged"),
        ])
        for (topicPartition, status) in results {
            table.addRow([
                topicPartition.description, Numbers.grouped(status.recordsDropped), Numbers.bytes(status.bytesSaved),
                Numbers.bytes(status.bytesRead.rawValue), Numbers.grouped(status.rounds),
                Numbers.grouped(status.compactedTo.rawValue), Numbers.grouped(status.damagedSegments.count),
            ])
        }
        try StandardStream.output.writeAll(table.render().utf8)
    }
}

extension CompactionStatus {
    /// For programs.
    var json: JSONValue {
        [
            "recordsDropped": .integer(recordsDropped), "bytesSaved": .integer(bytesSaved),
            "bytesRead": .integer(bytesRead.rawValue), "rounds": .integer(rounds),
            "compactedTo": .integer(compactedTo.rawValue),
            "damagedSegments": .array(damagedSegments.map { .integer($0.rawValue) }),
        ]
    }
}
