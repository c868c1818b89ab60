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
        let bound: DeleteRecords.Bound = beforeTime.map { .time($0) } ?? .offset(Offset(before ?? 0))
        let delete = DeleteRecords(topic: topic, partition: partition, before: bound, isRehearsal: !apply)
        let deletions =
            apply
            ? try await withAdministration(directory) { try await $0.perform(delete) }
            : try await withReader(directory) { try await Administration($0).perform(delete) }
        var table = TextTable(columns: [
            .left("partition"), .right("log start"), .right("new log start"), .right(apply ? "deleted" : "would go"),
        ])
        for deletion in deletions {
            let count = deletion.oldLogStartOffset.distance(to: deletion.logStartOffset)
            table.addRow([
                deletion.topicPartition.description, Numbers.grouped(deletion.oldLogStartOffset.rawValue),
                Numbers.grouped(deletion.logStartOffset.rawValue), Numbers.grouped(max(0, count)),
            ])
        }
        try StandardStream.output.writeAll(table.render().utf8)
        if !apply { note("Nothing has been deleted; add --apply to delete.") }
    }
}
