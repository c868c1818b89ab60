// A committed offset as a record of `__consumer_offsets`, byte for byte as Kafka's brokers write it: the key says which
// group and partition, the value where the group goes on reading. A tombstone forgets the offset.

package import DaybookModel
package import DaybookRecords

/// The key of a committed offset. Written in version 1; version 0 has the same fields.
///
/// | field | type |
/// |---|---|
/// | version | int16 |
/// | group | string |
/// | topic | string |
/// | partition | int32 |
package struct OffsetCommitKey: Hashable, Sendable {
    package var group: String
    package var topicPartition: TopicPartition

    package static let version: Int16 = 1

    package init(group: String, topicPartition: TopicPartition) {
        self.group = group
        self.topicPartition = topicPartition
    }

    /// The bytes, in the version that is written. Traps for names that Kafka has no room for.
    package func encoded() -> [UInt8] {
        var writer = KafkaWriter()
        writer.int16(Self.version)
        writer.string(group)
        writer.string(topicPartition.topic.description)
        writer.int32(topicPartition.partition)
        return writer.bytes
    }

    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        var reader = reader
        _ = try reader.version(in: 0...1, flexibleFrom: 2)
        group = try reader.string()
        topicPartition = TopicPartition(topic: try reader.topicName(), partition: try reader.partitionNumber())
        try reader.expectEnd()
    }
}

/// The value of a committed offset. Written in version 3, as brokers do; versions 0 to 4 are read.
///
/// | field | type | versions |
/// |---|---|---|
/// | version | int16 | |
/// | offset | int64 | 0–4 |
/// | leader epoch | int32, −1 for none | 3–4 |
/// | metadata | string | 0–4 |
/// | commit timestamp | int64 | 0–4 |
/// | expire timestamp | int64, −1 for none | 1 |
///
/// Version 4 is flexible.
package struct OffsetCommitValue: Hashable, Sendable {
    /// The next offset to read.
    package var offset: Offset
    /// The incarnation of the log in which the record before `offset` was read; nil where the committer did not say.
    package var leaderEpoch: LeaderEpoch?
    /// What the committer has noted; may be empty.
    package var metadata: String
    package var commitTime: Timestamp
    /// When the offset is forgotten: only ever in records of version 1, which old clients of Kafka asked for.
    package var expireTime: Timestamp?

    package static let version: Int16 = 3

    package init(offset: Offset, leaderEpoch: LeaderEpoch?, metadata: String, commitTime: Timestamp) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.commitTime = commitTime
    }

    /// Version 3, in which there is no room for an expire time.
    package func encoded() -> [UInt8] {
        var writer = KafkaWriter()
        writer.int16(Self.version)
        writer.int64(offset.rawValue)
        writer.int32(leaderEpoch?.rawValue ?? -1)
        writer.string(metadata)
        writer.int64(commitTime.rawValue)
        return writer.bytes
    }

    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        var reader = reader
        let version = try reader.version(in: 0...4, flexibleFrom: 4)
        let number = try reader.int64()
        guard number >= 0 else { throw .invalidNumber(number) }
        offset = Offset(number)
        let epoch = version >= 3 ? try reader.int32() : -1
        leaderEpoch = epoch < 0 ? nil : LeaderEpoch(rawValue: epoch)
        metadata = try reader.string()
        commitTime = Timestamp(milliseconds: try reader.int64())
        let expiry = version == 1 ? try reader.int64() : -1
        expireTime = expiry < 0 ? nil : Timestamp(milliseconds: expiry)
        try reader.skipTags()
        try reader.expectEnd()
    }
}
