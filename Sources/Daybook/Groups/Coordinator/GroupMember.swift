// One member of a group, as its coordinator sees it, and the members together, in the order in which they came.
// What a member may do when is in `GroupStateMachine`.

/// An assignor that a member can work with, and what the member tells the leader for it.
struct GroupProtocol: Hashable, Sendable {
    var name: String
    var metadata: [UInt8]

    init(name: String, metadata: [UInt8]) {
        self.name = name
        self.metadata = metadata
    }
}

/// A request that waits for its answer; numbered by whoever made it.
struct GroupRequestID: Hashable, Sendable {
    var rawValue: UInt64
    init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A member.
struct GroupMember: Hashable, Sendable {
    var id: String
    /// Set for a static member, which keeps its place when it comes back under a new member id.
    let instanceID: String?
    var clientID: String
    var clientHost: String
    /// In order of preference.
    var protocols: [GroupProtocol]
    /// How long a rebalance waits for this member.
    var rebalanceTimeout: Duration
    /// How long it may be silent; nil where whoever drives the machine knows otherwise whether it lives.
    var sessionTimeout: Duration?
    var assignment: [UInt8] = []
    /// Its request to join that waits for the others.
    var join: GroupRequestID?
    /// Its request for an assignment that waits for the leader.
    var sync: GroupRequestID?
    /// It has never been told its id: it cannot send heartbeats, and may have given up unnoticed.
    var isNew = true
    /// When its session ends.
    var expiresAt: Duration?

    /// When it is to be removed unless it is heard of; nil while the coordinator owes it an answer.
    var deadline: Duration? {
        let isOwed = sync != nil || (join != nil && !isNew)
        return isOwed ? nil : expiresAt
    }

    func metadata(for protocolName: String?) -> [UInt8] {
        protocols.first { $0.name == protocolName }?.metadata ?? []
    }
}

/// Members by id, in the order in which they joined first.
struct GroupMembers: Sendable {
    private var byID: [String: GroupMember] = [:]
    private var byInstance: [String: String] = [:]
    private(set) var ids: [String] = []

    var isEmpty: Bool { ids.isEmpty }
    var count: Int { ids.count }
    var first: GroupMember? { ids.first.flatMap { byID[$0] } }
    /// All of them, in order.
    var inOrder: [GroupMember] { ids.compactMap { byID[$0] } }

    subscript(id: String) -> GroupMember? { byID[id] }

    func contains(_ id: String) -> Bool { byID[id] != nil }

    /// The id that a static member has now.
    func id(ofInstance instanceID: String) -> String? { byInstance[instanceID] }

    mutating func append(_ member: GroupMember) {
        precondition(byID[member.id] == nil, "member \(member.id) is in the group already")
        byID[member.id] = member
        ids.append(member.id)
        if let instanceID = member.instanceID { byInstance[instanceID] = member.id }
    }

    /// Changes a member, who must be there. Its id and instance id stay.
    mutating func update(_ id: String, _ change: (inout GroupMember) -> Void) {
        guard var member = byID[id] else { preconditionFailure("member \(id) is not in the group") }
        change(&member)
        byID[id] = member
    }

    /// Takes a member out. O(members).
    @discardableResult
    mutating func remove(_ id: String) -> GroupMember? {
        guard let member = byID.removeValue(forKey: id) else { return nil }
        ids.removeAll { $0 == id }
        if let instanceID = member.instanceID { byInstance[instanceID] = nil }
        return member
    }

    /// Gives a member another id in the same place.
    mutating func rename(_ id: String, to newID: String) {
        guard var member = byID.removeValue(forKey: id), let index = ids.firstIndex(of: id) else { return }
        member.id = newID
        byID[newID] = member
        ids[index] = newID
        if let instanceID = member.instanceID { byInstance[instanceID] = newID }
    }

    /// Names of protocols that all of these members support, in the order in which the first one prefers them.
    static func sharedProtocols(_ members: some Sequence<GroupMember>) -> [String] {
        var iterator = members.makeIterator()
        guard let first = iterator.next() else { return [] }
        var shared = first.protocols.map(\.name)
        while let member = iterator.next() {
            let names = Set(member.protocols.map(\.name))
            shared.removeAll { !names.contains($0) }
        }
        return shared
    }
}
