// The topics in which Daybook keeps its own records: committed offsets and the state of transactions; and what tells them and
// journals from topics of users. Made when they are first needed, and written to by the engine only. What their records mean is
// the business of whoever keeps them there.

package import DaybookModel
internal import DaybookStorage
internal import Synchronization

/// A topic of Daybook's own, with Kafka's name.
package enum InternalTopic: String, CaseIterable, Sendable {
    /// What groups have committed. Its keeper is `OffsetStore`.
    case consumerOffsets = "__consumer_offsets"
    /// Which transactions there are and how far they have come.
    case transactionState = "__transaction_state"

    /// Nil for topics of users.
    package init?(_ name: TopicName) { self.init(rawValue: name.description) }

    package var name: TopicName {
        guard let name = try? TopicName(rawValue) else { preconditionFailure("\(rawValue) is a topic name") }
        return name
    }

    /// Compacted, in segments small enough to be closed and compacted often: what is read at the first use is then little more
    /// than the newest record of each key. Reading 32 MiB, eight segments that are still open, takes a third of a second.
    package var configuration: TopicConfiguration {
        var configuration = TopicConfiguration(compression: Compression.none)
        configuration.segmentBytes = .mebibytes(4)
        configuration.retention.policy = .compact
        return configuration
    }

    /// The configuration of a topic that was found by its folders.
    static func configuration(of name: TopicName) -> TopicConfiguration {
        if name.isJournal { return Journal.configuration }
        return InternalTopic(name)?.configuration ?? TopicConfiguration()
    }

    /// The partition that holds everything about `key`, a group's name or a transactional id: Kafka's rule, which is Java's
    /// `Math.abs(key.hashCode()) % count` with 0 for the smallest number. O(length of the key).
    package static func partition(of key: String, count: Int32) -> Int32 {
        var hash: Int32 = 0
        for unit in key.utf16 { hash = hash &* 31 &+ Int32(unit) }
        return (hash == .min ? 0 : abs(hash)) % count
    }
}

extension Topic {
    /// Whether Daybook keeps records of its own there. Such a topic can be read and altered, but not written to, created or
    /// deleted.
    public var isInternal: Bool { InternalTopic(name) != nil || name.isJournal }
}

extension TopicName {
    /// Whether it names a ``Journal``.
    var isJournal: Bool { description.hasPrefix(Journal.prefix) }
}

extension Daybook {
    /// The internal topic, which is made if this is the first use of it. One lock and one look-up afterwards.
    ///
    /// Throws `.readOnly` where it does not exist and cannot be made, and what `createTopic` throws.
    package func internalTopic(_ kind: InternalTopic) async throws -> Topic {
        if let topic = existingInternalTopic(kind) { return topic }
        try requireWritable()
        let count = configuration.internalTopicPartitions
        return try await changingTopics { daybook throws in
            // Another task may have been quicker.
            if let topic = daybook.existingInternalTopic(kind) { return topic }
            return try daybook.create(kind.name, partitions: Int32(count), kind.configuration)
        }
    }

    /// The internal topic if it has been made.
    package func existingInternalTopic(_ kind: InternalTopic) -> Topic? {
        state.withLock { $0.registry.topics[kind.name] }
    }

    /// Throws `.internalTopic` where only Daybook itself may do something; `what` says what: "takes no records".
    static func refuseInternal(_ name: TopicName, _ what: String) throws(DaybookError) {
        guard InternalTopic(name) != nil || name.isJournal else { return }
        throw DaybookError(
            .internalTopic,
            "Topic \(name) is where Daybook keeps its own records, so it \(what); it can be read, described and altered"
        )
    }

    /// Whether a new topic of that name would be, or collide with, an internal one.
    static func refuseNameOfInternal(_ name: TopicName) throws(DaybookError) {
        if name.isJournal {
            throw DaybookError(
                .internalTopic,
                "Names that begin with \(Journal.prefix) are kept for Daybook's own journals; choose another name")
        }
        for kind in InternalTopic.allCases where kind.name.collisionKey == name.collisionKey {
            throw DaybookError(
                .internalTopic,
                "The name \(kind.name) is kept for the records of Daybook itself, which makes that topic when it needs it; "
                    + "choose another name")
        }
    }
}
