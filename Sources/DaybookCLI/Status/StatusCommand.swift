// `daybook status`: who has the data directory open, since when, and how it is. Asks the process where that can be reached, and
// looks from outside otherwise.

import ArgumentParser
import Daybook

/// `status`.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show who has the data directory open, since when, and how it is.",
        discussion: """
            Changes nothing. Where a process has the directory open and answers at its control socket, it is asked; otherwise \
            the directory is looked at from outside, and nothing is known of partitions that the disk has failed. Exit code 1: \
            a partition has failed and takes no appends. doctor judges the directory and the machine; verify reads every record.
            """)

    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let status = try await Daybook.status(of: try data.directory())
        try StandardStream.output.writeAll((json ? Self.json(status).text + "\n" : Self.text(status)).utf8)
        if !status.description.failedPartitions.isEmpty { throw ExitCode.failure }
    }

    private static func text(_ status: DirectoryStatus) -> String {
        let (description, holder) = (status.description, status.holder)
        var table = TextTable(columns: [.left("data directory"), .left(DisplayText.escaped(status.directory))])
        table.addRow(["open for writing in", holder.map(text) ?? "no process"])
        if let holder {
            table.addRow(["control socket", holder.unreachable.map { "does not answer: \($0)" } ?? "answers"])
        }
        if let isClean = status.wasClosedCleanly {
            table.addRow([
                "last writer",
                isClean
                    ? "closed it properly"
                    : "did not close it properly; the next one recovers it, nothing is lost by that",
            ])
        }
        table.addRow(["leader epoch", description.leaderEpoch.description])
        if holder != nil, holder?.unreachable == nil {
            table.addRow(["housekeeping", description.isHousekeeping ? "at work" : "not at work"])
            table.addRow([
                "commands", description.commands.isEmpty ? "none" : description.commands.joined(separator: ", "),
            ])
            let failed = description.failedPartitions.sorted { $0.key < $1.key }
            table.addRow(["failed partitions", failed.isEmpty ? "none" : Numbers.grouped(failed.count)])
            for (topicPartition, error) in failed { table.addRow(["  \(topicPartition)", error.message]) }
        }
        table.addRow([
            "topics",
            "\(Numbers.grouped(description.topics.count)), \(counted(description.partitionsCount, "partition"))",
        ])
        return table.render() + (description.topics.isEmpty ? "" : "\n" + topics(description))
    }

    private static func text(_ holder: DirectoryStatus.Holder) -> String {
        let process = holder.process.map { "process \($0)" } ?? "a process that cannot be seen from here"
        return process + (holder.name.map { " (\($0))" } ?? "")
            + (holder.since.map { ", since \(MomentText.format($0))" } ?? "")
            + (holder.release.map { ", Daybook \($0)" } ?? "")
    }

    private static func topics(_ description: DaybookDescription) -> String {
        var table = TextTable(columns: [
            .left("topic"), .right("partitions"), .right("records"), .right("size"), .right("segments"),
        ])
        for topic in description.topics {
            table.addRow([
                topic.name.description, Numbers.grouped(topic.partitionsCount), Numbers.grouped(topic.recordsCount),
                Numbers.bytes(topic.size.rawValue), Numbers.grouped(topic.segmentsCount),
            ])
        }
        return table.render()
    }

    private static func json(_ status: DirectoryStatus) -> JSONValue {
        let description = status.description
        return [
            "directory": .string(status.directory),
            "holder": status.holder.map { holder in
                [
                    "process": .optional(holder.process), "name": .optional(holder.name),
                    "release": .optional(holder.release),
                    "since": holder.since.map { .string(MomentText.format($0)) } ?? .null,
                    "reachable": .bool(holder.unreachable == nil),
                    "reason": .optional(holder.unreachable?.description),
                ]
            } ?? .null,
            "closedProperly": status.wasClosedCleanly.map { .bool($0) } ?? .null,
            "leaderEpoch": .integer(description.leaderEpoch.rawValue),
            "housekeeping": .bool(description.isHousekeeping),
            "commands": .array(description.commands.map { .string($0) }),
            "failedPartitions": .object(
                description.failedPartitions.sorted { $0.key < $1.key }.map {
                    (key: $0.key.description, value: .string($0.value.message))
                }),
            "topics": .array(
                description.topics.map { topic in
                    [
                        "name": .string(topic.name.description), "partitions": .integer(topic.partitionsCount),
                        "records": .integer(topic.recordsCount), "size": .integer(topic.size.rawValue),
                        "segments": .integer(topic.segmentsCount),
                    ]
                }),
        ]
    }
}
