// How a topic is set up. The names that Kafka has for these settings, their parsing and their documentation are in
// `TopicConfigurationTable`.

public import DaybookCompression
public import DaybookModel
internal import DaybookStorage

/// The configuration of a topic.
public struct TopicConfiguration: Hashable, Sendable {
    /// What decides the codec of a topic's batches: Kafka's `compression.type`.
    public enum CompressionType: String, Hashable, Sendable, CaseIterable {
        /// Each producer for itself.
        case producer
        case none, lz4, zstd
    }

    public var compressionType: CompressionType = .producer
    /// The level where the topic's codec is lz4; 0 is fast.
    public var lz4Level: Int32 = 0
    /// The level where the topic's codec is zstd; 1 is fast.
    public var zstdLevel: Int32 = 1
    /// A segment is closed before it grows beyond this.
    public var segmentBytes: ByteCount = .mebibytes(128)
    /// A segment is closed when its first batch was appended longer ago than this, at the next append.
    public var segmentAge: Duration = .seconds(7 * 24 * 3600)
    /// No batch may be larger than this after compression.
    public var maxMessageBytes: ByteCount = .mebibytes(8)
    /// An index entry is made after this many bytes.
    public var indexIntervalBytes: ByteCount = .kibibytes(32)
    /// Whether records keep the producer's timestamp or get the time of their append.
    public var timestampType: TimestampType = .create
    /// What was appended without waiting for the disk is flushed in the background within this time.
    public var flushInterval: Duration = .milliseconds(100)
    /// What is kept, and for how long.
    public var retention = RetentionConfiguration()

    /// The defaults, with `compression` as the topic's codec; nil leaves the choice to each producer.
    public init(compression: Compression? = nil) {
        switch compression {
        case nil: break
        case .some(.none): compressionType = .none
        case .lz4(let level): (compressionType, lz4Level) = (.lz4, level)
        case .zstd(let level): (compressionType, zstdLevel) = (.zstd, level)
        }
    }

    /// The codec of the topic's batches; nil where each producer chooses.
    public var compression: Compression? {
        switch compressionType {
        case .producer: nil
        case .none: Compression.none
        case .lz4: .lz4(level: lz4Level)
        case .zstd: .zstd(level: zstdLevel)
        }
    }

    /// The configuration if every value is allowed; throws `.invalidConfiguration` that says what is.
    public func validated() throws(DaybookError) -> TopicConfiguration {
        for setting in TopicConfigurationTable.settings {
            // Writing each value down and reading it back runs it through the checks that text goes through.
            var copy = self
            try copy.set(setting.name, to: setting.text(self))
        }
        return self
    }

    /// Sets one setting by Kafka's name; throws `.invalidConfiguration` that says what is allowed.
    public mutating func set(_ name: String, to value: String) throws(DaybookError) {
        guard let setting = TopicConfigurationTable.settings.first(where: { $0.name == name }) else {
            let names = TopicConfigurationTable.settings.map(\.name).joined(separator: ", ")
            throw DaybookError(
                .invalidConfiguration, "There is no topic setting named \"\(name)\"; the settings are \(names)")
        }
        guard setting.set(&self, value) else {
            throw DaybookError(
                .invalidConfiguration, "\"\(value)\" is not a value of \(name); use \(setting.allowed)")
        }
    }

    var log: LogConfiguration {
        LogConfiguration(
            segmentBytes: segmentBytes, segmentMilliseconds: segmentAge.milliseconds,
            maximumBatchBytes: maxMessageBytes, indexIntervalBytes: indexIntervalBytes, timestampType: timestampType)
    }
}

extension Duration {
    /// Whole milliseconds, rounded down; at the ends of Int64 they stay there.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? (seconds > 0 ? .max : .min) : product + attoseconds / 1_000_000_000_000_000
    }
}
