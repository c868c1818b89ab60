// `daybook topic list` and `daybook topic describe`: what there is, as tables and as JSON.
// Attached read-only, so that they answer beside a live writer.

import ArgumentParser
import Daybook

/// `topic list`.
struct TopicList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the topics.")

    @Flag(help: "List the topics in which Daybook keeps its own records as well.")
    var `internal` = false
    @Flag(help: "Print one JSON array.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let directory = try data.directory()
        try await withReader(directory) { daybook in
            var rows: [(topic: Topic, sum: OffsetSum)] = []
            for topic in daybook.topics(includingInternal: `internal`) {
                rows.append((topic, try await daybook.offsetSum(topic)))
            }
            if json {
                let values = rows.map { topic, sum -> JSONValue in
                    [
                        "name": .string(topic.name.description), "partitions": .integer(topic.partitionsCount),
                        "records": .integer(sum.recordsCount), "size": .integer(sum.size),
                        "segments": .integer(sum.segmentsCount), "created": topic.createdJSON,
                        "internal": .bool(topic.isInternal),
                    ]
                }
                return try StandardStream.output.writeLine(JSONValue.array(values).text)
            }
            guard !rows.isEmpty else {
                return note("There are no topics yet; daybook topic create NAME --partitions N makes one.")
            }
            var table = TextTable(columns: [
                .left("topic"), .right("partitions"), .right("records"), .right("size"), .right("segments"),
                .left("created"),
            ])
            for (topic, sum) in rows {
                table.addRow([
                    topic.name.description, Numbers.grouped(topic.partitionsCount), Numbers.grouped(sum.recordsCount),
                    Numbers.bytes(sum.size), Numbers.grouped(sum.segmentsCount), topic.createdText,
                ])
            }
            try StandardStream.output.writeAll(table.render().utf8)
        }
    }
}

/// `topic describe`.
struct TopicDescribe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe", abstract: "Show a topic's settings and its partitions.")

    @Argument(help: "The topic's name.")
    var name: String
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let directory = try data.directory()
        try await withReader(directory) { daybook in
            let topic = try daybook.topic(name)
            let partitions = try await daybook.offsetRows(topic)
            let maintenance = try topic.partitions.map { try daybook.maintenanceStatus($0) }
            let text =
                json ? jsonText(topic, partitions, maintenance) : text(topic, partitions) + Self.table(maintenance)
            try StandardStream.output.writeAll(text.utf8)
        }
    }

    private func text(_ topic: Topic, _ partitions: [OffsetRow]) -> String {
        let rows = TopicConfigurationTable.settings.map { setting in
            let value = setting.text(topic.configuration)
            let origin = value == setting.defaultText ? "default" : "changed (default \(setting.defaultText))"
            return [setting.name, value, origin, setting.documentation]
        }
        let taken = (0..<3).reduce(0) { sum, column in sum + 2 + (rows.map { $0[column].count }.max() ?? 0) }
        var settings = TextTable(columns: [.left("setting"), .left("value"), .left(""), .left("meaning")])
        for row in rows {
            // On a terminal the last column gets what is left of a line.
            let width = Terminal.columns.map { max(20, $0 - taken) } ?? .max
            settings.addRow(row.dropLast() + [DisplayText.shortened(row[3], to: width)])
        }
        return "Topic \(topic.name), \(counted(partitions.count, "partition")), created \(topic.createdText)\n\n"
            + settings.render() + "\n" + OffsetRow.table(partitions).render()
    }

    /// What has been done to keep the partitions small and sound; nothing where nothing has.
    private static func table(_ maintenance: [MaintenanceStatus]) -> String {
        var table = TextTable(columns: [
            .right("partition"), .right("compacted to"), .left("last scrub"), .right("segments"), .right("damaged"),
        ])
        for (partition, status) in maintenance.enumerated() where status.isWorthTelling {
            let scrub = status.lastScrub
            table.addRow([
                "\(partition)", Numbers.grouped(status.compactedTo.rawValue),
                scrub.map { MomentText.format($0.time) } ?? "never",
                scrub.map { Numbers.grouped($0.segmentsCount) } ?? "",
                scrub.map { Numbers.grouped($0.damagedSegmentsCount) } ?? "",
            ])
        }
        return table.isEmpty ? "" : "\n" + table.render()
    }

    private func jsonText(
        _ topic: Topic, _ partitions: [OffsetRow], _ maintenance: [MaintenanceStatus]
    ) -> String {
        let settings = TopicConfigurationTable.settings.map { setting in
            let value = setting.text(topic.configuration)
            return (
                key: setting.name,
                value: [
                    "value": .string(value), "default": .string(setting.defaultText),
                    "changed": .bool(value != setting.defaultText),
                ] as JSONValue
            )
        }
        let object: JSONValue = [
            "name": .string(topic.name.description), "id": .string(String(topic.id, radix: 16)),
            "created": topic.createdJSON, "settings": .object(settings),
            "partitions": .array(partitions.map(\.json)),
            "maintenance": .array(
                maintenance.map {
                    ["compactedTo": .integer($0.compactedTo.rawValue), "lastScrub": $0.lastScrub?.json ?? .null]
                }),
        ]
        return object.text + "\n"
    }
}

extension MaintenanceStatus {
    fileprivate var isWorthTelling: Bool { compactedTo > .zero || lastScrub != nil }
}

extension Topic {
    /// Topics found again by their folders have lost the moment of their creation.
    fileprivate var createdText: String { created == .none ? "unknown" : MomentText.format(created) }
    fileprivate var createdJSON: JSONValue { created == .none ? .null : .string(MomentText.format(created)) }
}
