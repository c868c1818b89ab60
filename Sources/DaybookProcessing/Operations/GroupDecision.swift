// What people decide about a group, as values, and what it came to: the same whether it is carried out by a processor at work or on
// the journal of a group that nobody has. How it is carried out is in `GroupWorker+Decisions` and `StoredGroup+Decisions`.

public import DaybookModel
internal import DaybookRecords

/// A decision about a group: what is to be done, who says so, and why.
public struct GroupDecision: Sendable, Hashable {
    /// What is to be done.
    public enum Operation: Sendable, Hashable {
        /// Dead letters, each with what is parked behind it, are worked through again, in order. `id` names the decision: a second
        /// one with it does nothing, whatever became of the first.
        case redrive(id: String, DeadLetterFilter)
        /// Events are passed over. What is parked behind them goes on.
        case skip([EventPlace])
        /// A dead letter is passed over, and another event takes its place in its lane. See ``Processor/replace(_:with:by:note:)``.
        case replace(EventPlace, with: Event)
        /// Takes up no event of a key any more; an attempt that is under way ends as ever.
        case hold(key: [UInt8], of: TopicPartition)
        /// Goes on with a key that was held.
        case release(key: [UInt8], of: TopicPartition)
        /// What is due later at the head of a lane is due now. Only its turn comes sooner: limits of its downstream stay.
        case retry(key: [UInt8], of: TopicPartition)
        /// Goes on with a group that had stopped.
        case resume
    }

    public var operation: Operation
    public var by: String
    public var note: String

    public init(_ operation: Operation, by: String, note: String) {
        self.operation = operation
        self.by = by
        self.note = note
    }

    /// What a decision came to.
    public struct Outcome: Sendable, Hashable {
        public init(hasChanged: Bool = true) { self.hasChanged = hasChanged }

        /// The events that it was about: those redriven, skipped, replaced, or to be tried now.
        public var places: [EventPlace] = []
        /// The events parked behind those, which go on as well.
        public var parkedCount = 0
        /// Whether it changed something; false for the second redrive of an id, and where there was nothing to do.
        public var hasChanged = true
        /// Where the replacement stands.
        public var replacement: EventPlace?
    }
}

/// How a replacement's record says that it is one: other groups pass it over, since it stands for an event that they have on their
/// own account.
struct ReplacementMark: Hashable, Sendable {
    /// The last header of the record. Not `ce_`: it is none of the event's attributes.
    static let header = "daybook_replaces"

    let place: EventPlace
    let group: String

    /// `orders-0:15 accounting`.
    var text: String { "\(place.topicPartition):\(place.offset) \(group)" }

    /// The group that the record is for, where it is a replacement. O(headers).
    static func group(of record: borrowing RecordView) -> String? {
        var index = 0
        let last = record.headerCount - 1
        var text: String?
        record.forEachHeader { name, value in
            if index == last, let value, name.withUnsafeBytes({ $0.elementsEqual(Self.header.utf8) }) {
                text = value.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
            }
            index += 1
        }
        guard let text, let blank = text.firstIndex(of: " ") else { return nil }
        return String(text[text.index(after: blank)...])
    }
}

/// A replacement's record. Throws `.invalidReplacement` where the event cannot stand in the other one's place.
struct Replacement {
    let record: Record

    init(_ event: Event, for facts: EventFacts, at place: EventPlace, of group: String) throws(ProcessingError) {
        var event = event
        if let key = facts.lane.bytes {
            if let other = event.partitionKey, Array(other.utf8) != key {
                throw ProcessingError(
                    .invalidReplacement,
                    "The replacement has the key \"\(other)\", another one than the event \(place): it could not take its place "
                        + "in the order of the key", place: place)
            }
            event.partitionKey = nil
        }
        if let revision = facts.revision {
            guard event.sequence.map({ $0 == revision }) ?? true else {
                throw ProcessingError(
                    .invalidReplacement,
                    "The replacement is revision \(event.sequence ?? 0) and the event \(place) revision \(revision); revisions of "
                        + "a key are handled one after the other, so it must be the same", place: place)
            }
            event.sequence = revision
        }
        do throws(EventError) {
            var record = try event.record()
            if let key = facts.lane.bytes { record.key = key }
            record.headers.append(
                RecordHeader(ReplacementMark.header, ReplacementMark(place: place, group: group).text))
            self.record = record
        } catch {
            throw ProcessingError(.invalidReplacement, "The replacement is no event: \(error)", place: place)
        }
    }
}
