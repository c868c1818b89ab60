// What members ask of a coordinator, what they are answered, and what the coordinator's state machine wants done.
// Plain values; a network front end makes them of Kafka's messages, members in this process make them directly.

/// Asks to become or to stay a member: Kafka's JoinGroup.
struct GroupJoin: Sendable {
    /// The id that the member was given; empty for a new member, and for a static one that has started anew.
    var memberID = ""
    /// The id that it gets when it is new. Never used before in this group.
    var freshMemberID: String
    var instanceID: String?
    var clientID: String
    var clientHost: String
    /// How long the member may be silent; nil where the driver knows otherwise whether it lives, and says so by `leave` or
    /// `disconnect`.
    var sessionTimeout: Duration?
    /// How long the others wait for this member in a rebalance; what `max.poll.interval.ms` is in Kafka's consumer.
    var rebalanceTimeout: Duration
    var protocolType: String
    /// In order of preference.
    var protocols: [GroupProtocol]
    /// A new dynamic member is first told its id and has to join with it: keeps members out that give up early.
    var requiresKnownMemberID = false
    /// A returning leader can be told its group without assigning anew.
    var supportsSkippingAssignment = true

    init(
        freshMemberID: String, instanceID: String? = nil, clientID: String, clientHost: String,
        sessionTimeout: Duration?, rebalanceTimeout: Duration, protocolType: String, protocols: [GroupProtocol]
    ) {
        self.freshMemberID = freshMemberID
        self.instanceID = instanceID
        self.clientID = clientID
        self.clientHost = clientHost
        self.sessionTimeout = sessionTimeout
        self.rebalanceTimeout = rebalanceTimeout
        self.protocolType = protocolType
        self.protocols = protocols
    }
}

/// The answer to a request to join.
enum GroupJoinAnswer: Hashable, Sendable {
    case joined(JoinedGroup)
    /// Join again with this id.
    case memberIDRequired(String)
    case refused(GroupError)
}

/// What a member learns when all have joined.
struct JoinedGroup: Hashable, Sendable {
    /// A member as the leader sees it.
    struct Member: Hashable, Sendable {
        var memberID: String
        var instanceID: String?
        var metadata: [UInt8]

        init(memberID: String, instanceID: String?, metadata: [UInt8]) {
            self.memberID = memberID
            self.instanceID = instanceID
            self.metadata = metadata
        }
    }

    var memberID: String
    var generation: Int32
    var protocolType: String
    var protocolName: String
    var leader: String
    /// All members, for the leader only.
    var members: [Member]
    /// The leader has nothing to assign: the assignments of this generation stand.
    var skipsAssignment = false

    var isLeader: Bool { leader == memberID }
}

/// Asks for the member's assignment; the leader's brings everybody's: Kafka's SyncGroup.
struct GroupSync: Sendable {
    var memberID: String
    var instanceID: String?
    var generation: Int32
    /// Checked where it is given.
    var protocolType: String?
    /// Checked where it is given.
    var protocolName: String?
    /// By member id; from the leader. Whoever is left out is assigned no bytes.
    var assignments: [String: [UInt8]]

    init(
        memberID: String, instanceID: String? = nil, generation: Int32, protocolType: String? = nil,
        protocolName: String? = nil, assignments: [String: [UInt8]] = [:]
    ) {
        self.memberID = memberID
        self.instanceID = instanceID
        self.generation = generation
        self.protocolType = protocolType
        self.protocolName = protocolName
        self.assignments = assignments
    }
}

/// The answer to a request for an assignment: the member's own, or why there is none.
typealias GroupSyncAnswer = Result<[UInt8], GroupError>

/// Who leaves: by member id, or a static member by its instance id alone.
struct LeavingMember: Hashable, Sendable {
    var memberID: String
    var instanceID: String?

    init(memberID: String, instanceID: String? = nil) {
        self.memberID = memberID
        self.instanceID = instanceID
    }
}

/// A group that is to be written down; numbered so that the machine knows what has been.
struct GroupStoreID: Hashable, Sendable {
    var rawValue: UInt64
}

/// What the state machine wants done, in this order.
enum GroupAction: Hashable, Sendable {
    case answerJoin(GroupRequestID, GroupJoinAnswer)
    case answerSync(GroupRequestID, GroupSyncAnswer)
    /// Write the group down. Somebody waits for it, so `stored` is to be called when it is durable, or cannot be.
    case store(GroupStoreID, GroupMetadataValue)
    /// Write the group down; nobody waits for it, and what fails is made good by the next one.
    case storeUnawaited(GroupMetadataValue)
    /// A rebalance has begun: these members have to join again. Over a network they learn it from their next heartbeat.
    case rejoin(memberIDs: [String])
    /// A member is out, and what it asks for from now on is refused with the error.
    case removed(memberID: String, GroupError)
    /// Every member of the generation can have its assignment.
    case stable(generation: Int32)
    /// The group is deleted: write a tombstone.
    case forget
}
