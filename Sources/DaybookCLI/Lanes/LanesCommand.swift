// `daybook lanes`: the keys of a processing group that do not get on, and what is done about them. Those that only look fold the
// group's journal beside a live process.

import ArgumentParser
import Daybook
import DaybookProcessing
import FoundationEssentials

/// The commands on lanes.
struct LanesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lanes",
        abstract: "List, show and decide about the keys of a processing group that do not get on.",
        subcommands: [
            LanesList.self, LanesShow.self, LanesHold.self, LanesRelease.self, LanesRetry.self, LanesResume.self,
        ])
}

/// `lanes list`.
struct LanesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the lanes that are held, or wait behind an event that does not get on.",
        discussion: """
            A lane is the sequence of events of one key in one partition. Its head is a dead letter, or an event that has failed \
            and is tried again, is in doubt, or waits for the revision before it; lanes that somebody holds are listed too.
            """)

    @OptionGroup var chosen: ProcessingGroupOptions
    @Flag(help: "Print one JSON array.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        try await withReader(try data.directory()) { daybook in
            var rows: [(group: String, lane: LaneReport)] = []
            var stops: [(group: String, reason: StopReason)] = []
            for name in chosen.names(in: daybook) {
                let group = try await StoredGroup(name, in: daybook)
                for lane in group.blockedLanes { rows.append((name, lane)) }
                if let stop = group.stop { stops.append((name, stop)) }
            }
            if json {
                return try StandardStream.output.writeLine(JSONValue.array(rows.map { $1.json(group: $0) }).text)
            }
            var table = TextTable(columns: [
                .left("group"), .left("partition"), .left("key"), .left("head"), .left("state"), .right("behind"),
                .left("why"),
            ])
            for (group, lane) in rows {
                let head = lane.head
                table.addRow([
                    group, lane.topicPartition.description, KeyText.text(lane.key),
                    head?.place.offset.description ?? "",
                    lane.hold == nil ? head?.standing.word ?? "" : "held",
                    Numbers.grouped(max(0, lane.events.count - 1)), DisplayText.shortened(lane.why, to: 100),
                ])
            }
            if rows.isEmpty {
                note("Every lane gets on.")
            } else {
                try StandardStream.output.writeAll(table.render().utf8)
            }
            for (group, reason) in stops { note("Group \(group) is stopped: \(reason.sentence).") }
        }
    }
}

/// `lanes show`.
struct LanesShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show what stands in the lane of a key, the head first.",
        discussion: """
            Shows the lanes of the key in all partitions of the group, with all that waits in them. Nothing is changed, and a \
            process may be at work on the directory.
            """)

    @OptionGroup var lane: LaneKeyOptions
    @OptionGroup var chosen: ProcessingGroupOptions
    @Flag(help: "Print one JSON array.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        try await withReader(try data.directory()) { daybook in
            let group = try await StoredGroup(try chosen.name(in: daybook), in: daybook)
            let lanes = try await group.lanes(of: try lane.bytes())
            if json {
                return try StandardStream.output.writeLine(
                    JSONValue.array(lanes.map { $0.json(group: group.name) }).text)
            }
            if lanes.isEmpty {
                note("Nothing stands in a lane of the key \(lane.key): all its events are done, or there are none.")
            }
            for lane in lanes {
                var lines = ["\(KeyText.text(lane.key)) in \(lane.topicPartition)"]
                if let hold = lane.hold {
                    lines.append("  held by \(hold.by) since \(MomentText.format(hold.since)): \(hold.note)")
                }
                for event in lane.events {
                    lines.append(
                        "  \(event.place.text)  \(event.standing.sentence)"
                            + (event.attempts > 0 ? ", \(counted(event.attempts, "attempt"))" : "")
                            + (event.note.map { ", \($0.type): \($0.text)" } ?? ""))
                }
                try StandardStream.output.writeAll(lines.map { DisplayText.escaped($0) + "\n" }.joined().utf8)
            }
        }
    }
}

/// The key of a lane.
struct LaneKeyOptions: ParsableArguments {
    @Argument(help: "The key; base64:… for one that is no text.")
    var key: String

    /// Throws a sentence where it is no key.
    func bytes() throws -> [UInt8] {
        guard key.hasPrefix("base64:") else { return Array(key.utf8) }
        guard let data = Data(base64Encoded: String(key.dropFirst(7))) else {
            throw ValidationError("What follows base64: is no base64.")
        }
        return Array(data)
    }
}

extension LaneReport {
    /// Why it does not get on, in short.
    fileprivate var why: String {
        if let hold { return "held by \(hold.by) since \(MomentText.format(hold.since)): \(hold.note)" }
        guard let head else { return "" }
        return head.standing.sentence + (head.note.map { "; \($0.type): \($0.text)" } ?? "")
    }
}
