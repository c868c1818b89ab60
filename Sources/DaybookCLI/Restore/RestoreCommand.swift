// `daybook restore`: makes a new data directory of a snapshot. Exit code 0 when all of it is there, 1 when it was refused or
// failed, and when damage was allowed and something is lost.

import ArgumentParser
import Daybook

/// `restore`.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a new data directory of a snapshot.",
        discussion: """
            Copies everything and compares every byte with the snapshot's manifest; the snapshot stays as it is. The next \
            writer begins a new leader epoch, so that a reader who had read on behind the snapshot is told where its \
            history ends. Exit code 0: everything is there; 1: refused or failed, or damage was allowed and some records \
            are lost.
            """)

    @Argument(help: "A snapshot, or the folder that backups went to: then the newest one.")
    var snapshot: String
    @Argument(help: "The new data directory: not there yet, or empty.")
    var directory: String
    @Option(help: ArgumentHelp("The snapshot's name in that folder.", valueName: "name"))
    var at: String?
    @Flag(help: "Restore what is left of a damaged snapshot; what is lost is listed, and is a gap to readers.")
    var allowDamage = false
    @Option(
        help: ArgumentHelp("Copy at most so much in a second, such as 20MiB.", valueName: "amount"),
        transform: OptionValues.byteCount)
    var rate: ByteCount?
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let rate, rate.rawValue < 1 { throw ValidationError("--rate: use at least one byte a second") }
    }

    func run() async throws {
        let progress = Progress(label: "Bytes restored")
        let report: RestoreReport
        do {
            report = try await Daybook.restore(
                snapshot, at: at, to: directory, allowsDamage: allowDamage, rateLimit: rate
            ) { done, total in
                progress.update(done.rawValue, of: total.rawValue)
            }
        } catch {
            progress.finish()
            throw error
        }
        progress.finish()
        try StandardStream.output.writeAll((json ? Self.json(report).text + "\n" : Self.text(report)).utf8)
        if !report.losses.isEmpty { throw ExitCode.failure }
    }

    private static func text(_ report: RestoreReport) -> String {
        var table = TextTable(columns: [
            .left("partition"), .right("log start"), .right("log end"), .right("segments"), .right("size"),
        ])
        for partition in report.partitions {
            table.addRow([
                partition.topicPartition.description, partition.logStartOffset.description,
                partition.logEndOffset.description, Numbers.grouped(partition.segmentsCount),
                Numbers.bytes(partition.size.rawValue),
            ])
        }
        var text = table.isEmpty ? "" : table.render()
        text += report.losses.map { "lost: \(DisplayText.escaped($0.description))\n" }.joined()
        text += report.notes.map { "note: \(DisplayText.escaped($0))\n" }.joined()
        return text
            + "Restored \(DisplayText.escaped(report.directory)) from \(DisplayText.escaped(report.snapshot)), made at "
            + "\(MomentText.format(report.time)): \(counted(report.partitions.count, "partition")), "
            + "\(Numbers.bytes(report.size.rawValue)) in \(Numbers.fixed(report.duration / .seconds(1), 2)) s. The next "
            + "writer begins leader epoch \(report.leaderEpoch).\n"
    }

    private static func json(_ report: RestoreReport) -> JSONValue {
        [
            "snapshot": .string(report.snapshot), "directory": .string(report.directory),
            "source": .string(report.source), "time": .string(MomentText.format(report.time)),
            "leaderEpoch": .integer(report.leaderEpoch.rawValue),
            "partitions": .array(
                report.partitions.map { partition in
                    [
                        "partition": .string(partition.topicPartition.description),
                        "logStartOffset": .integer(partition.logStartOffset.rawValue),
                        "logEndOffset": .integer(partition.logEndOffset.rawValue),
                        "segments": .integer(partition.segmentsCount), "size": .integer(partition.size.rawValue),
                    ]
                }),
            "losses": .array(report.losses.map(\.json)), "notes": .array(report.notes.map { .string($0) }),
            "bytes": .integer(report.size.rawValue), "seconds": .number(report.duration / .seconds(1), places: 3),
        ]
    }
}
