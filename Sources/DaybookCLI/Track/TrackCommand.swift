// `daybook track`: what became of every event in every processing group. The database is a projection of the groups' journals; it
// is brought up to date first, beside a live process too. Options are in `TrackOptions`.

import ArgumentParser
import Daybook
import DaybookProcessing
import DaybookTracking

/// The commands on tracking.
struct TrackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "track",
        abstract: "Show what became of every event in every processing group.",
        discussion: """
            Without a subcommand it lists events. The database is tracking.sqlite in the data directory unless --database names \
            another one; where it is behind the journals of the groups, or not there at all, it is brought up to date first. \
            A process may be at work on the directory, with or without a tracker of its own.
            """,
        subcommands: [TrackList.self, TrackCounts.self, TrackRebuild.self], defaultSubcommand: TrackList.self)
}

/// `track list`.
struct TrackList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List events, in the order of the log.",
        discussion: """
            Statuses: \(TrackedStatus.words). Done are events of which the journal, when tracking came to read it, only knew \
            that they had been dealt with. Options of one name are alternatives, those of different names must all hold.
            """)

    @OptionGroup var options: TrackOptions
    @OptionGroup var filter: TrackFilterOptions
    @Option(help: "At most so many events.")
    var limit = 100
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if !(1...1_000_000).contains(limit) { throw ValidationError("--limit needs a number from 1 to 1000000.") }
    }

    func run() async throws {
        let state = try await options.prepared()
        let page = try await state.tracking.events(filter.filter, limit: limit)
        if json {
            let value: JSONValue = [
                "groups": .array(state.groups.map(\.json)), "events": .array(page.events.map(\.json)),
                "hasMore": .bool(page.next != nil),
            ]
            return try StandardStream.output.writeLine(value.text)
        }
        if page.events.isEmpty {
            note("There are no \(filter.filter == TrackingFilter() ? "" : "such ")events.")
        } else {
            try StandardStream.output.writeAll(Self.table(page.events).render().utf8)
        }
        if page.next != nil { note("There are more; name a larger --limit, or ask for less.") }
        state.tell()
    }

    private static func table(_ events: [TrackedEvent]) -> TextTable {
        var table = TextTable(columns: [
            .left("group"), .left("event"), .left("status"), .left("type"), .left("key"), .right("attempts"),
            .left("last"), .left("why"),
        ])
        for event in events {
            let place = "\(event.place.topicPartition):\(event.place.offset)"
            table.addRow([
                event.group, place, event.status.rawValue, event.type ?? "(no event)", event.key ?? "",
                Numbers.grouped(event.attempts), event.lastAttempt.map { MomentText.format($0) } ?? "",
                DisplayText.shortened(event.why, to: 70),
            ])
        }
        return table
    }
}

/// `track counts`.
struct TrackCounts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counts", abstract: "Count events by group, status and reason.")

    @OptionGroup var options: TrackOptions
    @OptionGroup var filter: TrackFilterOptions
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        let state = try await options.prepared()
        let counts = try await state.tracking.counts(filter.filter)
        if json {
            let value: JSONValue = [
                "groups": .array(state.groups.map(\.json)),
                "counts": .array(
                    counts.map {
                        [
                            "group": .string($0.group), "status": .string($0.status.rawValue),
                            "reason": .optional($0.reason), "count": .integer($0.count),
                        ]
                    }),
            ]
            return try StandardStream.output.writeLine(value.text)
        }
        var table = TextTable(columns: [.left("group"), .left("status"), .left("reason"), .right("events")])
        for count in counts {
            table.addRow([count.group, count.status.rawValue, count.reason ?? "", Numbers.grouped(count.count)])
        }
        if counts.isEmpty {
            note("There are no \(filter.filter == TrackingFilter() ? "" : "such ")events.")
        } else {
            try StandardStream.output.writeAll(table.render().utf8)
        }
        state.tell()
    }
}

/// `track rebuild`.
struct TrackRebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild", abstract: "Build the rows of all groups anew from their journals.",
        discussion: """
            The rows are the same as before, but for what neither the journal nor the log knows any more: a journal lets go of \
            its beginning when it has a snapshot. A tracker that follows the same database goes on from there.
            """)

    @OptionGroup var options: TrackOptions

    func run() async throws {
        guard let directory = try options.directory() else {
            throw ValidationError("Name the data directory with --data DIR, or set DAYBOOK_DATA.")
        }
        let database = try options.database(directory)
        let progress = Progress(label: "Journal entries folded")
        let groups = try await withReader(directory) { daybook in
            try await Tracker(daybook, database: database).rebuild { progress.update(Int($0.journalPosition.rawValue)) }
        }
        progress.finish()
        if groups.isEmpty { return note("There is no processing group yet: no processor has run on this directory.") }
        let counts = try await Tracking(database).counts()
        for group in groups {
            let events = counts.filter { $0.group == group.group }.reduce(0) { $0 + $1.count }
            let text = "\(group.group): \(counted(events, "event")), journal up to entry \(group.journalPosition)"
            try StandardStream.output.writeLine(DisplayText.escaped(text))
        }
    }
}
