// What an opened daybook says of itself to whoever asks, as a command that changes nothing.
// Who holds a directory, and what is to be seen of it from outside, is `DirectoryStatus`.

public import DaybookModel

/// Asks an opened daybook how it is.
public struct DescribeDaybook: ControlCommand {
    public static let verb = "describe-daybook"

    public init() {}

    /// O(partitions).
    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> DaybookDescription {
        var description = DaybookDescription(
            leaderEpoch: daybook.leaderEpoch, isHousekeeping: daybook.isHousekeeping,
            commands: daybook.control.verbsAtWork.filter { $0 != Self.verb },
            failedPartitions: daybook.failedPartitions)
        for topic in daybook.topics {
            var row = DaybookDescription.TopicRow(name: topic.name, partitionsCount: Int(topic.partitionsCount))
            for topicPartition in topic.partitions {
                // A topic may be deleted meanwhile; whoever asks wants to hear of the others.
                guard let offsets = try? await daybook.offsets(topicPartition) else { continue }
                row.recordsCount += offsets.logStartOffset.distance(to: offsets.logEndOffset)
                row.size = .bytes(row.size.rawValue + offsets.size.rawValue)
                row.segmentsCount += offsets.segmentsCount
            }
            description.topics.append(row)
        }
        return description
    }

    public var controlValue: ControlValue { .null }
    public init(controlValue value: ControlValue) {}
}

/// How an opened daybook is.
public struct DaybookDescription: Sendable {
    /// One topic.
    public struct TopicRow: Sendable, Hashable {
        public let name: TopicName
        public let partitionsCount: Int
        /// From log start to log end; offsets lost to damage are among them.
        public internal(set) var recordsCount: Int64 = 0
        public internal(set) var size = ByteCount.bytes(0)
        public internal(set) var segmentsCount = 0
    }

    public let leaderEpoch: LeaderEpoch
    /// Whether retention, compaction or scrubbing is at work.
    public let isHousekeeping: Bool
    /// The verbs of commands that it is carrying out for other processes, this one apart.
    public let commands: [String]
    /// As ``Daybook/Daybook/failedPartitions``.
    public let failedPartitions: [TopicPartition: DaybookError]
    /// By name.
    public internal(set) var topics: [TopicRow] = []

    public var partitionsCount: Int { topics.reduce(0) { $0 + $1.partitionsCount } }
}

extension DaybookDescription: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "leaderEpoch": leaderEpoch.controlValue, "isHousekeeping": .bool(isHousekeeping),
            "commands": commands.controlValue, "failedPartitions": failedPartitions.controlValue,
            "topics": topics.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        leaderEpoch = try value.field("leaderEpoch")
        isHousekeeping = try value.field("isHousekeeping")
        commands = try value.field("commands")
        failedPartitions = try value.field("failedPartitions")
        topics = try value.field("topics")
    }
}

extension DaybookDescription.TopicRow: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "name": name.controlValue, "partitions": partitionsCount.controlValue,
            "records": recordsCount.controlValue, "size": size.controlValue, "segments": segmentsCount.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        name = try value.field("name")
        partitionsCount = try value.field("partitions")
        recordsCount = try value.field("records")
        size = try value.field("size")
        segmentsCount = try value.field("segments")
    }
}
