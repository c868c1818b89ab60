// The records of Daybook's own topics out of arbitrary bytes: what can be read can be written, and is then the same. Also what
// consumers tell each other through a group. Called by `FuzzTarget.records`.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

/// The target `records`. The lowest three choices: which kind of bytes they are.
enum InternalRecordFuzzing {
    static func run(_ input: FuzzInput) throws {
        let reader = KafkaReader(input.bytes)
        switch input.choices & 7 {
        case 0: try key(reader)
        case 1:
            try comeBack(reader, { (reader) throws(KafkaFieldError) in try OffsetCommitValue(decoding: reader) }) {
                try promise($0.offset >= .zero, "an offset below zero was read")
                return $0.encoded()
            }
        case 2:
            try comeBack(reader, { (reader) throws(KafkaFieldError) in try GroupMetadataValue(decoding: reader) }) {
                $0.encoded()
            }
        case 3:
            try comeBack(
                reader, { (reader) throws(KafkaFieldError) in try ConsumerProtocolSubscription(decoding: reader) }
            ) {
                try check($0.ownedPartitions)
                return $0.encoded()
            }
        case 4:
            try comeBack(
                reader, { (reader) throws(KafkaFieldError) in try ConsumerProtocolAssignment(decoding: reader) }
            ) {
                try check($0.partitions)
                return $0.encoded()
            }
        case 5:
            try comeBack(reader, { (reader) throws(KafkaFieldError) in try TransactionLogKey(decoding: reader) }) {
                $0.encoded()
            }
        default:
            try comeBack(reader, { (reader) throws(KafkaFieldError) in try TransactionLogValue(decoding: reader) }) {
                try check($0.partitions ?? [])
                return $0.encoded()
            }
        }
    }

    private static func key(_ reader: KafkaReader) throws {
        let read = { (reader: KafkaReader) throws(KafkaFieldError) in try GroupRecordKey(decoding: reader) }
        try comeBack(reader, read) { key in
            switch key {
            case .offsetCommit(let key):
                try check([key.topicPartition])
                return key.encoded()
            case .group(let key): return key.encoded()
            case .unknown(let type):
                try promise(!(0...2).contains(type), "a key of a kind that is known was not read")
                return nil
            }
        }
    }

    private static func check(_ partitions: [TopicPartition]) throws {
        try promise(partitions.allSatisfy { $0.partition >= 0 }, "a partition below zero was read")
    }

    /// What is read, written, read and written again must be the same bytes both times: versions that are only read, the order
    /// of partitions and fields that have no room any more are lost at the first writing.
    private static func comeBack<Value>(
        _ reader: KafkaReader, _ decode: (KafkaReader) throws(KafkaFieldError) -> Value,
        _ encode: (Value) throws -> [UInt8]?
    ) throws {
        let value: Value
        do {
            value = try decode(reader)
        } catch {
            return try promise(!error.description.isEmpty, "a refusal says nothing")
        }
        guard let written = try encode(value) else { return }
        let again = try encode(try decode(KafkaReader(written)))
        try promise(again == written, "\(Value.self) comes back changed")
    }

    static func seeds() throws -> [[UInt8]] {
        let orders = try TopicName("orders")
        let partitions = [2, 0, 1].map { TopicPartition(topic: orders, partition: $0) }
        var subscription = ConsumerProtocolSubscription(topics: [orders], userData: [1], ownedPartitions: partitions)
        subscription.rackID = "rack"
        let assignment = ConsumerProtocolAssignment(partitions: partitions, userData: [])
        let member = GroupMetadataValue.Member(
            memberID: "m-1", instanceID: "first", clientID: "shop", clientHost: "/", rebalanceTimeout: 60_000,
            sessionTimeout: 45_000, subscription: subscription.encoded(), assignment: assignment.encoded())
        let group = GroupMetadataValue(
            protocolType: consumerProtocolType, generation: 3, protocolName: "range", leader: "m-1",
            stateTime: Timestamp(milliseconds: 5), members: [member])
        let offset = OffsetCommitValue(
            offset: Offset(7), leaderEpoch: LeaderEpoch(rawValue: 2), metadata: "é",
            commitTime: Timestamp(milliseconds: 1_700_000_000_000))
        var transaction = TransactionLogValue(
            producerID: ProducerID(rawValue: 9), producerEpoch: 1, timeout: 60_000, status: .ongoing,
            partitions: partitions, lastUpdateTime: Timestamp(milliseconds: 6), startTime: Timestamp(milliseconds: 5))
        let plain = transaction.encoded()
        transaction.previousProducerID = ProducerID(rawValue: 8)
        transaction.nextProducerID = ProducerID(rawValue: 10)
        transaction.clientVersion = 2
        transaction.partitions = nil
        return [
            [0] + OffsetCommitKey(group: "billing", topicPartition: partitions[0]).encoded(),
            [0] + GroupMetadataKey(group: "billing").encoded(), [0, 0, 3, 0, 0],
            [1] + offset.encoded(), [2] + group.encoded(), [3] + subscription.encoded(), [4] + assignment.encoded(),
            [4],
            [5] + TransactionLogKey(transactionalID: "till-1").encoded(), [6] + plain, [6] + transaction.encoded(),
            // Older and newer versions: 1 with an expire time, 4 in the flexible form.
            [1, 0, 1] + [UInt8](repeating: 0, count: 10) + [UInt8](repeating: 1, count: 16),
            [1, 0, 4] + [UInt8](repeating: 0, count: 12) + [2, 0x61] + [UInt8](repeating: 0, count: 9),
        ]
    }
}
