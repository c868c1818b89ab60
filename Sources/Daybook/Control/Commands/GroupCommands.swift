// Moving and deleting groups, as commands, with their answers.
// What they do is `Daybook+Reset` and `Daybook+Offsets`.

public import DaybookModel

/// Puts a group to another place.
public struct ResetOffsets: ControlCommand {
    public static let verb = "reset-offsets"
    public var group: String
    public var target: OffsetResetTarget
    /// Whole topics, in addition to `partitions`; their partitions need not have been committed.
    public var topics: [String]
    public var partitions: [TopicPartition]
    /// Find out what would change, and change nothing. Works on a daybook that was opened for reading.
    public var isRehearsal: Bool

    /// Without topics and partitions: all that the group has committed something for.
    public init(
        _ group: String, to target: OffsetResetTarget, topics: [String] = [], partitions: [TopicPartition] = [],
        isRehearsal: Bool = false
    ) {
        self.group = group
        self.target = target
        self.topics = topics
        self.partitions = partitions
        self.isRehearsal = isRehearsal
    }

    /// Throws what ``Daybook/Daybook/resetOffsets(group:to:of:dryRun:)`` throws.
    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> OffsetResetPlan {
        let chosen = try daybook.partitions(of: topics, partitions)
        return try await daybook.resetOffsets(group: group, to: target, of: chosen, dryRun: isRehearsal)
    }

    public var controlValue: ControlValue {
        [
            "group": .string(group), "target": target.controlValue, "topics": topics.controlValue,
            "partitions": partitions.controlValue, "rehearsal": .bool(isRehearsal),
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            try value.field("group"), to: try value.field("target"), topics: try value.field("topics"),
            partitions: try value.field("partitions"), isRehearsal: try value.field("rehearsal"))
    }
}

/// Deletes a group, or what it has committed for some partitions.
public struct DeleteGroup: ControlCommand {
    public static let verb = "delete-group"
    public var group: String
    /// Whole topics, in addition to `partitions`.
    public var topics: [String]
    public var partitions: [TopicPartition]
    /// Find out what would be deleted, and delete nothing. Works on a daybook that was opened for reading.
    public var isRehearsal: Bool

    /// Without topics and partitions the group goes as a whole.
    public init(
        _ group: String, topics: [String] = [], partitions: [TopicPartition] = [], isRehearsal: Bool = false
    ) {
        self.group = group
        self.topics = topics
        self.partitions = partitions
        self.isRehearsal = isRehearsal
    }

    /// Returns what the group had committed, as far as it goes. Throws what ``Daybook/Daybook/deleteGroup(_:)`` throws.
    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> [TopicPartition: CommittedOffset] {
        let chosen = try daybook.partitions(of: topics, partitions)
        var going = try await daybook.committedOffsets(ofKnown: group)
        try daybook.committedOffsets.requireEmpty(group)
        if let chosen { going = going.filter { chosen.contains($0.key) } }
        if isRehearsal { return going }
        if let chosen {
            try await daybook.deleteOffsets(group: group, of: chosen)
        } else {
            try await daybook.deleteGroup(group)
        }
        return going
    }

    public var controlValue: ControlValue {
        [
            "group": .string(group), "topics": topics.controlValue, "partitions": partitions.controlValue,
            "rehearsal": .bool(isRehearsal),
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            try value.field("group"), topics: try value.field("topics"), partitions: try value.field("partitions"),
            isRehearsal: try value.field("rehearsal"))
    }
}

extension Daybook {
    /// The partitions of topics and some others; nil where neither are named. Throws `.unknownTopic`.
    fileprivate func partitions(
        of topics: [String], _ others: [TopicPartition]
    ) throws(DaybookError) -> [TopicPartition]? {
        if topics.isEmpty, others.isEmpty { return nil }
        var chosen = Set(others)
        for name in topics { chosen.formUnion(try topic(name).partitions) }
        return chosen.sorted()
    }
}

extension OffsetResetTarget: ControlRepresentable {
    /// `beginning`, `end`, `current`, or a value named by what it means.
    public var controlValue: ControlValue {
        switch self {
        case .offset(let offset): ["offset": offset.controlValue]
        case .timestamp(let time): ["timestamp": time.controlValue]
        case .appendTime(let time): ["appendTime": time.controlValue]
        case .shift(let distance): ["shift": .integer(distance)]
        case .beginning: "beginning"
        case .end: "end"
        case .current: "current"
        }
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        switch value {
        case "beginning": self = .beginning
        case "end": self = .end
        case "current": self = .current
        case .fields(let fields):
            guard fields.count == 1, let name = fields.keys.first else { throw .notRepresentable("expected one place") }
            switch name {
            case "offset": self = .offset(try value.field(name))
            case "timestamp": self = .timestamp(try value.field(name))
            case "appendTime": self = .appendTime(try value.field(name))
            case "shift": self = .shift(try value.field(name))
            default: throw .notRepresentable("\"\(name)\" is no place that a group can be put to")
            }
        default: throw .expected("a place in a log", value)
        }
    }
}

extension OffsetResetPlan: ControlRepresentable {
    public var controlValue: ControlValue {
        ["group": .string(group), "moves": moves.controlValue, "isApplied": .bool(isApplied)]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        group = try value.field("group")
        moves = try value.field("moves")
        isApplied = try value.field("isApplied")
    }
}

extension OffsetResetPlan.Move: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "partition": topicPartition.controlValue, "old": old.controlValue, "new": new.controlValue,
            "outOfRange": outOfRange.map { .integer($0.rawValue) } ?? .null,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        topicPartition = try value.field("partition")
        old = try value.field("old")
        new = try value.field("new")
        // A shift may have asked for an offset below 0.
        outOfRange = try value.field("outOfRange", as: Int64?.self).map { Offset($0) }
    }
}

extension CommittedOffset: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "offset": offset.controlValue, "epoch": leaderEpoch.controlValue, "metadata": .string(metadata),
            "time": commitTime.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            offset: try value.field("offset"), leaderEpoch: try value.field("epoch"),
            metadata: try value.field("metadata"), commitTime: try value.field("time"))
    }
}
