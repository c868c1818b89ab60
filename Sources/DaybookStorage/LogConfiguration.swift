// What a partition's log is told about itself. Defaults and names for people live in the engine's table of topic
// configuration; here are only the values that the log acts on.

package import DaybookModel

/// Settings of one partition's log.
package struct LogConfiguration: Sendable, Hashable {
    /// A segment is closed before it would grow beyond this.
    package var segmentBytes: ByteCount
    /// A segment is closed when its first batch is older than this at the next append.
    package var segmentMilliseconds: Int64
    /// No batch may be larger than this, header included.
    package var maximumBatchBytes: ByteCount
    /// An index entry is made when this many bytes have gone by since the last one.
    package var indexIntervalBytes: ByteCount
    package var timestampType: TimestampType
    package var producers: ProducerLimits

    package init(
        segmentBytes: ByteCount = .mebibytes(128), segmentMilliseconds: Int64 = 7 * 24 * 3_600_000,
        maximumBatchBytes: ByteCount = .mebibytes(8), indexIntervalBytes: ByteCount = .kibibytes(32),
        timestampType: TimestampType = .create, producers: ProducerLimits = ProducerLimits()
    ) {
        self.segmentBytes = segmentBytes
        self.segmentMilliseconds = segmentMilliseconds
        self.maximumBatchBytes = maximumBatchBytes
        self.indexIntervalBytes = indexIntervalBytes
        self.timestampType = timestampType
        self.producers = producers
    }
}

/// Which log this is. Two topics of one name, one after the other, have different ids.
package struct LogIdentity: Sendable, Hashable {
    package let topicPartition: TopicPartition
    /// Chosen at random when the topic was created; binds derived files to their log.
    package let topicID: UInt64

    package init(topicPartition: TopicPartition, topicID: UInt64) {
        self.topicPartition = topicPartition
        self.topicID = topicID
    }
}
