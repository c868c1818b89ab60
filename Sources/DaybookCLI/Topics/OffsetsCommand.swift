// `daybook offsets`: how far each partition of a topic reaches, and which offsets belong to a moment.
// Attached read-only, so that it answers beside a live writer.

import ArgumentParser
import Daybook

/// `offsets`.
struct OffsetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offsets", abstract: "Show how far the partitions of a topic reach.",
        discussion: """
            The high watermark is where durable readers stop: what lies between it and the log end has been written but is \
            not known to be durable yet. The last stable offset is where readers of committed records stop: at the first \
            record of a transaction that is still open. Both are exclusive, as log end is. Records are offsets from \
            log start to log end; offsets lost to damage and the marks of transactions are among them.
            """)

    @Argument(help: "The topic's name.")
    var topic: String
    @Option(
        help:
            "Also show the first offset whose timestamp is not before this ISO 8601 time (UTC unless it says otherwise).",
        transform: { text in
            guard let time = MomentText.parse(text) else {
                throw ValidationError("use an ISO 8601 time such as 2011-08-31T17:59:00Z")
            }
            return time
        })
    var time: Timestamp?
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let directory = try data.directory()
        try await withReader(directory) { daybook in
            let topic = try daybook.topic(self.topic)
            let rows = try await daybook.offsetRows(topic, at: time)
            if json {
                let object: JSONValue = [
                    "topic": .string(topic.name.description), "partitions": .array(rows.map(\.json)),
                ]
                return try StandardStream.output.writeLine(object.text)
            }
            try StandardStream.output.writeAll(OffsetRow.table(rows).render().utf8)
        }
    }
}

/// What all partitions of a topic come to.
struct OffsetSum {
    var recordsCount: Int64 = 0
    var size = 0
    var segmentsCount = 0
}

/// One partition's line.
struct OffsetRow {
    let partition: Int32
    let offsets: PartitionOffsets
    /// The offset for the moment asked for, if one was: nil inside when every record is older.
    let atTime: Offset??

    var recordsCount: Int64 { offsets.logStartOffset.distance(to: offsets.logEndOffset) }

    var json: JSONValue {
        var pairs: [(key: String, value: JSONValue)] = [
            ("partition", .integer(partition)), ("logStartOffset", .integer(offsets.logStartOffset.rawValue)),
            ("lastStableOffset", .integer(offsets.lastStableOffset.rawValue)),
            ("highWatermark", .integer(offsets.highWatermark.rawValue)),
            ("logEndOffset", .integer(offsets.logEndOffset.rawValue)), ("records", .integer(recordsCount)),
            ("size", .integer(offsets.size.rawValue)), ("segments", .integer(offsets.segmentsCount)),
        ]
        if let atTime { pairs.append(("offsetAtTime", .optional(atTime?.rawValue))) }
        return .object(pairs)
    }

    /// A table with a line of sums where there are several partitions.
    static func table(_ rows: [OffsetRow]) -> TextTable {
        let showsTime = rows.contains { $0.atTime != nil }
        var table = TextTable(
            columns: [
                .right("partition"), .right("log start"), .right("last stable"), .right("high watermark"),
                .right("log end"),
                .right("records"), .right("size"), .right("segments"),
            ] + (showsTime ? [.right("at time")] : []))
        var sum = OffsetSum()
        for row in rows {
            sum.add(row)
            table.addRow([
                String(row.partition), row.offsets.logStartOffset.description, row.offsets.lastStableOffset.description,
                row.offsets.highWatermark.description, row.offsets.logEndOffset.description,
                Numbers.grouped(row.recordsCount),
                Numbers.bytes(row.offsets.size.rawValue), Numbers.grouped(row.offsets.segmentsCount),
                row.atTime.map { $0?.description ?? "none" } ?? "",
            ])
        }
        if rows.count > 1 {
            table.addRow([
                "all", "", "", "", "", Numbers.grouped(sum.recordsCount), Numbers.bytes(sum.size),
                Numbers.grouped(sum.segmentsCount),
            ])
        }
        return table
    }
}

extension OffsetSum {
    mutating func add(_ row: OffsetRow) {
        recordsCount += row.recordsCount
        size += row.offsets.size.rawValue
        segmentsCount += row.offsets.segmentsCount
    }
}

extension Daybook {
    /// The lines of all partitions of a topic, in order.
    func offsetRows(_ topic: Topic, at time: Timestamp? = nil) async throws -> [OffsetRow] {
        var rows: [OffsetRow] = []
        for partition in topic.partitions {
            var atTime: Offset??
            if let time { atTime = .some(try await offset(partition, forTimestamp: time)) }
            rows.append(
                OffsetRow(partition: partition.partition, offsets: try await offsets(partition), atTime: atTime))
        }
        return rows
    }

    func offsetSum(_ topic: Topic) async throws -> OffsetSum {
        var sum = OffsetSum()
        for row in try await offsetRows(topic) { sum.add(row) }
        return sum
    }
}
