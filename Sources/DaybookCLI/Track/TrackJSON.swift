// Tracked events as JSON, and in one line why they stand where they stand. Names are those of the columns in the database, in
// the style of the other commands.

import Daybook
import DaybookProcessing
import DaybookTracking

extension TrackedEvent {
    var json: JSONValue {
        func moment(_ time: Timestamp?) -> JSONValue { .optional(time.map { MomentText.format($0) }) }
        return [
            "group": .string(group), "topic": .string(place.topicPartition.topic.description),
            "partition": .integer(place.topicPartition.partition), "offset": .integer(place.offset.rawValue),
            "eventId": .optional(eventID), "source": .optional(source), "type": .optional(type),
            "time": moment(time), "key": .optional(key), "revision": .optional(revision),
            "correlationId": .optional(correlationID), "causationId": .optional(causationID),
            "payloadDigest": .optional(payloadDigest), "status": .string(status.rawValue),
            "attempts": .integer(attempts), "firstSeen": moment(firstSeen), "lastAttempt": moment(lastAttempt),
            "due": moment(due), "reason": .optional(reason), "errorType": .optional(errorType),
            "message": .optional(message), "downstream": .optional(downstream), "reference": .optional(reference),
            "behind": .optional(behind?.rawValue), "holdsKey": .bool(holdsKey),
            "journalPosition": .optional(journalPosition?.rawValue),
        ]
    }

    /// The reason, what it waits for, and what the last failure said.
    var why: String {
        var parts: [String] = []
        if let reason { parts.append(reason) }
        if let behind { parts.append("behind \(place.topicPartition):\(behind)") }
        if let due { parts.append("due \(MomentText.format(due))") }
        if status != .succeeded, let message { parts.append(message) }
        if let reference { parts.append(reference) }
        return parts.joined(separator: " · ")
    }
}

extension TrackedGroup {
    var json: JSONValue {
        [
            "group": .string(group), "journalPosition": .integer(journalPosition.rawValue),
            "time": .optional(time.map { MomentText.format($0) }), "entriesBehind": .optional(entriesBehind),
        ]
    }
}
