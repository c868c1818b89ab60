// How Kafka's messages list partitions: by topic, with the numbers of that topic's partitions. Shared by the records of
// groups and of transactions; what the partitions are listed for is said there.

internal import DaybookModel
internal import DaybookRecords

extension KafkaWriter {
    /// Partitions as an array of topics, each with an array of numbers; both in order, each partition once.
    mutating func partitions(_ partitions: some Sequence<TopicPartition>) {
        array(Dictionary(grouping: Set(partitions), by: \.topic).sorted { $0.key < $1.key }) { writer, group in
            writer.string(group.key.description)
            writer.array(group.value.map(\.partition).sorted()) { $0.int32($1) }
            writer.tags()
        }
    }
}

extension KafkaReader {
    /// The name of a topic; throws for what cannot be one.
    mutating func topicName() throws(KafkaFieldError) -> TopicName {
        let text = try string()
        do { return try TopicName(text) } catch { throw .invalidText(text) }
    }

    /// The number of a partition; throws below zero.
    mutating func partitionNumber() throws(KafkaFieldError) -> Int32 {
        let number = try int32()
        guard number >= 0 else { throw .invalidNumber(Int64(number)) }
        return number
    }

    /// Partitions listed by topic, in the order in which they stand there.
    mutating func partitions() throws(KafkaFieldError) -> [TopicPartition] {
        try nullablePartitions(allowsNull: false) ?? []
    }

    /// Partitions listed by topic; nil for null, where that is allowed.
    mutating func nullablePartitions(allowsNull: Bool = true) throws(KafkaFieldError) -> [TopicPartition]? {
        let groups = try nullableArray { (reader) throws(KafkaFieldError) -> [TopicPartition] in
            let topic = try reader.topicName()
            let numbers = try reader.array { (reader) throws(KafkaFieldError) in try reader.partitionNumber() }
            try reader.skipTags()
            return numbers.map { TopicPartition(topic: topic, partition: $0) }
        }
        if groups == nil && !allowsNull { throw .unexpectedNull }
        return groups?.flatMap(\.self)
    }

    /// A version that begins a record; the fields behind it are flexible from `flexible` on. Throws for what is not in
    /// `supported`.
    mutating func version(in supported: ClosedRange<Int16>, flexibleFrom flexible: Int16) throws(KafkaFieldError)
        -> Int16
    {
        let version = try int16()
        guard supported.contains(version) else { throw .unsupportedVersion(version) }
        isFlexible = version >= flexible
        return version
    }
}
