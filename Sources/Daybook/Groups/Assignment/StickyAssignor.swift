// Kafka's assignor `sticky`: even, and with as little moving as that allows. How it is done is in `StickyPlan`; the one whose
// members go on meanwhile is `CooperativeStickyAssignor`.

public import DaybookModel
internal import DaybookRecords

/// Distributes partitions evenly and leaves with each member what it had, as far as that goes.
///
/// No member has two partitions more than another that could take one of them, directly or by passing on one of its own. All
/// members give up their partitions before they join, so a partition that stays costs a short pause as well.
public struct StickyAssignor: GroupAssignor {
    public init() {}

    public var name: String { "sticky" }

    /// What the member was assigned, as Kafka's consumers note it for this assignor: it is not known to own it any more.
    public func userData(ownedPartitions: [TopicPartition], generation: Int32) -> [UInt8]? {
        guard generation >= 0 else { return nil }
        return StickyUserData(partitions: ownedPartitions, generation: generation).encoded()
    }

    public func assign(_ topics: [TopicName: Int], to members: [GroupAssignorMember]) -> [String: [TopicPartition]] {
        let claims = members.map { member in
            let data = member.userData.flatMap { StickyUserData(decoding: $0) }
            return StickyPlan.Claim(
                member: member, partitions: data?.partitions ?? [], generation: data?.generation ?? -1)
        }
        return StickyPlan.assign(topics, claims)
    }
}

extension GroupAssignor where Self == StickyAssignor {
    /// Kafka's `sticky`.
    public static var sticky: StickyAssignor { StickyAssignor() }
}

/// What a member of a `sticky` group notes for the leader: what it was assigned, and in which generation. Byte for byte
/// Kafka's, which has no version in it: what does not end behind the generation is of the older form without one.
struct StickyUserData: Hashable, Sendable {
    var partitions: [TopicPartition]
    var generation: Int32

    init(partitions: [TopicPartition], generation: Int32) {
        self.partitions = partitions
        self.generation = generation
    }

    func encoded() -> [UInt8] {
        var writer = KafkaWriter()
        writer.partitions(partitions)
        writer.int32(generation)
        return writer.bytes
    }

    /// Nil for bytes of neither form: then the member is one without a past.
    init?(decoding bytes: [UInt8]) {
        var reader = KafkaReader(bytes)
        do throws(KafkaFieldError) {
            partitions = try reader.partitions()
            generation = reader.remaining > 0 ? try reader.int32() : -1
            try reader.expectEnd()
        } catch {
            return nil
        }
    }
}
