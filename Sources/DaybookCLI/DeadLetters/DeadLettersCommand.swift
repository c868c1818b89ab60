// `daybook dead-letters`: events that a processing group has set aside, and what is done about them. Those that only look fold the
// group's journal beside a live process.

import ArgumentParser
import Daybook
import DaybookProcessing

/// The commands on dead letters.
struct DeadLettersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters",
        abstract: "List, show and decide about events that a processing group has set aside.",
        subcommands: [
            DeadLettersList.self, DeadLettersShow.self, DeadLettersRedrive.self, DeadLettersSkip.self,
            DeadLettersReplace.self,
        ])
}

/// `dead-letters list`.
struct DeadLettersList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the dead letters of a group, or of all groups.",
        discussion: """
            A dead letter is a place in the log: the event itself stays where it is. Waiting counts the events that are set \
            aside behind it because they have the same key. Nothing is changed, and a process may be at work on the directory.
            """)

    @OptionGroup var chosen: ProcessingGroupOptions
    @OptionGroup var letters: DeadLetterOptions
    @Flag(help: "Print one JSON array.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        try await withReader(try data.directory()) { daybook in
            var rows: [(group: String, letter: DeadLetter)] = []
            var stops: [(group: String, reason: StopReason)] = []
            for name in chosen.names(in: daybook) {
                let group = try await StoredGroup(name, in: daybook)
                for letter in try await group.deadLetters(matching: letters.filter) { rows.append((name, letter)) }
                if let stop = group.stop { stops.append((name, stop)) }
            }
            if json {
                return try StandardStream.output.writeLine(JSONValue.array(rows.map { $1.json(group: $0) }).text)
            }
            var table = TextTable(columns: [
                .left("group"), .left("event"), .left("since"), .left("reason"), .left("type"), .left("key"),
                .right("attempts"), .right("waiting"), .left("error"),
            ])
            for (group, letter) in rows {
                table.addRow([
                    group, letter.place.text, letter.since.map { MomentText.format($0) } ?? "",
                    letter.reason.word, letter.isLost ? "(record lost)" : letter.type ?? "(no event)",
                    KeyText.text(letter.key), Numbers.grouped(letter.attempts), Numbers.grouped(letter.parked.count),
                    letter.note.map { DisplayText.shortened("\($0.type): \($0.text)", to: 60) } ?? "",
                ])
            }
            if rows.isEmpty {
                note("There are no \(letters.filter.isEmpty ? "" : "such ")dead letters.")
            } else {
                try StandardStream.output.writeAll(table.render().utf8)
            }
            for (group, reason) in stops { note("Group \(group) is stopped: \(reason.sentence).") }
        }
    }
}
