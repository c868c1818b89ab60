// `daybook scrub`: reads every closed segment and compares it with its checksum, in the process that has the directory open, or
// here where there is none. The engine does the same by itself from time to time; `topic describe` shows the last result.

import ArgumentParser
import Daybook

/// `scrub`.
struct ScrubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrub", abstract: "Compare closed segments with their checksums.",
        discussion: """
            Faster than verify, which looks into every record, and unlike it a writer's work: what is damaged is put into \
            quarantine as a copy, and readers get a gap for it. A process that has the directory open does it, at the rate that \
            it is set up for unless --rate says otherwise, while it goes on working; by itself it scrubs once a week. Exit code \
            0: nothing found; 1: damage.
            """)

    @Argument(help: "The topic's name; all topics when there is none.")
    var topic: String?
    @Option(help: "Read at most so many bytes a second.", transform: OptionValues.byteCount)
    var rate: ByteCount?
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func validate() throws {
        if let rate, rate.rawValue < 1 { throw ValidationError("--rate needs at least a byte a second.") }
    }

    func run() async throws {
        var configuration = Configuration(createsDirectory: false)
        configuration.housekeeping.isAutomatic = false
        configuration.housekeeping.bytesPerSecond = nil
        let scrub = ScrubTopics(topic, rateLimit: rate)
        let results = try await withAdministration(try data.directory(), configuration) { administration in
            try await Progress.bytesRead { try await administration.perform(scrub, report: $0) }
        }.sorted { $0.key < $1.key }
        let damaged = results.reduce(0) { $0 + $1.value.damagedSegmentsCount }
        if json {
            let values = results.map { topicPartition, status in
                (key: topicPartition.description, value: status.json)
            }
            try StandardStream.output.writeLine(JSONValue.object(values).text)
        } else {
            var table = TextTable(columns: [
                .left("partition"), .right("segments"), .right("bytes"), .right("damaged"),
            ])
            for (topicPartition, status) in results {
                table.addRow([
                    topicPartition.description, Numbers.grouped(status.segmentsCount),
                    Numbers.bytes(status.bytes.rawValue), Numbers.grouped(status.damagedSegmentsCount),
                ])
            }
            try StandardStream.output.writeAll(table.render().utf8)
            if damaged > 0 {
                note("\(counted(damaged, "segment")) damaged; see quarantine, and daybook verify for the offsets.")
            }
        }
        if damaged > 0 { throw ExitCode.failure }
    }
}

extension ScrubStatus {
    /// For programs.
    var json: JSONValue {
        [
            "time": .string(MomentText.format(time)), "segments": .integer(segmentsCount),
            "bytes": .integer(bytes.rawValue), "damagedSegments": .integer(damagedSegmentsCount),
        ]
    }
}
