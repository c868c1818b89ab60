// Dead letters, standing events, lanes and histories as JSON, and a history's steps as sentences. Moments are ISO 8601 texts; keys,
// headers and bodies are strings where they are UTF-8 and `{"base64":"…"}` where they are not.

import Daybook
import DaybookProcessing
import DaybookText

extension DeadLetter {
    func json(group: String) -> JSONValue {
        [
            "group": .string(group), "topic": .string(place.topicPartition.topic.description),
            "partition": .integer(place.topicPartition.partition), "offset": .integer(place.offset.rawValue),
            "event": .string(place.text), "key": JSONText.value(bytes: key), "type": .optional(type),
            "reason": .string(reason.word), "since": .optional(since.map { MomentText.format($0) }),
            "attempts": .integer(attempts), "error": note?.json ?? .null, "lost": .bool(isLost),
            "waiting": .array(parked.map { .integer($0.rawValue) }),
        ]
    }
}

extension StandingEvent {
    var json: JSONValue {
        [
            "event": .string(place.text), "topic": .string(place.topicPartition.topic.description),
            "partition": .integer(place.topicPartition.partition), "offset": .integer(place.offset.rawValue),
            "key": JSONText.value(bytes: key), "state": .string(standing.word),
            "reason": .optional(standing.reason?.word),
            "since": .optional(standing.since.map { MomentText.format($0) }),
            "due": .optional(standing.due.map { MomentText.format($0) }), "attempts": .integer(attempts),
            "firstAttempt": .optional(firstAttempt.map { MomentText.format($0) }), "error": note?.json ?? .null,
        ]
    }
}

extension EventStanding {
    fileprivate var reason: DeadLetterReason? { if case .dead(let reason, _) = self { reason } else { nil } }
    fileprivate var since: Timestamp? { if case .dead(_, let since) = self { since } else { nil } }

    /// When something will be done about it by itself.
    var due: Timestamp? {
        switch self {
        case .waiting(let moment), .retrying(let moment), .unknown(let moment): moment
        case .queued, .attempting, .dead, .parked: nil
        }
    }
}

extension LaneReport {
    func json(group: String) -> JSONValue {
        [
            "group": .string(group), "topic": .string(topicPartition.topic.description),
            "partition": .integer(topicPartition.partition), "key": JSONText.value(bytes: key),
            "hold": hold.map {
                [
                    "by": .string($0.by), "note": .string($0.note), "since": .string(MomentText.format($0.since)),
                ]
            } ?? .null, "events": .array(events.map(\.json)),
        ]
    }
}

extension FailureNote {
    fileprivate var json: JSONValue { ["type": .string(type), "text": .string(text)] }
}

extension EventHistoryEntry {
    var json: JSONValue { ["time": .string(MomentText.format(time)), "step": .string(step.sentence)] }
}

extension EventStep {
    var sentence: String {
        func error(_ note: FailureNote?) -> String { note.map { " (\($0.type): \($0.text))" } ?? "" }
        return switch self {
        case .waited(let moment): "waits for the revision before it until \(MomentText.format(moment))"
        case .intended: "an attempt begins"
        case .failed(let attempts, let due, let note):
            "attempt \(attempts) failed, the next one is due at \(MomentText.format(due))\(error(note))"
        case .unknown(let attempts, let due, let note):
            "attempt \(attempts) ended and nobody knows how, to be found out at \(MomentText.format(due))\(error(note))"
        case .doubted(let note): "nobody knows whether an attempt was made\(error(note))"
        case .succeeded(let reference, let isAdopted):
            "succeeded\(isAdopted ? " by an earlier attempt" : "")\(reference.map { ", reference \($0)" } ?? "")"
        case .skipped(let reason): "skipped: \(reason.sentence)"
        case .deadLettered(let reason, let attempts, let note):
            "dead-lettered (\(reason.word)) after \(counted(attempts, "attempt"))\(error(note))"
        case .parked(let offset): "parked behind offset \(offset)"
        case .redriven(let id, let by, let note): "redriven by \(by), id \(id): \(note)"
        case .hastened(let by, let note): "due now, said \(by): \(note)"
        }
    }
}

extension SkipReason {
    var sentence: String {
        switch self {
        case .filtered: "no handler is there for it"
        case .duplicate(let offset, _): "its effect had happened, by the event at offset \(offset)"
        case .stale: "a later revision was done"
        case .decided(let by, let note): "\(by) decided so: \(note)"
        case .replaced(let offset, let by, let note): "\(by) has replaced it by the event at offset \(offset): \(note)"
        }
    }
}

extension Record {
    /// `limit`: so many bytes of the body at most.
    func json(limit: Int?) -> JSONValue {
        let body = value.map { Array($0.prefix(limit ?? .max)) }
        return [
            "timestamp": .optional(timestamp.map { MomentText.format($0) }),
            "headers": .array(headers.map { ["name": .string($0.name), "value": JSONText.value(bytes: $0.value)] }),
            "body": JSONText.value(bytes: body), "bodyBytes": .optional(value?.count),
            "bodyIsCut": .bool(body?.count != value?.count),
        ]
    }
}

extension JSONText {
    /// Bytes that are at hand.
    fileprivate static func value(bytes: [UInt8]?) -> JSONValue { bytes.map { value($0.span.bytes) } ?? .null }
}
