// The seam at which a group's leader distributes partitions: Kafka's assignors are implemented beside this file, and users may
// bring their own. Assignors are pure: members in, assignments out.

public import DaybookModel

/// Distributes the partitions of topics over the members of a group.
///
/// Members agree on an assignor by its name: of the names that all of them support the group takes the one that most prefer.
/// The leader of the group then calls ``assign(_:to:)``. Assignors must give the same answer for the same question.
public protocol GroupAssignor: Sendable {
    /// Known to all members that are to use it. Kafka's names are `range`, `roundrobin`, `sticky` and
    /// `cooperative-sticky`.
    var name: String { get }

    /// Whether members keep what they own while a rebalance goes on and give up only what goes to others: then a partition
    /// gets its new owner in the rebalance after the one in which the old owner has given it up. Otherwise every member
    /// gives up everything before it joins. False by default.
    var isCooperative: Bool { get }

    /// What a member that joins tells the leader for this assignor alone; nil by default.
    ///
    /// - Parameters:
    ///   - ownedPartitions: what the member was assigned last.
    ///   - generation: in which generation that was; −1 when it has never been assigned anything.
    func userData(ownedPartitions: [TopicPartition], generation: Int32) -> [UInt8]?

    /// Distributes partitions.
    ///
    /// The leader refuses an answer in which a partition occurs twice, or goes to a member that does not subscribe to its
    /// topic. A partition that is left out is read by nobody. Members that are left out are assigned nothing.
    ///
    /// - Parameters:
    ///   - topics: the topics that any member subscribes to and that exist, each with its number of partitions.
    ///   - members: at least one, in no particular order.
    /// - Returns: by member id, what each is to own.
    func assign(_ topics: [TopicName: Int], to members: [GroupAssignorMember]) -> [String: [TopicPartition]]
}

extension GroupAssignor {
    public var isCooperative: Bool { false }
    public func userData(ownedPartitions: [TopicPartition], generation: Int32) -> [UInt8]? { nil }
}

/// A member as an assignor sees it.
public struct GroupAssignorMember: Hashable, Sendable {
    public var memberID: String
    /// Set for a static member, which keeps it when it starts anew.
    public var instanceID: String?
    public var topics: Set<TopicName>
    /// What the member says it owns. Empty where the assignor is not cooperative: then nobody owns anything while the leader
    /// assigns.
    public var ownedPartitions: [TopicPartition]
    /// In which generation it came to own them; −1 when it does not say.
    public var generation: Int32
    public var userData: [UInt8]?

    public init(
        memberID: String, instanceID: String? = nil, topics: Set<TopicName>, ownedPartitions: [TopicPartition] = [],
        generation: Int32 = -1, userData: [UInt8]? = nil
    ) {
        self.memberID = memberID
        self.instanceID = instanceID
        self.topics = topics
        self.ownedPartitions = ownedPartitions
        self.generation = generation
        self.userData = userData
    }

    /// Static members by their instance ids, then the others by their member ids: Kafka's order, in which a member that comes
    /// back is where it was.
    static func precedes(_ a: GroupAssignorMember, _ b: GroupAssignorMember) -> Bool {
        switch (a.instanceID, b.instanceID) {
        case (let a?, let b?): a < b
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil): a.memberID < b.memberID
        }
    }
}
