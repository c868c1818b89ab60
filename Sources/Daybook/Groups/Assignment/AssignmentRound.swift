// Between the bytes that members exchange through the coordinator and the assignors: what a member says when it joins, what
// the leader makes of what all have said, and what a member reads of its assignment.

internal import DaybookModel
internal import DaybookRecords

/// Why what an assignor has answered cannot be used. Kafka's assignors never cause it.
enum AssignmentProblem: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownMember(String)
    case unknownPartition(TopicPartition)
    case notSubscribed(TopicPartition, memberID: String)
    case assignedTwice(TopicPartition)

    var description: String {
        switch self {
        case .unknownMember(let id): "the assignor has assigned partitions to \(id), which is no member of the group"
        case .unknownPartition(let partition): "the assignor has assigned \(partition), which does not exist"
        case .notSubscribed(let partition, let id):
            "the assignor has assigned \(partition) to \(id), which does not subscribe to the topic"
        case .assignedTwice(let partition): "the assignor has assigned \(partition) to two members"
        }
    }
}

/// One round of assigning, on the members' side. Pure.
enum AssignmentRound {
    /// What a member can work with, in its order of preference, and what it tells the leader: the protocols of a request to
    /// join. `owned` is what it has not given up, and `last` what it was assigned last, −1 before the first time.
    static func protocols(
        _ assignors: [any GroupAssignor], topics: Set<TopicName>, owned: [TopicPartition],
        last: (partitions: [TopicPartition], generation: Int32)
    ) -> [GroupProtocol] {
        assignors.map { assignor in
            let subscription = ConsumerProtocolSubscription(
                topics: topics.sorted(),
                userData: assignor.userData(ownedPartitions: last.partitions, generation: last.generation),
                ownedPartitions: owned, generation: last.generation)
            return GroupProtocol(name: assignor.name, metadata: subscription.encoded())
        }
    }

    /// The topics that anybody in the group wants, for the leader to find out how many partitions they have.
    static func topics(of group: JoinedGroup) -> Set<TopicName> {
        members(of: group).reduce(into: []) { $0.formUnion($1.topics) }
    }

    /// What the leader assigns to whom, by member id. `counts` has the topics that exist; partitions of others are left out.
    static func assign(
        _ group: JoinedGroup, with assignor: any GroupAssignor, _ counts: [TopicName: Int]
    ) throws(AssignmentProblem) -> [String: [UInt8]] {
        let members = members(of: group)
        let wanted = members.reduce(into: Set<TopicName>()) { $0.formUnion($1.topics) }
        let topics = counts.filter { wanted.contains($0.key) }
        var assignment = assignor.assign(topics, to: members)
        try check(assignment, topics, members)
        // An assignor that forgets to wait for the old owner does no harm either.
        if assignor.isCooperative { assignment = CooperativeStickyAssignor.deferring(assignment, members) }
        return Dictionary(
            uniqueKeysWithValues: members.map { member in
                let partitions = assignment[member.memberID] ?? []
                return (member.memberID, ConsumerProtocolAssignment(partitions: partitions).encoded())
            })
    }

    /// What a member is assigned, in order.
    static func partitions(_ assignment: [UInt8]) throws(KafkaFieldError) -> [TopicPartition] {
        try ConsumerProtocolAssignment(decoding: KafkaReader(assignment)).partitions.sorted()
    }

    /// A member whose metadata cannot be read subscribes to nothing: its bytes are its own fault, and the others go on.
    private static func members(of group: JoinedGroup) -> [GroupAssignorMember] {
        group.members.map { member in
            let subscription = try? ConsumerProtocolSubscription(decoding: KafkaReader(member.metadata))
            return GroupAssignorMember(
                memberID: member.memberID, instanceID: member.instanceID, topics: Set(subscription?.topics ?? []),
                ownedPartitions: subscription?.ownedPartitions ?? [], generation: subscription?.generation ?? -1,
                userData: subscription?.userData)
        }
    }

    private static func check(
        _ assignment: [String: [TopicPartition]], _ topics: [TopicName: Int], _ members: [GroupAssignorMember]
    ) throws(AssignmentProblem) {
        let subscriptions = Dictionary(uniqueKeysWithValues: members.map { ($0.memberID, $0.topics) })
        var assigned: Set<TopicPartition> = []
        for (memberID, partitions) in assignment.sorted(by: { $0.key < $1.key }) {
            guard let subscribed = subscriptions[memberID] else { throw .unknownMember(memberID) }
            for partition in partitions {
                guard let count = topics[partition.topic], (0..<count).contains(Int(partition.partition)) else {
                    throw .unknownPartition(partition)
                }
                guard subscribed.contains(partition.topic) else {
                    throw .notSubscribed(partition, memberID: memberID)
                }
                guard assigned.insert(partition).inserted else { throw .assignedTwice(partition) }
            }
        }
    }
}
