// `daybook backup`: makes a snapshot beside a live writer, and tells what it holds and how it got there. Exit code 0 when
// every durable record is in it, 1 when the data directory was damaged or the backup failed.

import ArgumentParser
import Daybook

/// `backup`.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Make a snapshot of a data directory while it is written to.",
        discussion: """
            DEST is a folder of snapshots; each backup adds one, named by its time, which is a data directory of its own: \
            consume, offsets, dump and verify work on it, and restore makes a new data directory of it. A snapshot holds \
            what is durable. Segments that are complete are linked where DEST is on the same file system; what an earlier \
            snapshot holds is not copied again. Takes no lock and changes nothing in the data directory; a process that has \
            it open, and can be reached, is asked to make durable what it has appended so far. Exit code 0: \
            every durable record is in the snapshot; 1: it failed, or the data directory is damaged and so is the snapshot.
            """)

    @Argument(help: "The folder of snapshots; made when there is none.")
    var destination: String
    @Flag(help: "Copy, where a link to the data directory's file would do: the snapshot then shares no bytes with it.")
    var copy = false
    @Option(
        help: ArgumentHelp(
            "Which segments are read again and compared with their hash: none, new (what no earlier snapshot holds) or all.",
            valueName: "none|new|all"),
        transform: { text in
            guard let check = BackupOptions.Check(rawValue: text) else {
                throw ValidationError("use none, new or all")
            }
            return check
        })
    var check: BackupOptions.Check = .new
    @Option(help: ArgumentHelp("Remove the oldest snapshots, after success, until N are left.", valueName: "N"))
    var keep: Int?
    @Option(
        help: ArgumentHelp("Read and copy at most so much in a second, such as 20MiB.", valueName: "amount"),
        transform: OptionValues.byteCount)
    var rate: ByteCount?
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func validate() throws {
        if let keep, keep < 1 { throw ValidationError("--keep: use a number from 1 upwards") }
        if let rate, rate.rawValue < 1 { throw ValidationError("--rate: use at least one byte a second") }
    }

    func run() async throws {
        let progress = Progress(label: "Bytes backed up")
        let options = BackupOptions(sharesBytes: !copy, check: check, keep: keep, rateLimit: rate)
        let report: BackupReport
        do {
            let directory = try data.directory()
            await Self.flushLiveProcess(of: directory)
            report = try await Daybook.backup(directory, to: destination, options: options) { done, total in
                progress.update(done.rawValue, of: total.rawValue)
            }
        } catch {
            progress.finish()
            throw error
        }
        progress.finish()
        try StandardStream.output.writeAll((json ? Self.json(report).text + "\n" : Self.text(report)).utf8)
        if !report.isWhole { throw ExitCode.failure }
    }

    /// What cannot be made durable is not in the snapshot; that is no reason to make none.
    private static func flushLiveProcess(of directory: String) async {
        do {
            _ = try await Daybook.flushLiveProcess(of: directory)
        } catch {
            note("Note: not everything that has been appended could be made durable before the backup: \(error)")
        }
    }

    private static func text(_ report: BackupReport) -> String {
        var table = TextTable(columns: [
            .left("topic"), .right("partitions"), .right("segments"), .right("linked"), .right("kept"),
            .right("copied"), .right("size"), .right("bytes copied"),
        ])
        for topic in report.topics {
            table.addRow(row(topic.name.description, topic.partitionsCount, topic.amounts))
        }
        if report.topics.count > 1 {
            table.addRow(row("all", report.topics.reduce(0) { $0 + $1.partitionsCount }, report.amounts))
        }
        var text = table.isEmpty ? "" : table.render()
        text += report.losses.map { "lost: \(DisplayText.escaped($0.description))\n" }.joined()
        text += report.notes.map { "note: \(DisplayText.escaped($0))\n" }.joined()
        text += report.removed.map { "removed: \(DisplayText.escaped($0))\n" }.joined()
        let seconds = Numbers.fixed(report.duration / .seconds(1), 2)
        return text + "Snapshot \(DisplayText.escaped(report.snapshot)), in \(seconds) s"
            + (report.isWhole ? ".\n" : "; the data directory is damaged: verify and repair it.\n")
    }

    private static func row(_ name: String, _ partitions: Int, _ amounts: BackupReport.Amounts) -> [String] {
        [
            name, Numbers.grouped(partitions), Numbers.grouped(amounts.segments), Numbers.grouped(amounts.linked),
            Numbers.grouped(amounts.kept), Numbers.grouped(amounts.copied), Numbers.bytes(amounts.bytes.rawValue),
            Numbers.bytes(amounts.copiedBytes.rawValue),
        ]
    }

    private static func json(_ report: BackupReport) -> JSONValue {
        [
            "snapshot": .string(report.snapshot), "source": .string(report.source),
            "time": .string(MomentText.format(report.time)), "whole": .bool(report.isWhole),
            "topics": .array(
                report.topics.map { topic in
                    .object(
                        [
                            ("name", .string(topic.name.description)),
                            ("partitions", .integer(topic.partitionsCount)),
                        ] + fields(topic.amounts))
                }),
            "all": .object(fields(report.amounts)), "losses": .array(report.losses.map(\.json)),
            "notes": .array(report.notes.map { .string($0) }),
            "removed": .array(report.removed.map { .string($0) }),
            "seconds": .number(report.duration / .seconds(1), places: 3),
        ]
    }

    private static func fields(_ amounts: BackupReport.Amounts) -> [(key: String, value: JSONValue)] {
        [
            ("segments", .integer(amounts.segments)), ("linked", .integer(amounts.linked)),
            ("kept", .integer(amounts.kept)), ("copied", .integer(amounts.copied)),
            ("bytes", .integer(amounts.bytes.rawValue)), ("copiedBytes", .integer(amounts.copiedBytes.rawValue)),
        ]
    }
}

extension BackupLoss {
    var json: JSONValue {
        [
            "topic": .string(topicPartition.topic.description), "partition": .integer(topicPartition.partition),
            "offsets": [
                "start": .integer(gap.baseOffset.rawValue), "end": .integer(gap.nextOffset.rawValue),
            ],
            "reason": .string(reason),
        ]
    }
}
