// Kafka's assignor `cooperative-sticky`: as `sticky`, but members say in their subscriptions what they have, and go on with it
// until it goes to another one. How it is distributed is in `StickyPlan`.

public import DaybookModel
internal import DaybookRecords

/// As ``StickyAssignor``, and members go on with what they keep while the group rebalances.
///
/// A partition that moves is given to nobody in the rebalance in which its owner loses it; when that one has given it up,
/// another rebalance gives it to its new owner. So at no time do two members own a partition.
public struct CooperativeStickyAssignor: GroupAssignor {
    public init() {}

    public var name: String { "cooperative-sticky" }
    public var isCooperative: Bool { true }

    /// The generation, as Kafka's consumers note it for this assignor.
    public func userData(ownedPartitions: [TopicPartition], generation: Int32) -> [UInt8]? {
        var writer = KafkaWriter()
        writer.int32(generation)
        return writer.bytes
    }

    public func assign(_ topics: [TopicName: Int], to members: [GroupAssignorMember]) -> [String: [TopicPartition]] {
        let claims = members.map { member in
            StickyPlan.Claim(member: member, partitions: member.ownedPartitions, generation: Self.generation(member))
        }
        return Self.deferring(StickyPlan.assign(topics, claims), members)
    }

    /// From the subscription, or from the user data of clients whose subscriptions have none.
    private static func generation(_ member: GroupAssignorMember) -> Int32 {
        guard member.generation < 0, let userData = member.userData else { return member.generation }
        var reader = KafkaReader(userData)
        return (try? reader.int32()) ?? -1
    }

    /// Leaves out what another member still owns.
    static func deferring(
        _ assignment: [String: [TopicPartition]], _ members: [GroupAssignorMember]
    ) -> [String: [TopicPartition]] {
        var owners: [TopicPartition: Set<String>] = [:]
        for member in members {
            for partition in member.ownedPartitions { owners[partition, default: []].insert(member.memberID) }
        }
        return assignment.reduce(into: [:]) { result, entry in
            result[entry.key] = entry.value.filter { (owners[$0] ?? []).subtracting([entry.key]).isEmpty }
        }
    }
}

extension GroupAssignor where Self == CooperativeStickyAssignor {
    /// Kafka's `cooperative-sticky`.
    public static var cooperativeSticky: CooperativeStickyAssignor { CooperativeStickyAssignor() }
}
