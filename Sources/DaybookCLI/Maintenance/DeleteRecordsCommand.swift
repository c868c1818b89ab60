// `daybook delete-records`: drops the oldest records of a partition, for good.
// Shows what would go until it is told to.

import ArgumentParser
import Daybook

/// `delete-records`.
struct DeleteRecordsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete-records", abstract: "Delete the oldest records of a topic, before an offset or a moment.",
        discussion: """
            Without --apply nothing is deleted: the command shows what would be. Deleted records are a gap for whoever asks \
            for them, and the log's offsets go on as before. A moment means the time at which the log appended the records, \
            whatever timestamps their producers gave them.
            """)

    @Argument(help: "The topic's name.")
    var topic: String
    @Option(help: "The partition; all partitions when there is none, which only --before-time allows.")
    var partition: Int32?
    @Option(help: "The first offset to keep.")
    var before: Int64?
    @Option(
        help: "Keep what was appended at or after this ISO 8601 time (UTC unless it says otherwise).",
        transform: { text in
            guard let time = MomentText.parse(text) else {
                throw ValidationError("use an ISO 8601 time such as 2011-08-31T17:59:00Z")
            }
            return time
        })
    var beforeTime: Timestamp?
    @Flag(help: "Delete, instead of showing what would be deleted.")
    var apply = false
    @OptionGroup var data: DataOptions

    func validate() throws {
        guard (before == nil) != (beforeTime == nil) else {
            throw ValidationError("Say what to delete: --before OFFSET or --before-time TIME, one of them.")
        }
        if before != nil, partition == nil {
            throw ValidationError("An offset is one of a partition: add --partition.")
        }
        if let before, before < 0 { throw ValidationError("--before needs an offset from 0 upwards.") }
    }

    func run() async throws {
        let directory = try data.directory()
        var configuration = Configuration(access: apply ? .readWrite : .readOnly, createsDirectory: false)
        configuration.housekeeping.isAutomatic = false
        var table = TextTable(columns: [
            .left("partition"), .right("log start"), .right("new log start"), .right(apply ? "deleted" : "would go"),
        ])
        try await withDaybook(directory, configuration) { daybook in
            for topicPartition in try partitions(of: try daybook.topic(topic)) {
                let offsets = try await daybook.offsets(topicPartition)
                let target = try await target(topicPartition, offsets, daybook)
                let start = apply ? try await daybook.deleteRecords(topicPartition, before: target) : target
                table.addRow([
                    topicPartition.description, Numbers.grouped(offsets.logStartOffset.rawValue),
                    Numbers.grouped(start.rawValue),
                    Numbers.grouped(max(0, offsets.logStartOffset.distance(to: start))),
                ])
            }
        }
        try StandardStream.output.writeAll(table.render().utf8)
        if !apply { note("Nothing has been deleted; add --apply to delete.") }
    }

    private func partitions(of topic: Topic) throws -> [TopicPartition] {
        guard let partition else { return topic.partitions }
        guard topic.partitions.indices.contains(Int(partition)) else {
            throw ValidationError(
                "Topic \(topic.name) has partitions 0 to \(topic.partitionsCount - 1), not \(partition).")
        }
        return [topic.partitions[Int(partition)]]
    }

    private func target(
        _ topicPartition: TopicPartition, _ offsets: PartitionOffsets, _ daybook: Daybook
    ) async throws -> Offset {
        let wish: Offset
        if let beforeTime {
            wish = try await daybook.offset(topicPartition, appendedAtOrAfter: beforeTime) ?? offsets.highWatermark
        } else {
            wish = Offset(before ?? 0)
            guard wish <= offsets.highWatermark else {
                throw CommandFailure(
                    "Offset \(wish) is behind the high watermark \(offsets.highWatermark) of \(topicPartition).")
            }
        }
        return max(wish, offsets.logStartOffset)
    }
}
