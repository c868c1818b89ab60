// `daybook groups`: who reads, how far they have come, and moving or deleting them. Those that only look attach read-only and
// work beside a live writer; the others are carried out by it, or here where there is none.

import ArgumentParser
import Daybook

/// The commands on groups.
struct GroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups", abstract: "List, describe, reset and delete consumer groups.",
        subcommands: [GroupsList.self, GroupsDescribe.self, GroupsReset.self, GroupsDelete.self])
}

/// `groups list`.
struct GroupsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the groups: how much each has before it, and whether it gets on.",
        discussion: """
            Lag counts the records that the group has not dealt with. Its state is the worst of its partitions: moving, \
            rewinding after it has been put back, stalled when commits come and do not advance, stopped when none come, the \
            last two only while a record has been waiting for a minute.
            """)

    @Flag(help: "Print one JSON array.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let groups = try await Daybook.describeGroups(of: try data.directory()).map(\.summary)
        if json { return try StandardStream.output.writeLine(JSONValue.array(groups.map(\.json)).text) }
        guard !groups.isEmpty else { return note("There are no groups: nothing has been committed yet.") }
        var table = TextTable(columns: [
            .left("group"), .left("state"), .right("partitions"), .right("members"), .right("lag"),
            .left("last commit"),
            .left(""),
        ])
        for group in groups {
            table.addRow([
                group.group, group.progress.rawValue, Numbers.grouped(group.partitionsCount),
                Numbers.grouped(group.membersCount), Numbers.grouped(group.lag),
                group.lastCommit.map { MomentText.format($0) } ?? "never",
                group.problemsCount == 0 ? "" : "cannot go on in \(counted(group.problemsCount, "partition"))",
            ])
        }
        try StandardStream.output.writeAll(table.render().utf8)
    }
}

/// `groups describe`.
struct GroupsDescribe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe", abstract: "Show a group's place in each partition, and what lies before it.",
        discussion: """
            Committed is the next offset that the group reads, end is where readers of committed records stop. Lag counts \
            the records between them; offsets without a record count nothing. Oldest says for how long the first of \
            these records has been in the log. Members are asked of the process that they are in; where it cannot be \
            reached they are those that were written down last.
            """)

    @Argument(help: "The group's name.")
    var group: String
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let group = try await Daybook.describeGroups(of: try data.directory(), group)[0]
        if json { return try StandardStream.output.writeLine(group.json.text) }
        try StandardStream.output.writeAll(group.text.utf8)
    }
}

extension GroupDescription {
    /// A sentence, a line for each partition, and what is wrong.
    fileprivate var text: String {
        let summary = summary
        let details = [state.description, assignor ?? "", "generation \(generation)"].filter { !$0.isEmpty }
        let members =
            members.isEmpty
            ? "no members" : "\(counted(members.count, "member")) (\(details.joined(separator: ", ")))"
        let lag = "\(Numbers.grouped(summary.lag)) \(summary.lag == 1 ? "record" : "records") before it"
        let head = "Group \(group) is \(summary.progress.rawValue): \(members), \(lag)"
        let last = summary.lastCommit.map { ", last commit \(MomentText.format($0))" } ?? ", nothing committed"
        var text = DisplayText.escaped(head + last + ".") + "\n"
        if !self.members.isEmpty { text += "\n" + membersTable.render() }
        if !positions.isEmpty { text += "\n" + table.render() }
        let problems = positions.compactMap { position in
            position.problem.map { "\(position.topicPartition): \($0.message)" }
        }
        if !problems.isEmpty { text += "\n" + problems.map { "problem: " + DisplayText.escaped($0) + "\n" }.joined() }
        return text
    }

    private var membersTable: TextTable {
        var table = TextTable(columns: [
            .left("member"), .left("instance"), .right("partitions"), .left("assignment"),
        ])
        for member in members {
            let assignment = member.assignment.map(\.description).joined(separator: " ")
            table.addRow([
                member.memberID, member.instanceID ?? "", Numbers.grouped(member.assignment.count),
                DisplayText.shortened(assignment, to: 60),
            ])
        }
        return table
    }

    private var table: TextTable {
        // Columns that say nothing of any partition are left out.
        let hasMembers = positions.contains { $0.member != nil }
        let hasMetadata = positions.contains { !$0.committed.metadata.isEmpty }
        var table = TextTable(
            columns: [
                .left("partition"), .right("committed"), .right("log start"), .right("end"), .right("lag"),
                .right("oldest"), .left("state"), .left("committed at"),
            ] + (hasMembers ? [.left("member")] : []) + (hasMetadata ? [.left("metadata")] : []))
        for position in positions {
            let isLost = position.problem != nil
            var cells = [
                position.topicPartition.description, position.committed.offset.description,
                position.logStartOffset.description, position.endOffset.description,
                position.lag.map { Numbers.grouped($0) } ?? "unknown",
                position.oldestAge.map { Numbers.age($0) } ?? "",
                isLost ? "lost" : position.progress.rawValue, MomentText.format(position.committed.commitTime),
            ]
            if hasMembers { cells.append(position.member?.name ?? "") }
            if hasMetadata { cells.append(DisplayText.shortened(position.committed.metadata, to: 40)) }
            table.addRow(cells)
        }
        return table
    }
}

extension MemberDescription {
    /// As people know it.
    fileprivate var name: String { instanceID ?? (clientID.isEmpty ? memberID : clientID) }
}
