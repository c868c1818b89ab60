// `daybook dead-letters redrive` and `skip`: decisions about dead letters, many at once. Carried out by the processor that has the
// group, wherever that is, or on the group's journal where nobody has the directory open.

import ArgumentParser
import Daybook
import DaybookProcessing

/// Which dead letters a decision is about: named ones, those that have something in common, or all.
struct ChosenLetters: ParsableArguments {
    @Argument(help: "Events: partitions and offsets, such as orders-0:15.", transform: EventPlace.parse)
    var events: [EventPlace] = []
    @OptionGroup var letters: DeadLetterOptions
    @Flag(help: "All dead letters of the group.")
    var all = false

    var filter: DeadLetterFilter {
        var filter = letters.filter
        if !events.isEmpty { filter.places = events }
        return filter
    }

    func validate() throws {
        if filter.isEmpty != all {
            throw ValidationError(
                all
                    ? "--all is all: leave the events, --topic, --reason, --type and --key out."
                    : "Say which: name events, choose by --topic, --reason, --type or --key, or use --all.")
        }
    }
}

/// `dead-letters redrive`.
struct DeadLettersRedrive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive", abstract: "Have dead letters worked through again, each with what waits behind it.",
        discussion: """
            Events come in the order of the log, each key in its sequence. The id names the decision: a second redrive with the \
            same id does nothing, so a command that was interrupted can be given again. Without one an id is made up and printed.
            """)

    @OptionGroup var chosen: ChosenLetters
    @OptionGroup var group: ProcessingGroupOptions
    @OptionGroup var decision: DecisionOptions
    @Option(help: "The name of this redrive; one that has been used does nothing.")
    var id: String?
    @Flag(help: "Show what would be redriven, and change nothing.")
    var dryRun = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func validate() throws {
        if id?.isEmpty ?? false { throw ValidationError("--id needs a name.") }
    }

    func run() async throws {
        let directory = try data.directory()
        if dryRun {
            let (name, letters) = try await preview(directory, group, chosen.filter)
            return try print(group: name, letters.map(\.place), letters.reduce(0) { $0 + $1.parked.count }, nil, true)
        }
        let id = id ?? "redrive-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
        let by = try decision.decider()
        let (name, outcome) = try await decide(
            directory, group, GroupDecision(.redrive(id: id, chosen.filter), by: by, note: decision.note))
        try print(group: name, outcome.places, outcome.parkedCount, id, outcome.hasChanged)
    }

    private func print(
        group: String, _ places: [EventPlace], _ parked: Int, _ id: String?, _ hasChanged: Bool
    ) throws {
        if json {
            let object: JSONValue = [
                "group": .string(group), "id": .optional(id), "applied": .bool(!dryRun && hasChanged),
                "events": .array(places.map { .string($0.text) }), "behind": .integer(parked),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        let what = "\(counted(places.count, "dead letter")) of group \(group), and \(counted(parked, "event")) behind"
        if dryRun {
            for place in places { try StandardStream.output.writeLine(place.text) }
            return note("Nothing has been changed; without --dry-run this redrives \(what).")
        }
        try StandardStream.output.writeLine(
            DisplayText.escaped(
                hasChanged
                    ? "Redriven: \(what) (id \(id ?? ""))."
                    : "Nothing to do: no dead letter is meant, or the id \(id ?? "") has been used before."))
    }
}

/// `dead-letters skip`.
struct DeadLettersSkip: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skip", abstract: "Pass dead letters over; what waits behind them goes on.",
        discussion: """
            The events stay in the log, and the group's journal keeps who decided so and why. Events that are named may also be \
            parked, or wait for another attempt.
            """)

    @OptionGroup var chosen: ChosenLetters
    @OptionGroup var group: ProcessingGroupOptions
    @OptionGroup var decision: DecisionOptions
    @Flag(help: "Show what would be skipped, and change nothing.")
    var dryRun = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func run() async throws {
        let directory = try data.directory()
        var places = chosen.events
        let name: String
        if dryRun || !chosen.letters.filter.isEmpty || chosen.all {
            let (group, letters) = try await preview(directory, group, chosen.filter)
            (name, places) = (group, letters.map(\.place))
        } else {
            name = try await groupName(directory, group)
        }
        var outcome = GroupDecision.Outcome(hasChanged: false)
        if !dryRun, !places.isEmpty {
            let by = try decision.decider()
            outcome = try await decide(directory, group, GroupDecision(.skip(places), by: by, note: decision.note))
                .outcome
        }
        if json {
            let object: JSONValue = [
                "group": .string(name), "applied": .bool(outcome.hasChanged),
                "events": .array(places.map { .string($0.text) }),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        let what = "\(counted(places.count, "event")) of group \(name)"
        if dryRun {
            for place in places { try StandardStream.output.writeLine(place.text) }
            return note("Nothing has been changed; without --dry-run this skips \(what).")
        }
        try StandardStream.output.writeLine(
            DisplayText.escaped(places.isEmpty ? "Nothing to do: no dead letter is meant." : "Skipped \(what)."))
    }
}

// MARK: carrying out

/// The name of the group that is meant; throws a sentence where there is none.
func groupName(_ directory: String, _ group: ProcessingGroupOptions) async throws -> String {
    try await withReader(directory) { daybook in
        let name = try group.name(in: daybook)
        let names = StoredGroup.names(in: daybook)
        guard names.contains(name) else {
            throw CommandFailure(
                "Nothing is known of a processing group \"\(name)\"; "
                    + (names.isEmpty ? "there is none yet." : "there are \(names.joined(separator: ", "))."))
        }
        return name
    }
}

/// What a filter means now.
func preview(
    _ directory: String, _ group: ProcessingGroupOptions, _ filter: DeadLetterFilter
) async throws -> (group: String, letters: [DeadLetter]) {
    try await withReader(directory) { daybook in
        let stored = try await StoredGroup(try group.name(in: daybook), in: daybook)
        return (stored.name, try await stored.deadLetters(matching: filter))
    }
}

/// Carries out a decision wherever that has to be done.
func decide(
    _ directory: String, _ group: ProcessingGroupOptions, _ decision: GroupDecision
) async throws -> (group: String, outcome: GroupDecision.Outcome) {
    let name = try await groupName(directory, group)
    return try await withAdministration(directory) { administration in
        (name, try await GroupAdministration(administration, group: name).decide(decision))
    }
}
