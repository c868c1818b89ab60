// A group as a record of `__consumer_offsets`, byte for byte as Kafka's brokers write it: its generation, its members and
// what each was assigned. A tombstone says that the group is gone. Also: which kind of record a key of that topic names.

package import DaybookModel
package import DaybookRecords

/// What a key of `__consumer_offsets` names. Its first int16 says so: 0 and 1 are committed offsets, 2 is a group, higher
/// ones belong to protocols of Kafka's that Daybook does not speak.
package enum GroupRecordKey: Hashable, Sendable {
    case offsetCommit(OffsetCommitKey)
    case group(GroupMetadataKey)
    /// To be left alone.
    case unknown(type: Int16)

    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        var type = reader
        switch try type.int16() {
        case 0...1: self = .offsetCommit(try OffsetCommitKey(decoding: reader))
        case GroupMetadataKey.version: self = .group(try GroupMetadataKey(decoding: reader))
        case let other: self = .unknown(type: other)
        }
    }
}

/// The key of a group: int16 version 2, string group.
package struct GroupMetadataKey: Hashable, Sendable {
    package var group: String

    package static let version: Int16 = 2

    package init(group: String) { self.group = group }

    /// The bytes, in the version that is written. Traps for names that Kafka has no room for.
    package func encoded() -> [UInt8] {
        var writer = KafkaWriter()
        writer.int16(Self.version)
        writer.string(group)
        return writer.bytes
    }

    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        var reader = reader
        _ = try reader.version(in: Self.version...Self.version, flexibleFrom: .max)
        group = try reader.string()
        try reader.expectEnd()
    }
}

/// The value of a group. Written in version 3, as brokers do; versions 0 to 4 are read.
///
/// | field | type | versions |
/// |---|---|---|
/// | version | int16 | |
/// | protocol type | string | 0–4 |
/// | generation | int32 | 0–4 |
/// | protocol | nullable string | 0–4 |
/// | leader | nullable string | 0–4 |
/// | current state timestamp | int64, −1 for none | 2–4 |
/// | members | array | 0–4 |
///
/// Version 4 is flexible.
package struct GroupMetadataValue: Hashable, Sendable {
    /// `consumer` for groups of consumers; empty for a group that only commits.
    package var protocolType: String
    package var generation: Int32
    /// The name of the assignor; nil without members.
    package var protocolName: String?
    /// The member id of the leader; nil without members.
    package var leader: String?
    /// When the group came into its state; nil where it was not written down.
    package var stateTime: Timestamp?
    package var members: [Member]

    package static let version: Int16 = 3

    /// A member of the group.
    ///
    /// | field | type | versions |
    /// |---|---|---|
    /// | member id | string | 0–4 |
    /// | group instance id | nullable string | 3–4 |
    /// | client id | string | 0–4 |
    /// | client host | string | 0–4 |
    /// | rebalance timeout | int32, ms | 1–4 |
    /// | session timeout | int32, ms | 0–4 |
    /// | subscription | bytes | 0–4 |
    /// | assignment | bytes | 0–4 |
    package struct Member: Hashable, Sendable {
        package var memberID: String
        package var instanceID: String?
        package var clientID: String
        package var clientHost: String
        /// In milliseconds. Version 0 has none and means the session timeout.
        package var rebalanceTimeout: Int32
        /// In milliseconds.
        package var sessionTimeout: Int32
        /// The member's metadata for the group's protocol.
        package var subscription: [UInt8]
        package var assignment: [UInt8]

        package init(
            memberID: String, instanceID: String?, clientID: String, clientHost: String, rebalanceTimeout: Int32,
            sessionTimeout: Int32, subscription: [UInt8], assignment: [UInt8]
        ) {
            self.memberID = memberID
            self.instanceID = instanceID
            self.clientID = clientID
            self.clientHost = clientHost
            self.rebalanceTimeout = rebalanceTimeout
            self.sessionTimeout = sessionTimeout
            self.subscription = subscription
            self.assignment = assignment
        }
    }

    package init(
        protocolType: String, generation: Int32, protocolName: String?, leader: String?, stateTime: Timestamp?,
        members: [Member]
    ) {
        self.protocolType = protocolType
        self.generation = generation
        self.protocolName = protocolName
        self.leader = leader
        self.stateTime = stateTime
        self.members = members
    }

    /// The bytes, in the version that is written. Traps for names that Kafka has no room for.
    package func encoded() -> [UInt8] {
        var writer = KafkaWriter()
        writer.int16(Self.version)
        writer.string(protocolType)
        writer.int32(generation)
        writer.nullableString(protocolName)
        writer.nullableString(leader)
        writer.int64(stateTime?.rawValue ?? -1)
        writer.array(members) { writer, member in
            writer.string(member.memberID)
            writer.nullableString(member.instanceID)
            writer.string(member.clientID)
            writer.string(member.clientHost)
            writer.int32(member.rebalanceTimeout)
            writer.int32(member.sessionTimeout)
            writer.bytes(member.subscription)
            writer.bytes(member.assignment)
        }
        return writer.bytes
    }

    package init(decoding reader: KafkaReader) throws(KafkaFieldError) {
        var reader = reader
        let version = try reader.version(in: 0...4, flexibleFrom: 4)
        protocolType = try reader.string()
        generation = try reader.int32()
        protocolName = try reader.nullableString()
        leader = try reader.nullableString()
        let time = version >= 2 ? try reader.int64() : -1
        stateTime = time == -1 ? nil : Timestamp(milliseconds: time)
        members = try reader.array { (reader) throws(KafkaFieldError) in try Member(&reader, version) }
        try reader.skipTags()
        try reader.expectEnd()
    }
}

extension GroupMetadataValue.Member {
    fileprivate init(_ reader: inout KafkaReader, _ version: Int16) throws(KafkaFieldError) {
        memberID = try reader.string()
        instanceID = version >= 3 ? try reader.nullableString() : nil
        clientID = try reader.string()
        clientHost = try reader.string()
        let rebalanceTimeout = version >= 1 ? try reader.int32() : nil
        sessionTimeout = try reader.int32()
        self.rebalanceTimeout = rebalanceTimeout ?? sessionTimeout
        subscription = try reader.bytes()
        assignment = try reader.bytes()
        try reader.skipTags()
    }
}
