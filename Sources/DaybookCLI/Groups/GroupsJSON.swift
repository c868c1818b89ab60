// Groups and their places as JSON, for `daybook groups … --json`.
// Moments are ISO 8601 texts, ages are milliseconds.

import Daybook

extension GroupSummary {
    var json: JSONValue {
        [
            "group": .string(group), "state": .string(progress.rawValue), "partitions": .integer(partitionsCount),
            "groupState": .string(self.state.rawValue), "members": .integer(membersCount), "lag": .integer(lag),
            "lastCommit": .optional(lastCommit.map { MomentText.format($0) }),
            "problems": .integer(problemsCount),
        ]
    }
}

extension GroupDescription {
    var json: JSONValue {
        let summary = summary
        return [
            "group": .string(group), "state": .string(summary.progress.rawValue), "lag": .integer(summary.lag),
            "lastCommit": .optional(summary.lastCommit.map { MomentText.format($0) }),
            "groupState": .string(state.rawValue), "assignor": .optional(assignor), "generation": .integer(generation),
            "members": .array(members.map(\.json)), "partitions": .array(positions.map(\.json)),
        ]
    }
}

extension MemberDescription {
    fileprivate var json: JSONValue {
        [
            "id": .string(memberID), "instance": .optional(instanceID), "client": .string(clientID),
            "assignment": .array(assignment.map { .string($0.description) }),
        ]
    }
}

extension GroupPosition {
    fileprivate var json: JSONValue {
        [
            "topic": .string(topicPartition.topic.description), "partition": .integer(topicPartition.partition),
            "committed": committed.json, "logStartOffset": .integer(logStartOffset.rawValue),
            "endOffset": .integer(endOffset.rawValue), "lag": .optional(lag),
            "oldestUnprocessed": .optional(oldestUnprocessed.map { MomentText.format($0) }),
            "oldestAge": .optional(oldestAge.map { Int64($0 / .milliseconds(1)) }),
            "state": .string(progress.rawValue), "member": .optional(member?.memberID),
            "problem": problem.map { ["code": .string($0.code.description), "message": .string($0.message)] } ?? .null,
        ]
    }
}

extension CommittedOffset {
    var json: JSONValue {
        [
            "offset": .integer(offset.rawValue), "epoch": .optional(leaderEpoch?.rawValue),
            "metadata": .string(metadata), "time": .string(MomentText.format(commitTime)),
        ]
    }
}

extension OffsetResetPlan {
    var json: JSONValue {
        [
            "group": .string(group), "applied": .bool(isApplied),
            "moves": .array(
                moves.map { move in
                    [
                        "topic": .string(move.topicPartition.topic.description),
                        "partition": .integer(move.topicPartition.partition), "old": move.old?.json ?? .null,
                        "new": .integer(move.new.rawValue), "distance": .optional(move.distance),
                        "outOfRange": .optional(move.outOfRange?.rawValue),
                    ]
                }),
        ]
    }
}
