// Deleting the oldest records of a topic, as a command: what is to go, and what went.
// The deletion itself is `Daybook.deleteRecords`.

public import DaybookModel

/// Deletes the oldest records of one partition of a topic, or of all.
public struct DeleteRecords: ControlCommand {
    /// What is kept.
    public enum Bound: Sendable, Hashable {
        /// From this offset on; for one partition only.
        case offset(Offset)
        /// What was appended at or after this moment.
        case time(Timestamp)
    }

    /// What became of a partition.
    public struct Deletion: Sendable, Hashable {
        public let topicPartition: TopicPartition
        /// Where the log began before.
        public let oldLogStartOffset: Offset
        /// Where it begins now, or would.
        public let logStartOffset: Offset
    }

    public static let verb = "delete-records"
    public var topic: String
    /// Nil: all of the topic's.
    public var partition: Int32?
    public var before: Bound
    /// Find out what would be deleted, and delete nothing. Works on a daybook that was opened for reading.
    public var isRehearsal: Bool

    public init(topic: String, partition: Int32? = nil, before: Bound, isRehearsal: Bool = false) {
        self.topic = topic
        self.partition = partition
        self.before = before
        self.isRehearsal = isRehearsal
    }

    /// Throws `.unknownPartition`, `.offsetOutOfRange` for an offset behind the high watermark, and `.invalidRequest` for an
    /// offset without a partition.
    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> [Deletion] {
        var deletions: [Deletion] = []
        for topicPartition in try partitions(of: try daybook.topic(topic)) {
            let offsets = try await daybook.offsets(topicPartition)
            let target = try await target(topicPartition, offsets, daybook)
            let start = isRehearsal ? target : try await daybook.deleteRecords(topicPartition, before: target)
            deletions.append(
                Deletion(
                    topicPartition: topicPartition, oldLogStartOffset: offsets.logStartOffset, logStartOffset: start))
        }
        return deletions
    }

    private func partitions(of topic: Topic) throws(DaybookError) -> [TopicPartition] {
        guard let partition else {
            if case .offset = before {
                throw DaybookError(.invalidRequest, "An offset is one of a partition: name the partition")
            }
            return topic.partitions
        }
        guard topic.partitions.indices.contains(Int(partition)) else {
            throw DaybookError(
                .unknownPartition,
                "Topic \(topic.name) has partitions 0 to \(topic.partitionsCount - 1), not \(partition)")
        }
        return [topic.partitions[Int(partition)]]
    }

    private func target(
        _ topicPartition: TopicPartition, _ offsets: PartitionOffsets, _ daybook: Daybook
    ) async throws -> Offset {
        let wish: Offset
        switch before {
        case .time(let time):
            wish =
                try await daybook.offset(topicPartition, appendedAtOrAfter: time, isolation: .durable)
                ?? offsets.highWatermark
        case .offset(let offset):
            wish = offset
            guard wish <= offsets.highWatermark else {
                throw DaybookError(
                    .offsetOutOfRange, "Offset \(wish) is behind the high watermark \(offsets.highWatermark)",
                    topicPartition: topicPartition, offset: wish)
            }
        }
        return max(wish, offsets.logStartOffset)
    }

    public var controlValue: ControlValue {
        var fields: [String: ControlValue] = [
            "topic": .string(topic), "partition": partition.controlValue, "rehearsal": .bool(isRehearsal),
        ]
        switch before {
        case .offset(let offset): fields["offset"] = offset.controlValue
        case .time(let time): fields["time"] = time.controlValue
        }
        return .fields(fields)
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        let before: Bound
        switch (try value.field("offset", as: Offset?.self), try value.field("time", as: Timestamp?.self)) {
        case (let offset?, nil): before = .offset(offset)
        case (nil, let time?): before = .time(time)
        default: throw .notRepresentable("expected either an offset or a time")
        }
        self.init(
            topic: try value.field("topic"), partition: try value.field("partition"), before: before,
            isRehearsal: try value.field("rehearsal"))
    }
}

extension DeleteRecords.Deletion: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "partition": topicPartition.controlValue, "from": oldLogStartOffset.controlValue,
            "to": logStartOffset.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        topicPartition = try value.field("partition")
        oldLogStartOffset = try value.field("from")
        logStartOffset = try value.field("to")
    }
}
