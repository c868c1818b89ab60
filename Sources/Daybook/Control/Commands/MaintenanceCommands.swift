// Compacting, scrubbing and flushing, as commands, with their answers.
// What they do is `Daybook+Maintenance` and `Daybook.flush`.

public import DaybookModel

/// Compacts a topic now.
public struct CompactTopic: ControlCommand {
    public static let verb = "compact-topic"
    public var topic: String
    /// As in ``Daybook/Daybook/compact(_:rateLimit:memory:progress:)``.
    public var rateLimit: ByteCount?
    public var memory: ByteCount?

    public init(_ topic: String, rateLimit: ByteCount? = nil, memory: ByteCount? = nil) {
        self.topic = topic
        self.rateLimit = rateLimit
        self.memory = memory
    }

    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> [TopicPartition: CompactionStatus] {
        try await daybook.compact(topic, rateLimit: rateLimit, memory: memory) { report($0.controlValue) }
    }

    public var controlValue: ControlValue {
        ["topic": .string(topic), "rateLimit": rateLimit.controlValue, "memory": memory.controlValue]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            try value.field("topic"), rateLimit: try value.field("rateLimit"), memory: try value.field("memory"))
    }
}

/// Compares the closed segments of a topic, or of all, with their checksums.
public struct ScrubTopics: ControlCommand {
    public static let verb = "scrub-topics"
    /// Nil: all.
    public var topic: String?
    /// As in ``Daybook/Daybook/scrub(_:rateLimit:progress:)``.
    public var rateLimit: ByteCount?

    public init(_ topic: String? = nil, rateLimit: ByteCount? = nil) {
        self.topic = topic
        self.rateLimit = rateLimit
    }

    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> [TopicPartition: ScrubStatus] {
        try await daybook.scrub(topic, rateLimit: rateLimit) { report($0.controlValue) }
    }

    public var controlValue: ControlValue { ["topic": topic.controlValue, "rateLimit": rateLimit.controlValue] }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(try value.field("topic"), rateLimit: try value.field("rateLimit"))
    }
}

/// Makes everything appended so far durable, and lets readers in other processes see it.
public struct FlushTopics: ControlCommand {
    public static let verb = "flush-topics"

    public init() {}

    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> ControlValue {
        try await daybook.flushAndPublish()
        return .null
    }

    public var controlValue: ControlValue { .null }
    public init(controlValue value: ControlValue) {}
}

extension CompactionStatus: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "bytesRead": bytesRead.controlValue, "bytesSaved": bytesSaved.controlValue,
            "recordsDropped": recordsDropped.controlValue, "rounds": rounds.controlValue,
            "compactedTo": compactedTo.controlValue, "damagedSegments": damagedSegments.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        bytesRead = try value.field("bytesRead")
        bytesSaved = try value.field("bytesSaved")
        recordsDropped = try value.field("recordsDropped")
        rounds = try value.field("rounds")
        compactedTo = try value.field("compactedTo")
        damagedSegments = try value.field("damagedSegments")
    }
}

extension ScrubStatus: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "time": time.controlValue, "segments": segmentsCount.controlValue, "bytes": bytes.controlValue,
            "damagedSegments": damagedSegmentsCount.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        time = try value.field("time")
        segmentsCount = try value.field("segments")
        bytes = try value.field("bytes")
        damagedSegmentsCount = try value.field("damagedSegments")
    }
}
