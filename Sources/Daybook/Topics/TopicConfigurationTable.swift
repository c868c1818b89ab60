// Kafka's names for the settings of a topic, in one table: name, default, what is allowed, one line of documentation,
// how to read and how to write it. Command line, registry and documentation come from here.

internal import DaybookCompression
internal import DaybookModel

/// One row of the table: a setting under Kafka's name.
public struct TopicSetting: Sendable {
    public let name: String
    /// One line for people.
    public let documentation: String
    /// Which values are allowed, as the end of the sentence "use …".
    public let allowed: String
    let read: @Sendable (TopicConfiguration) -> String
    let set: @Sendable (inout TopicConfiguration, String) -> Bool

    /// The setting's value in a configuration, as text.
    public func text(_ configuration: TopicConfiguration) -> String { read(configuration) }
    /// The default, as text.
    public var defaultText: String { read(TopicConfiguration()) }
}

/// The settings of a topic under Kafka's names.
public enum TopicConfigurationTable {
    public static let settings: [TopicSetting] =
        [
            TopicSetting(
                name: "compression.type",
                documentation: "Codec of the topic's batches; producer leaves the choice to each producer",
                allowed: "producer, none (or uncompressed), lz4 or zstd",
                read: { $0.compressionType.rawValue },
                set: { configuration, text in
                    let name = text == "uncompressed" ? "none" : text
                    guard let type = TopicConfiguration.CompressionType(rawValue: name) else { return false }
                    configuration.compressionType = type
                    return true
                }),
            number(
                "compression.lz4.level",
                "Effort of lz4 where it is the topic's codec: 0 is fast, from 3 on it is LZ4-HC",
                Int64(Compression.lz4Levels.lowerBound)...Int64(Compression.lz4Levels.upperBound),
                read: { Int64($0.lz4Level) }, write: { $0.lz4Level = Int32($1) }),
            number(
                "compression.zstd.level", "Effort of zstd where it is the topic's codec: 1 is fast, 22 is slow",
                Int64(Compression.zstdLevels.lowerBound)...Int64(Compression.zstdLevels.upperBound),
                read: { Int64($0.zstdLevel) }, write: { $0.zstdLevel = Int32($1) }),
            bytes(
                "segment.bytes", "A segment is closed before it grows beyond this", 1024...Int64(Int32.max),
                read: { $0.segmentBytes }, write: { $0.segmentBytes = $1 }),
            number(
                "segment.ms", "A segment is closed when its first record is older than this, in milliseconds",
                1...Int64.max,
                read: { $0.segmentAge.milliseconds }, write: { $0.segmentAge = .milliseconds($1) }),
            bytes(
                "max.message.bytes", "Largest record batch, after compression", 1024...(1 << 30),
                read: { $0.maxMessageBytes }, write: { $0.maxMessageBytes = $1 }),
            bytes(
                "index.interval.bytes", "Bytes between two entries of the offset index", 0...Int64(Int32.max),
                read: { $0.indexIntervalBytes }, write: { $0.indexIntervalBytes = $1 }),
            TopicSetting(
                name: "message.timestamp.type",
                documentation: "Whether records keep the producer's timestamp or get the time of their append",
                allowed: "CreateTime or LogAppendTime",
                read: { $0.timestampType == .create ? "CreateTime" : "LogAppendTime" },
                set: { configuration, text in
                    switch text {
                    case "CreateTime": configuration.timestampType = .create
                    case "LogAppendTime": configuration.timestampType = .append
                    default: return false
                    }
                    return true
                }),
            number(
                "flush.ms",
                "What was appended without waiting for the disk is flushed within this time, in milliseconds",
                1...3_600_000,
                read: { $0.flushInterval.milliseconds }, write: { $0.flushInterval = .milliseconds($1) }),
        ] + retention

    private static let retention: [TopicSetting] = [
        TopicSetting(
            name: "cleanup.policy",
            documentation: "What becomes of old records: removed by age and size, or only the newest of each key kept",
            allowed: "delete, compact or compact,delete",
            read: { $0.retention.policy.rawValue },
            set: { configuration, text in
                // Kafka takes the two in any order.
                let name = text == "delete,compact" ? "compact,delete" : text
                guard let policy = RetentionConfiguration.Policy(rawValue: name) else { return false }
                configuration.retention.policy = policy
                return true
            }),
        optional(
            "retention.ms", "Segments go when their last record was appended longer ago than this, in milliseconds",
            read: { $0.retention.age?.milliseconds }, write: { $0.retention.age = $1.map { .milliseconds($0) } }),
        optional(
            "retention.bytes", "The oldest segments of a partition go while the others have at least so many bytes",
            read: { $0.retention.bytes.map { Int64($0.rawValue) } },
            write: { $0.retention.bytes = $1.map { .bytes(Int($0)) } }),
        TopicSetting(
            name: "retention.guard.groups",
            documentation: "Groups that hold records back until they have committed offsets behind them",
            allowed: "names separated by commas and without spaces, or nothing",
            read: { $0.retention.guardGroups.joined(separator: ",") },
            set: { configuration, text in
                let names = text.split(separator: ",").map(String.init)
                guard names.allSatisfy({ $0.utf8.allSatisfy { $0 > 32 && $0 != 127 } }) else { return false }
                configuration.retention.guardGroups = names
                return true
            }),
        optional(
            "retention.guard.ms", "Groups hold nothing back that was appended longer ago than this, in milliseconds",
            read: { $0.retention.guardAge?.milliseconds },
            write: { $0.retention.guardAge = $1.map { .milliseconds($0) } }),
        optional(
            "retention.guard.bytes", "Groups hold nothing back beyond so many bytes of a partition",
            read: { $0.retention.guardBytes.map { Int64($0.rawValue) } },
            write: { $0.retention.guardBytes = $1.map { .bytes(Int($0)) } }),
        number(
            "delete.retention.ms",
            "A tombstone stays for so long after compaction has removed what it deletes, in milliseconds",
            0...Int64.max,
            read: { $0.retention.tombstoneAge.milliseconds },
            write: { $0.retention.tombstoneAge = .milliseconds($1) }),
        TopicSetting(
            name: "min.cleanable.dirty.ratio",
            documentation: "Compaction begins when this share of a partition has never been compacted",
            allowed: "a number from 0 to 1, such as 0.5",
            read: { String($0.retention.dirtyRatio) },
            set: { configuration, text in
                guard let ratio = Double(text), (0...1).contains(ratio) else { return false }
                configuration.retention.dirtyRatio = ratio
                return true
            }),
        number(
            "min.compaction.lag.ms", "Records younger than this are not compacted, in milliseconds", 0...Int64.max,
            read: { $0.retention.compactionLag.milliseconds },
            write: { $0.retention.compactionLag = .milliseconds($1) }),
    ]

    /// A number of at least 0, or −1 for "no limit" as in Kafka.
    private static func optional(
        _ name: String, _ documentation: String,
        read: @escaping @Sendable (TopicConfiguration) -> Int64?,
        write: @escaping @Sendable (inout TopicConfiguration, Int64?) -> Void
    ) -> TopicSetting {
        TopicSetting(
            name: name, documentation: documentation,
            allowed: "a whole number from 0 to \(Int64.max), or -1 for no limit",
            read: { String(read($0) ?? -1) },
            set: { configuration, text in
                guard let value = Int64(text), value >= -1 else { return false }
                write(&configuration, value < 0 ? nil : value)
                return true
            })
    }

    private static func number(
        _ name: String, _ documentation: String, _ range: ClosedRange<Int64>,
        read: @escaping @Sendable (TopicConfiguration) -> Int64,
        write: @escaping @Sendable (inout TopicConfiguration, Int64) -> Void
    ) -> TopicSetting {
        TopicSetting(
            name: name, documentation: documentation,
            allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)",
            read: { String(read($0)) },
            set: { configuration, text in
                guard let value = Int64(text), range.contains(value) else { return false }
                write(&configuration, value)
                return true
            })
    }

    private static func bytes(
        _ name: String, _ documentation: String, _ range: ClosedRange<Int64>,
        read: @escaping @Sendable (TopicConfiguration) -> ByteCount,
        write: @escaping @Sendable (inout TopicConfiguration, ByteCount) -> Void
    ) -> TopicSetting {
        TopicSetting(
            name: name, documentation: documentation,
            allowed: "an amount of bytes from \(range.lowerBound) to \(range.upperBound), such as 1048576 or 64MiB",
            read: { String(read($0).rawValue) },
            set: { configuration, text in
                guard let value = ByteCount(parsing: text), range.contains(Int64(value.rawValue)) else { return false }
                write(&configuration, value)
                return true
            })
    }
}
