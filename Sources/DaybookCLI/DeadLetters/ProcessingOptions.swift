// What commands on processing groups share: which group, which dead letters, who decides, and places and keys as people write them.
// What is done with them is in the files of the commands.

import ArgumentParser
import Daybook
import DaybookProcessing
import FoundationEssentials

/// Which group.
struct ProcessingGroupOptions: ParsableArguments {
    @Option(help: "The processing group; not needed where there is only one.")
    var group: String?

    /// The group, or the only one there is. Throws a sentence where there are several, or none.
    func name(in daybook: Daybook) throws -> String {
        if let group { return group }
        let names = StoredGroup.names(in: daybook)
        guard let only = names.first else {
            throw CommandFailure("There is no processing group yet: no processor has run on this directory.")
        }
        guard names.count == 1 else {
            throw CommandFailure("Name the group with --group: there are \(names.joined(separator: ", ")).")
        }
        return only
    }

    /// The group, or all there are.
    func names(in daybook: Daybook) -> [String] { group.map { [$0] } ?? StoredGroup.names(in: daybook) }
}

/// Which dead letters, by what they have in common.
struct DeadLetterOptions: ParsableArguments {
    @Option(help: "Only those of this topic.")
    var topic: String?
    @Option(
        help: ArgumentHelp("Only those with this reason: \(DeadLetterReason.words).", valueName: "reason"),
        transform: { text in
            guard let reason = DeadLetterReason(word: text) else {
                throw ValidationError("use one of \(DeadLetterReason.words)")
            }
            return reason
        })
    var reason: DeadLetterReason?
    @Option(help: "Only events of this type: a name or a pattern such as 'crm.order.*'.")
    var type: String?
    @Option(help: "Only those with this key.")
    var key: String?

    var filter: DeadLetterFilter {
        DeadLetterFilter(topic: topic, reason: reason, types: type, key: key.map { Array($0.utf8) })
    }
}

/// Who decides, and why.
struct DecisionOptions: ParsableArguments {
    @Option(help: "Who decides; otherwise the name of the user. It is kept.")
    var by: String?
    @Option(help: "Why, for whoever asks later. It is kept.")
    var note: String

    func validate() throws {
        if note.isEmpty { throw ValidationError("--note needs a few words: they are kept for whoever asks later.") }
        if by?.isEmpty ?? false { throw ValidationError("--by needs a name.") }
    }

    /// Throws a sentence where nobody is named and the user has no name.
    func decider() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        guard let name = by ?? environment["USER"] ?? environment["LOGNAME"], !name.isEmpty else {
            throw ValidationError("Say who decides with --by NAME.")
        }
        return name
    }
}

extension EventPlace {
    /// `orders-0:15`: a partition, a colon and an offset.
    static func parse(_ text: String) throws -> EventPlace {
        guard let colon = text.lastIndex(of: ":"), let partition = TopicPartition(folderName: String(text[..<colon])),
            let offset = Int64(text[text.index(after: colon)...]), offset >= 0
        else { throw ValidationError("use a partition and an offset such as orders-0:15") }
        return EventPlace(partition, Offset(offset))
    }

    /// As `parse` reads it.
    var text: String { "\(topicPartition):\(offset)" }
}

extension DeadLetterReason {
    var word: String { "\(self)" }
    init?(word: String) {
        guard let reason = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = reason
    }
    static var words: String { allCases.map(\.word).joined(separator: ", ") }
}

extension StopReason {
    /// After "the group is stopped: ".
    var sentence: String {
        switch self {
        case .deadLetters: "so many events in a row were dead-lettered that something else must be wrong"
        case .parked: "more events are parked behind dead letters than it allows"
        case .deadLetterShare: "the share of dead letters among its latest events was too large"
        case .policy: "an event was dead-lettered, and its policy is to stop then"
        }
    }
}
