// `daybook dead-letters replace`: another event in the place of a dead one, made of the original and what is given.
// What a replacement is, and who handles it, is `Processor.replace`'s to say.

import ArgumentParser
import Daybook
import DaybookProcessing
import Foundation

/// `dead-letters replace`.
struct DeadLettersReplace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace", abstract: "Put a corrected event in the place of a dead letter.",
        discussion: """
            The replacement has the attributes of the original but for those given, and the body of the file. It is appended to the \
            topic and gets the turn of the original, before what waits behind that; the original stays in the log. Other groups pass \
            the replacement over. A record that is no event needs --event-id, --source and --type.
            """)

    @Argument(help: "The dead letter: a partition and an offset, such as orders-0:15.", transform: EventPlace.parse)
    var event: EventPlace
    @Option(help: ArgumentHelp("The file with the body; - for standard input.", valueName: "file"))
    var body: String?
    @Option(help: "Another id than the original's.")
    var eventID: String?
    @Option(help: "Another source than the original's.")
    var source: String?
    @Option(help: "Another type than the original's.")
    var type: String?
    @Option(help: "Another media type than the original's.")
    var contentType: String?
    @OptionGroup var chosen: ProcessingGroupOptions
    @OptionGroup var decision: DecisionOptions
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    func validate() throws {
        if [body, eventID, source, type, contentType].allSatisfy({ $0 == nil }) {
            throw ValidationError("Say what is to be different: --body FILE, --type or another attribute.")
        }
    }

    func run() async throws {
        let directory = try data.directory()
        let by = try decision.decider()
        let replacement = try await replacement(of: try await original(directory))
        let (group, outcome) = try await decide(
            directory, chosen, GroupDecision(.replace(event, with: replacement), by: by, note: decision.note))
        let place = outcome.replacement?.text ?? ""
        if json {
            let object: JSONValue = [
                "group": .string(group), "event": .string(event.text), "replacement": .string(place),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        try StandardStream.output.writeLine(
            DisplayText.escaped("Replaced \(event.text) by \(place) in group \(group)."))
    }

    /// Nil where the record is not in the log any more.
    private func original(_ directory: String) async throws -> Record? {
        try await withReader(directory) { daybook in
            let group = try await StoredGroup(try chosen.name(in: daybook), in: daybook)
            _ = try group.event(at: event)
            return try await group.record(at: event)
        }
    }

    private func replacement(of record: Record?) async throws -> Event {
        var event: Event
        do {
            guard let record else { throw EventError.missing("record") }
            event = try Event(record)
        } catch is EventError {
            guard let eventID, let source, let type else {
                throw ValidationError(
                    "The record \(self.event.text) is no event, or not in the log any more: add --event-id, --source and --type."
                )
            }
            event = Event(id: eventID, source: source, type: type)
            event.body = record?.value
        }
        if let eventID { event.id = eventID }
        if let source { event.source = source }
        if let type { event.type = type }
        if let contentType { event.contentType = contentType }
        if let body {
            let input = try ByteInput(body)
            var bytes: [UInt8] = []
            while let part = try input.next() { bytes += part }
            event.body = bytes
        }
        return event
    }
}
