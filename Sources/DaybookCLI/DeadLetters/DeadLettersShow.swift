// `daybook dead-letters show`: one event that a group has not done with, all that is known of it, and what waits behind it.
// Works for every open event, dead or not.

import ArgumentParser
import Daybook
import DaybookProcessing
import DaybookText

/// `dead-letters show`.
struct DeadLettersShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show an event that a group has set aside: attempts, errors, headers, body.",
        discussion: """
            Tells what the group's journal says of the event, as far as it reaches back, and the record as it stands in the log. \
            Bodies are shortened unless --full is given. Nothing is changed, and a process may be at work on the directory.
            """)

    @Argument(help: "The event: a partition and an offset, such as orders-0:15.", transform: EventPlace.parse)
    var event: EventPlace
    @OptionGroup var chosen: ProcessingGroupOptions
    @Flag(help: "Print the whole body.")
    var full = false
    @Flag(help: "Print one JSON object.")
    var json = false
    @OptionGroup var data: DataOptions

    /// Bytes of a body that are shown without `--full`.
    private static let shortBody = 1024

    func run() async throws {
        try await withReader(try data.directory()) { daybook in
            let group = try await StoredGroup(try chosen.name(in: daybook), in: daybook)
            let standing = try group.event(at: event)
            let history = try group.history(of: event)
            let record = try await group.record(at: event)
            let behind = try await behind(standing, in: group)
            if json {
                let object: JSONValue = [
                    "group": .string(group.name), "event": standing.json,
                    "history": .array(history.map(\.json)), "historyIsWhole": .bool(group.isWhole),
                    "waiting": .array(behind.map(\.json)),
                    "record": record.map { $0.json(limit: full ? nil : Self.shortBody) } ?? .null,
                ]
                return try StandardStream.output.writeLine(object.text)
            }
            var lines = [
                "event     \(event.text) of group \(group.name)", "key       \(KeyText.text(standing.key))",
                "state     \(standing.standing.sentence)",
                "attempts  \(standing.attempts)"
                    + (standing.firstAttempt.map { ", the first heard of at \(MomentText.format($0))" } ?? ""),
            ]
            if let note = standing.note { lines.append("error     \(note.type): \(note.text)") }
            lines.append(
                "history" + (group.isWhole ? "" : "   (what is older than the journal's snapshot is not kept)"))
            lines += history.map { "  \(MomentText.format($0.time))  \($0.step.sentence)" }
            if !behind.isEmpty { lines.append("behind it, in order") }
            lines += behind.map { "  \($0.place.text)  \($0.standing.sentence)" }
            lines += recordLines(record)
            try StandardStream.output.writeAll(
                lines.map { DisplayText.escaped($0) + "\n" }.joined().utf8)
        }
    }

    /// What waits in its lane because of it.
    private func behind(_ event: StandingEvent, in group: StoredGroup) async throws -> [StandingEvent] {
        guard let key = event.key else { return [] }
        let lane = try await group.lanes(of: key).first { $0.topicPartition == event.place.topicPartition }
        guard let lane, lane.head?.place == event.place else { return [] }
        return lane.events.dropFirst().filter { !$0.standing.isDead }
    }

    private func recordLines(_ record: Record?) -> [String] {
        guard let record else { return ["record    not in the log any more"] }
        var lines = ["headers"]
        for header in record.headers {
            lines.append("  \(header.name): \(header.value.map { KeyText.text($0) } ?? "null")")
        }
        guard let body = record.value else { return lines + ["body      none"] }
        lines.append("body      \(Numbers.bytes(body.count))")
        let isCut = !full && body.count > Self.shortBody
        let shown = isCut ? Array(body.prefix(Self.shortBody)) : body
        lines.append("  " + KeyText.text(shown, isCut: isCut))
        if isCut { lines.append("  … --full shows all of it") }
        return lines
    }
}

/// Keys, headers and bodies for people: text where they are text.
enum KeyText {
    static func text(_ bytes: [UInt8]?, isCut: Bool = false) -> String {
        guard let bytes else { return "(none)" }
        // A character may have been cut in two at the end.
        for drop in 0...(isCut ? min(3, bytes.count) : 0) {
            if let text = String(validating: bytes.dropLast(drop), as: UTF8.self) { return text }
        }
        var text: [UInt8] = []
        bytes.withUnsafeBytes { JSONText.appendBase64($0, to: &text) }
        return "base64:" + String(decoding: text, as: UTF8.self)
    }
}

extension EventStanding {
    var isDead: Bool { if case .dead = self { true } else { false } }

    /// One word, for tables and programs.
    var word: String {
        switch self {
        case .queued: "queued"
        case .waiting: "waiting"
        case .attempting: "attempting"
        case .retrying: "retrying"
        case .unknown: "unknown"
        case .dead: "dead"
        case .parked: "parked"
        }
    }

    var sentence: String {
        switch self {
        case .queued: "waits for its turn, or is at its first attempt"
        case .waiting(let moment): "waits for the revision before it until \(MomentText.format(moment))"
        case .attempting: "an attempt has begun, and its outcome is not known yet"
        case .retrying(let due): "failed, and is tried again at \(MomentText.format(due))"
        case .unknown(let due):
            "nobody knows whether it had its effect; what is done about it is due at \(MomentText.format(due))"
        case .dead(let reason, let since):
            "dead (\(reason.word))" + (since.map { " since \(MomentText.format($0))" } ?? "")
        case .parked(let offset): "parked behind the dead letter at offset \(offset)"
        }
    }
}
