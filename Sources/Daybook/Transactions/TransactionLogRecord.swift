// A transaction as a record of `__transaction_state`, byte for byte as Kafka's brokers write it: who has the transactional
// id, how far the transaction is, and which partitions it has touched. What follows from that is the coordinator's business.

package import DaybookModel
package import DaybookRecords

/// The key of a transaction: int16 version 0, string transactional id.
package struct TransactionLogKey: Hashable, Sendable {
    package var transactionalID: String

    package static let version: Int16 = 0

    package init(transactionalID: String) { self.transactionalID = transactionalID }

    /// The bytes, in the version that is written. Traps for names that Kafka has no room for.
    package func encoded() -> [UInt8] {
        var writer = KafkaWriter()
        writer.int16(Self.version)
        writer.string(transactionalID)
        return writer.bytes
    }

    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        var reader = reader
        _ = try reader.version(in: Self.version...Self.version, flexibleFrom: .max)
        transactionalID = try reader.string()
        try reader.expectEnd()
    }
}

/// The value of a transaction. Written in version 1, which is flexible; version 0 is read as well.
///
/// | field | type | |
/// |---|---|---|
/// | version | int16 | |
/// | producer id | int64 | |
/// | producer epoch | int16 | |
/// | transaction timeout | int32 | ms |
/// | transaction status | int8 | see `Status` |
/// | transaction partitions | nullable array of topic, array of int32 | |
/// | last update timestamp | int64 | |
/// | start timestamp | int64 | −1 when none has begun |
/// | previous producer id | int64, tag 0 | version 1; −1 when absent |
/// | next producer id | int64, tag 1 | version 1; −1 when absent |
/// | client transaction version | int16, tag 2 | version 1; 0 when absent |
package struct TransactionLogValue: Hashable, Sendable {
    /// How far a transaction is, with Kafka's numbers.
    package enum Status: Int8, Sendable, CaseIterable {
        case empty = 0
        case ongoing = 1
        case prepareCommit = 2
        case prepareAbort = 3
        case completeCommit = 4
        case completeAbort = 5
        case dead = 6
        case prepareEpochFence = 7
    }

    package var producerID: ProducerID
    package var producerEpoch: Int16
    /// In milliseconds.
    package var timeout: Int32
    package var status: Status
    /// Nil before any transaction has begun.
    package var partitions: [TopicPartition]?
    package var lastUpdateTime: Timestamp
    package var startTime: Timestamp
    /// The producer id of the last committed transaction.
    package var previousProducerID = ProducerID.none
    /// The producer id that was told to the producer last.
    package var nextProducerID = ProducerID.none
    package var clientVersion: Int16 = 0

    package static let version: Int16 = 1

    package init(
        producerID: ProducerID, producerEpoch: Int16, timeout: Int32, status: Status, partitions: [TopicPartition]?,
        lastUpdateTime: Timestamp, startTime: Timestamp
    ) {
        self.producerID = producerID
        self.producerEpoch = producerEpoch
        self.timeout = timeout
        self.status = status
        self.partitions = partitions
        self.lastUpdateTime = lastUpdateTime
        self.startTime = startTime
    }

    /// Version 1. Tagged fields that have the value they have when absent are absent.
    package func encoded() -> [UInt8] {
        var writer = KafkaWriter(isFlexible: true)
        writer.int16(Self.version)
        writer.int64(producerID.rawValue)
        writer.int16(producerEpoch)
        writer.int32(timeout)
        writer.int8(status.rawValue)
        if let partitions { writer.partitions(partitions) } else { writer.nullArray() }
        writer.int64(lastUpdateTime.rawValue)
        writer.int64(startTime.rawValue)
        var tags: [(tag: UInt32, bytes: [UInt8])] = []
        for (tag, id) in [(0, previousProducerID), (1, nextProducerID)] where id != .none {
            var field = KafkaWriter()
            field.int64(id.rawValue)
            tags.append((UInt32(tag), field.bytes))
        }
        if clientVersion != 0 {
            var field = KafkaWriter()
            field.int16(clientVersion)
            tags.append((2, field.bytes))
        }
        writer.tags(tags)
        return writer.bytes
    }

    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        var reader = reader
        _ = try reader.version(in: 0...1, flexibleFrom: 1)
        producerID = ProducerID(rawValue: try reader.int64())
        producerEpoch = try reader.int16()
        timeout = try reader.int32()
        let number = try reader.int8()
        guard let status = Status(rawValue: number) else { throw .invalidNumber(Int64(number)) }
        self.status = status
        partitions = try reader.nullablePartitions()
        lastUpdateTime = Timestamp(milliseconds: try reader.int64())
        startTime = Timestamp(milliseconds: try reader.int64())
        var (previous, next, version) = (Int64(-1), Int64(-1), Int16(0))
        try reader.tags { (tag, field) throws(KafkaFieldError) in
            switch tag {
            case 0: previous = try field.int64()
            case 1: next = try field.int64()
            case 2: version = try field.int16()
            default: break
            }
        }
        (previousProducerID, nextProducerID) = (ProducerID(rawValue: previous), ProducerID(rawValue: next))
        clientVersion = version
        try reader.expectEnd()
    }
}
