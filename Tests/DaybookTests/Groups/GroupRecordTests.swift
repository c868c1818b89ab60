// Records of groups and what consumers tell each other: the same bytes as an encoder that is not ours, every version of
// them read, and nothing that chance brings trapped on.

import DaybookModel
import DaybookRecords
import DaybookTesting
import Testing

@testable import Daybook

@Suite struct GroupRecordTests {
    private func read<R>(
        _ name: String, _ version: Int, _ decode: (KafkaReader) throws(KafkaFieldError) -> R
    ) throws(KafkaFieldError) -> R {
        let bytes = GroupRecordVectors.bytes(name, version)
        #expect(!bytes.isEmpty, "there is no vector \(name) \(version)")
        return try decode(KafkaReader(bytes))
    }

    private static let owned: [TopicPartition] = {
        let names = [("invoices", 3), ("orders", 0), ("orders", 2)] as [(String, Int32)]
        return names.compactMap { name, number in
            (try? TopicName(name)).map { TopicPartition(topic: $0, partition: number) }
        }
    }()

    // MARK: committed offsets

    @Test func `The key of a committed offset is Kafka's, and both its versions are read`() throws {
        let key = OffsetCommitKey(group: "warehouse", topicPartition: try partition(258))
        #expect(key.encoded() == GroupRecordVectors.bytes("OffsetCommitKey", 1))
        for version in 0...1 {
            let read = try read("OffsetCommitKey", version) { (reader) throws(KafkaFieldError) in
                try GroupRecordKey(decoding: reader)
            }
            #expect(read == .offsetCommit(key))
        }
    }

    @Test(arguments: 0...4) func `A committed offset is read in every version`(version: Int) throws {
        let value = try read("OffsetCommitValue", version) { (reader) throws(KafkaFieldError) in
            try OffsetCommitValue(decoding: reader)
        }
        var expected = OffsetCommitValue(
            offset: 0x0102_0304_0506_0708, leaderEpoch: version >= 3 ? LeaderEpoch(rawValue: 7) : nil,
            metadata: "note ß", commitTime: Timestamp(milliseconds: 1_700_000_000_123))
        if version == 1 { expected.expireTime = Timestamp(milliseconds: 1_700_000_099_999) }
        #expect(value == expected)
        if version == 3 { #expect(expected.encoded() == GroupRecordVectors.bytes("OffsetCommitValue", 3)) }
    }

    @Test func `A committed offset without an epoch says minus one`() throws {
        let value = OffsetCommitValue(
            offset: 5, leaderEpoch: nil, metadata: "", commitTime: Timestamp(milliseconds: 1))
        #expect(value.encoded()[10..<14] == [0xff, 0xff, 0xff, 0xff])
        #expect(try OffsetCommitValue(decoding: KafkaReader(value.encoded())) == value)
    }

    // MARK: groups

    private func group(_ version: Int) -> GroupMetadataValue {
        func member(_ id: String, _ instance: String?, _ timeouts: (Int32, Int32), _ bytes: ([UInt8], [UInt8]))
            -> GroupMetadataValue.Member
        {
            GroupMetadataValue.Member(
                memberID: id, instanceID: version >= 3 ? instance : nil, clientID: String(id.prefix(1)),
                clientHost: instance == nil ? "/10.0.0.1" : "/10.0.0.2",
                rebalanceTimeout: version >= 1 ? timeouts.0 : timeouts.1, sessionTimeout: timeouts.1,
                subscription: bytes.0, assignment: bytes.1)
        }
        return GroupMetadataValue(
            protocolType: "consumer", generation: 12, protocolName: "range", leader: "a-1",
            stateTime: version >= 2 ? Timestamp(milliseconds: 1_700_000_000_123) : nil,
            members: [
                member("a-1", nil, (300_000, 45_000), ([1, 2, 3], [])),
                member("b-2", "b", (60_000, 10_000), ([], [9])),
            ])
    }

    @Test(arguments: 0...4) func `A group is read in every version`(version: Int) throws {
        let value = try read("GroupMetadataValue", version) { (reader) throws(KafkaFieldError) in
            try GroupMetadataValue(decoding: reader)
        }
        #expect(value == group(version))
        if version == 3 { #expect(group(3).encoded() == GroupRecordVectors.bytes("GroupMetadataValue", 3)) }
    }

    @Test func `A group without members has neither protocol nor leader`() throws {
        let value = GroupMetadataValue(
            protocolType: "consumer", generation: 3, protocolName: nil, leader: nil, stateTime: nil, members: [])
        #expect(try GroupMetadataValue(decoding: KafkaReader(value.encoded())) == value)
    }

    @Test func `The key of a group is Kafka's, and keys of other protocols are left alone`() throws {
        let key = GroupMetadataKey(group: "warehouse")
        #expect(key.encoded() == GroupRecordVectors.bytes("GroupMetadataKey", 2))
        #expect(try GroupRecordKey(decoding: KafkaReader(key.encoded())) == .group(key))
        // Kafka's newer groups: ConsumerGroupMetadataKey is type 3.
        #expect(try GroupRecordKey(decoding: KafkaReader([0, 3, 0, 1, 0x67])) == .unknown(type: 3))
    }

    // MARK: the protocol among consumers

    @Test(arguments: 0...3) func `A subscription is read in every version`(version: Int) throws {
        let value = try read("Subscription", version) { (reader) throws(KafkaFieldError) in
            try ConsumerProtocolSubscription(decoding: reader)
        }
        let expected = ConsumerProtocolSubscription(
            topics: [try TopicName("orders"), try TopicName("invoices")], userData: [5, 6],
            ownedPartitions: version >= 1 ? Self.owned : [], generation: version >= 2 ? 12 : -1)
        #expect(value == expected)
        if version == 3 { #expect(expected.encoded() == GroupRecordVectors.bytes("Subscription", 3)) }
    }

    @Test func `Partitions are written in order and once, and racks are kept`() throws {
        var value = ConsumerProtocolSubscription(
            topics: [], ownedPartitions: Self.owned.reversed() + Self.owned, generation: 1, rackID: "r")
        let read = try ConsumerProtocolSubscription(decoding: KafkaReader(value.encoded()))
        value.ownedPartitions = Self.owned
        #expect(read == value)
    }

    @Test(arguments: 0...3) func `An assignment is read in every version`(version: Int) throws {
        let value = try read("Assignment", version) { (reader) throws(KafkaFieldError) in
            try ConsumerProtocolAssignment(decoding: reader)
        }
        let expected = ConsumerProtocolAssignment(partitions: Self.owned)
        #expect(value == expected)
        if version == 3 { #expect(expected.encoded() == GroupRecordVectors.bytes("Assignment", 3)) }
    }

    @Test func `Consumers read versions to come as the last one they know, and no bytes as no partitions`() throws {
        let subscription = GroupRecordVectors.bytes("Subscription", 3)
        let later = try ConsumerProtocolSubscription(
            decoding: KafkaReader([0, 9] + subscription.dropFirst(2) + [1, 2]))
        #expect(try later == ConsumerProtocolSubscription(decoding: KafkaReader(subscription)))
        let assignment = GroupRecordVectors.bytes("Assignment", 3)
        let other = try ConsumerProtocolAssignment(decoding: KafkaReader([0, 9] + assignment.dropFirst(2) + [1, 2]))
        #expect(other.partitions == Self.owned)
        #expect(try ConsumerProtocolAssignment(decoding: KafkaReader([])).partitions == [])
        #expect(throws: KafkaFieldError.unsupportedVersion(-1)) {
            try ConsumerProtocolSubscription(decoding: KafkaReader([0xff, 0xff]))
        }
    }

    // MARK: what is refused

    @Test func `Versions that are not known, names that are none and numbers below zero are refused`() throws {
        #expect(throws: KafkaFieldError.unsupportedVersion(5)) { try OffsetCommitValue(decoding: KafkaReader([0, 5])) }
        #expect(throws: KafkaFieldError.unsupportedVersion(5)) {
            try GroupMetadataValue(decoding: KafkaReader([0, 5]))
        }
        #expect(throws: KafkaFieldError.unsupportedVersion(2)) { try OffsetCommitKey(decoding: KafkaReader([0, 2])) }
        #expect(throws: KafkaFieldError.invalidText("..")) {
            try OffsetCommitKey(decoding: KafkaReader([0, 1, 0, 0, 0, 2, 0x2e, 0x2e, 0, 0, 0, 0]))
        }
        #expect(throws: KafkaFieldError.invalidNumber(-1)) {
            try OffsetCommitKey(decoding: KafkaReader([0, 1, 0, 0, 0, 1, 0x61, 0xff, 0xff, 0xff, 0xff]))
        }
        #expect(throws: KafkaFieldError.invalidNumber(-1)) {
            try OffsetCommitValue(decoding: KafkaReader([0, 0] + [UInt8](repeating: 0xff, count: 8)))
        }
        #expect(throws: KafkaFieldError.trailingBytes(1)) {
            try GroupMetadataKey(decoding: KafkaReader(GroupMetadataKey(group: "g").encoded() + [0]))
        }
    }

    @Test func `Whatever bytes there are, they are read or refused`() {
        var generator = SeededGenerator(seed: 0x6772)
        let names = [
            ("OffsetCommitKey", 1), ("OffsetCommitValue", 4), ("OffsetCommitValue", 1), ("GroupMetadataValue", 3),
            ("GroupMetadataValue", 4), ("Subscription", 3), ("Assignment", 3),
        ]
        var refused = 0
        for (name, version) in names {
            let whole = GroupRecordVectors.bytes(name, version)
            for round in 0..<3000 {
                var bytes = Array(whole.prefix(Int.random(in: 1...whole.count, using: &generator)))
                if round % 2 == 0 {
                    bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                do {
                    let reader = KafkaReader(bytes)
                    switch name {
                    case "OffsetCommitKey": _ = try GroupRecordKey(decoding: reader)
                    case "OffsetCommitValue": _ = try OffsetCommitValue(decoding: reader)
                    case "GroupMetadataValue": _ = try GroupMetadataValue(decoding: reader)
                    case "Subscription": _ = try ConsumerProtocolSubscription(decoding: reader)
                    default: _ = try ConsumerProtocolAssignment(decoding: reader)
                    }
                } catch {
                    refused += 1
                }
            }
        }
        #expect(refused > 3000 * names.count / 2, "most beginnings of a record are none")
    }
}
