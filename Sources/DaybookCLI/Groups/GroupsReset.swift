// `daybook groups reset` and `daybook groups delete`: what would change, and the change itself when it is told to.
// Carried out by the process that has the directory open, or here where there is none.

import ArgumentParser
import Daybook

/// Which of a group's partitions a command is about.
struct GroupPartitionOptions: ParsableArguments {
    @Option(
        help: "A topic, repeatable; without topics and partitions everything the group has committed something for.")
    var topic: [String] = []
    @Option(
        help: ArgumentHelp("A partition, such as orders-0; repeatable.", valueName: "topic-partition"),
        transform: { text in
            guard let partition = TopicPartition(folderName: text) else {
                throw ValidationError("use the name of a topic, a dash and a number, such as orders-0")
            }
            return partition
        })
    var partition: [TopicPartition] = []
}

/// `groups reset`.
struct GroupsReset: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Put a group to another place in all or some of its partitions.",
        discussion: """
            Without --apply nothing is changed: the command shows what would be. The members of the group must have been \
            stopped. All partitions are changed together or none is. A place outside of a log becomes the nearer end of it.
            """)

    @Argument(
        help: "The group's name; one that has committed nothing is given a place in the topics and partitions named.")
    var group: String
    @Option(
        help: """
            Where to: beginning, end, current (where it is, or the nearer end of a log that has lost that place), an offset, \
            or an ISO 8601 time for the first record whose timestamp is not before it.
            """, transform: GroupsReset.target)
    var to: OffsetResetTarget?
    @Option(
        help: "Where to: the first record that the log appended at or after this ISO 8601 time.",
        transform: { text in
            guard let time = MomentText.parse(text) else {
                throw ValidationError("use an ISO 8601 time such as 2011-08-31T17:59:00Z")
            }
            return time
        })
    var toAppendTime: Timestamp?
    @Option(
        parsing: .unconditional,
        help: "Where to: so many offsets further on, or with a negative number back.")
    var shiftBy: Int64?
    @OptionGroup var chosen: GroupPartitionOptions
    @Flag(help: "Change it, instead of showing what would change.")
    var apply = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    private var targets: [OffsetResetTarget] {
        [to, toAppendTime.map { .appendTime($0) }, shiftBy.map { .shift($0) }].compactMap { $0 }
    }

    static func target(_ text: String) throws -> OffsetResetTarget {
        if text == "current" { return .current }
        let place: ConsumePlace
        do { place = try ConsumePlace.parse(text) } catch {
            throw ValidationError(
                "use beginning, end, current, an offset, or an ISO 8601 time such as 2011-08-31T17:59:00Z")
        }
        return switch place {
        case .beginning: .beginning
        case .end: .end
        case .offset(let offset): .offset(offset)
        case .time(let time): .timestamp(time)
        }
    }

    func validate() throws {
        guard targets.count == 1 else {
            throw ValidationError("Say where to: --to PLACE, --to-append-time TIME or --shift-by COUNT, one of them.")
        }
    }

    func run() async throws {
        let directory = try data.directory()
        let reset = ResetOffsets(
            group, to: targets[0], topics: chosen.topic, partitions: chosen.partition, isRehearsal: !apply)
        let plan = try await change(directory, reset, applies: apply)
        if json { return try StandardStream.output.writeLine(plan.json.text) }
        var table = TextTable(columns: [
            .left("partition"), .right("committed"), .right(apply ? "now" : "would be"), .right("moved by"), .left(""),
        ])
        for move in plan.moves {
            table.addRow([
                move.topicPartition.description, move.old?.offset.description ?? "none", move.new.description,
                move.distance.map { ($0 > 0 ? "+" : "") + Numbers.grouped($0) } ?? "",
                move.outOfRange.map { "the log does not reach to \($0)" } ?? "",
            ])
        }
        try StandardStream.output.writeAll(table.render().utf8)
        if !apply { note("Nothing has been changed; add --apply to change it.") }
    }
}

/// `groups delete`.
struct GroupsDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a group, or what it has committed for some topics or partitions.",
        discussion: """
            Without --apply nothing is deleted: the command shows what would be. The members of the group must have been \
            stopped. No record is deleted; a consumer that comes back by this name begins where new groups do.
            """)

    @Argument(help: "The group's name.")
    var group: String
    @OptionGroup var chosen: GroupPartitionOptions
    @Flag(help: "Delete, instead of showing what would be deleted.")
    var apply = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let directory = try data.directory()
        let delete = DeleteGroup(
            group, topics: chosen.topic, partitions: chosen.partition, isRehearsal: !apply)
        let going = try await change(directory, delete, applies: apply).sorted { $0.key < $1.key }
        if json {
            let object: JSONValue = [
                "group": .string(group), "applied": .bool(apply),
                "partitions": .array(
                    going.map { ["partition": .string($0.key.description), "committed": $0.value.json] }),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        var table = TextTable(columns: [
            .left("partition"), .right("committed"), .left("committed at"), .left("metadata"),
        ])
        for (partition, committed) in going {
            table.addRow([
                partition.description, committed.offset.description, MomentText.format(committed.commitTime),
                DisplayText.shortened(committed.metadata, to: 40),
            ])
        }
        if !table.isEmpty { try StandardStream.output.writeAll(table.render().utf8) }
        let isWhole = chosen.topic.isEmpty && chosen.partition.isEmpty
        let what = isWhole ? "group \(group)" : "\(counted(going.count, "committed offset")) of group \(group)"
        if apply { return try StandardStream.output.writeLine(DisplayText.escaped("Deleted \(what).")) }
        note("Nothing has been deleted; add --apply to delete \(what).")
    }
}

/// Carries out a command that changes a group, or with `applies` false rehearses it beside whoever has the directory open.
private func change<Command: ControlCommand>(
    _ directory: String, _ command: Command, applies: Bool
) async throws -> Command.Answer {
    if applies { return try await withAdministration(directory) { try await $0.perform(command) } }
    return try await withReader(directory) { try await Administration($0).perform(command) }
}
