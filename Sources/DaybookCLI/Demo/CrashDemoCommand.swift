// `daybook demo crash`: the log at work on ERP events, with its writer killed half-way. One file a scene; this one is the plot.
// The killed process is this command too, started with a hidden flag.

import ArgumentParser
import Daybook
import Foundation

/// Ingests events, kills the ingesting process, recovers, goes on, and checks every record.
struct CrashDemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash",
        abstract: "Ingest ERP events, kill the writer half-way, recover, go on, and check every record.",
        discussion: "Works in a directory of its own, which is removed at the end unless --data names one.")

    @Option(name: .long, help: "The data directory to make and keep; it must not exist yet.")
    var data: String?

    @Option(help: "How many events to ingest.")
    var records = 300_000

    @Option(help: "How many partitions the topic has.")
    var partitions = 8

    /// Set for the process that the demo starts and kills.
    @Flag(help: .private)
    var isVictim = false

    static let topic = "erp-events"

    func validate() throws {
        if records < 1000 { throw ValidationError("--records needs a number from 1000 upwards.") }
        if !(1...1000).contains(partitions) { throw ValidationError("--partitions needs a number from 1 to 1000.") }
    }

    func run() async throws {
        if isVictim { return try await ingestAsVictim() }
        let directory = data ?? NSTemporaryDirectory() + "daybook-demo-\(ProcessInfo.processInfo.processIdentifier)"
        guard !FileManager.default.fileExists(atPath: directory) else {
            throw ValidationError("\(directory) exists already; name a directory that does not, or remove it.")
        }
        defer { if data == nil { try? FileManager.default.removeItem(atPath: directory) } }
        try await play(in: directory)
        say(
            data == nil
                ? "" : "\nThe data is in \(directory): try daybook consume \(Self.topic) --data \(directory) --max 3")
    }

    private func play(in directory: String) async throws {
        heading(
            1,
            "A process ingests \(Numbers.grouped(records)) ERP events into \(partitions) partitions, with zstd, durably"
        )
        try await createTopic(in: directory)
        let acknowledged = try DemoVictim(directory: directory, records: records, partitions: partitions).runAndKill()
        say("   killed with signal 9 when it had been told that \(Numbers.grouped(acknowledged)) events are durable")

        heading(2, "The directory is opened again: what recovery finds")
        let daybook = try await Daybook.open(directory)
        let survived = try await DemoRecovery(daybook: daybook).show(acknowledged: acknowledged)

        heading(3, "Ingestion goes on where the log ends, partition by partition")
        let ingestion = DemoIngestion(daybook: daybook, records: records, partitions: partitions)
        let outcome = try await ingestion.run(skipping: survived) { _ in }
        say(
            "   \(Numbers.grouped(outcome.recordsCount)) events in \(Numbers.fixed(outcome.seconds, 2)) s: "
                + "\(Numbers.grouped(Int(Double(outcome.recordsCount) / outcome.seconds))) events per second, "
                + "\(Numbers.fixed(Double(outcome.payloadBytes) / 1e6 / outcome.seconds, 1)) MB/s, all durable")

        heading(4, "One order's history, replayed")
        let check = DemoCheck(daybook: daybook, records: records, partitions: partitions)
        try await check.showBusiestOrder()

        heading(5, "Every record of the log, compared with what was sent")
        try await check.compareAll()
        try await daybook.close()
    }

    private func createTopic(in directory: String) async throws {
        let daybook = try await Daybook.open(directory)
        try await daybook.createTopic(
            Self.topic, partitions: partitions, configuration: TopicConfiguration(compression: .zstd(level: 1)))
        try await daybook.close()
    }

    /// The other process: ingests from the beginning and says what has been acknowledged, until it is killed.
    private func ingestAsVictim() async throws {
        guard let data else { throw ValidationError("The ingesting process needs --data.") }
        let daybook = try await Daybook.open(data)
        let ingestion = DemoIngestion(daybook: daybook, records: records, partitions: partitions)
        _ = try await ingestion.run(skipping: [:]) { acknowledged in
            StandardStream.output.write("\(acknowledged)\n")
        }
        try await daybook.close()
    }
}

/// A line of the demo's story.
func say(_ text: String) { StandardStream.output.write(text + "\n") }

/// The beginning of a scene.
func heading(_ number: Int, _ text: String) { say("\n\(number). \(text)") }
