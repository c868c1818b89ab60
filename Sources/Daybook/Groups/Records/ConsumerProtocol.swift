// What consumers tell each other through the coordinator, which does not look into it: what a member subscribes to and
// owns, and what the leader has assigned to it. Byte for byte Kafka's embedded protocol `consumer`.

package import DaybookModel
package import DaybookRecords

/// The protocol type of groups of consumers, as Kafka names it.
package let consumerProtocolType = "consumer"

/// What a member wants and has. Written in version 3; a version that is not known is read as version 3, because later ones
/// may only add fields behind it.
///
/// | field | type | versions |
/// |---|---|---|
/// | version | int16 | |
/// | topics | array of string | 0–3 |
/// | user data | nullable bytes | 0–3 |
/// | owned partitions | array of topic, array of int32 | 1–3 |
/// | generation id | int32, −1 for none | 2–3 |
/// | rack id | nullable string | 3 |
package struct ConsumerProtocolSubscription: Hashable, Sendable {
    package var topics: [TopicName]
    /// What an assignor has put there for itself.
    package var userData: [UInt8]?
    /// Written in order, each partition once.
    package var ownedPartitions: [TopicPartition]
    /// The generation in which the member came to own its partitions; −1 for none.
    package var generation: Int32
    package var rackID: String?

    package static let version: Int16 = 3

    package init(
        topics: [TopicName], userData: [UInt8]? = nil, ownedPartitions: [TopicPartition] = [], generation: Int32 = -1,
        rackID: String? = nil
    ) {
        self.topics = topics
        self.userData = userData
        self.ownedPartitions = ownedPartitions
        self.generation = generation
        self.rackID = rackID
    }

    /// The bytes, in the version that is written. Traps for names that Kafka has no room for.
    package func encoded() -> [UInt8] {
        var writer = KafkaWriter()
        writer.int16(Self.version)
        writer.array(topics) { $0.string($1.description) }
        writer.nullableBytes(userData)
        writer.partitions(ownedPartitions)
        writer.int32(generation)
        writer.nullableString(rackID)
        return writer.bytes
    }

    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        var reader = reader
        let version = try reader.version(in: 0...Int16.max, flexibleFrom: .max)
        topics = try reader.array { (reader) throws(KafkaFieldError) in try reader.topicName() }
        userData = try reader.nullableBytes()
        ownedPartitions = version >= 1 ? try reader.partitions() : []
        generation = version >= 2 ? try reader.int32() : -1
        rackID = version >= 3 ? try reader.nullableString() : nil
    }
}

/// What the leader has assigned to a member. Written in version 3; all versions have the same fields, later ones may only
/// add some behind them.
///
/// | field | type |
/// |---|---|
/// | version | int16 |
/// | assigned partitions | array of topic, array of int32 |
/// | user data | nullable bytes |
package struct ConsumerProtocolAssignment: Hashable, Sendable {
    /// Written in order, each partition once.
    package var partitions: [TopicPartition]
    package var userData: [UInt8]?

    package static let version: Int16 = 3

    package init(partitions: [TopicPartition], userData: [UInt8]? = nil) {
        self.partitions = partitions
        self.userData = userData
    }

    /// The bytes, in the version that is written. Traps for names that Kafka has no room for.
    package func encoded() -> [UInt8] {
        var writer = KafkaWriter()
        writer.int16(Self.version)
        writer.partitions(partitions)
        writer.nullableBytes(userData)
        return writer.bytes
    }

    /// No bytes at all are no partitions: what Kafka's coordinator hands to a member that the leader has left out.
    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        self.init(partitions: [])
        guard reader.remaining > 0 else { return }
        var reader = reader
        _ = try reader.version(in: 0...Int16.max, flexibleFrom: .max)
        partitions = try reader.partitions()
        userData = try reader.nullableBytes()
    }
}
