// Why an event was not published, and how that stands beside the event where rejected ones are kept: in two headers more, so
// that the record is otherwise the event's own and can be published again as it is.

public import DaybookRecords

/// Why an event is not written to the topic it was meant for.
public struct Rejection: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of reason it is.
    public enum Reason: String, Hashable, Sendable, CaseIterable {
        /// No rule is for an event of this type and content.
        case noRoute = "no-route"
        /// A validator has something against it.
        case invalid
        /// A transformation threw.
        case failedStep = "failed-step"
        /// Behind the steps it is no event any more, or larger than the topic takes.
        case unwritable
    }

    public let reason: Reason
    /// One sentence or more, for people.
    public let details: [String]

    init(_ reason: Reason, _ details: [String]) {
        self.reason = reason
        self.details = details
    }

    public var description: String { "The event is rejected (\(reason.rawValue)): \(details.joined(separator: "; "))" }
}

/// An event as it is kept in the topic of rejected ones.
public struct RejectedEvent: Hashable, Sendable {
    /// As it was given to the publisher, before any step.
    public let event: Event
    public let rejection: Rejection

    init(_ event: Event, _ rejection: Rejection) {
        self.event = event
        self.rejection = rejection
    }

    /// Reads what a publisher has kept. Throws `.missing` and what ``Event/init(_:)`` throws for other records.
    public init(_ record: Record) throws(EventError) {
        func text(_ name: String) throws(EventError) -> String {
            guard let header = record.headers.first(where: { $0.name == name }) else { throw .missing(name) }
            guard let text = header.value.flatMap({ String(validating: $0, as: UTF8.self) }) else {
                throw .invalidText(name)
            }
            return text
        }
        let word = try text(Self.reasonHeader)
        guard let reason = Rejection.Reason(rawValue: word) else { throw .invalidText(Self.reasonHeader) }
        let details = try text(Self.detailsHeader)
        event = try Event(record)
        rejection = Rejection(reason, details.split(separator: "\n").map(String.init))
    }

    /// The event's record with two headers more. Details are cut to 4 KiB, so that what is kept is not much larger than what
    /// was given.
    func record() throws(EventError) -> Record {
        var record = try event.record()
        let lines = rejection.details.map { $0.replacing(anyOf: "\n", with: " ") }.joined(separator: "\n")
        record.headers.append(RecordHeader(Self.reasonHeader, rejection.reason.rawValue))
        record.headers.append(
            RecordHeader(Self.detailsHeader, String(decoding: lines.utf8.prefix(4096), as: UTF8.self)))
        return record
    }

    // Not `ce_`: they are about the event, and none of its attributes.
    static let reasonHeader = "daybook_reject_reason"
    static let detailsHeader = "daybook_reject_details"
}

extension String {
    fileprivate func replacing(anyOf character: Character, with other: Character) -> String {
        String(map { $0 == character ? other : $0 })
    }
}
