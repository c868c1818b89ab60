// A group and what is written down of it: the record that `__consumer_offsets` keeps, and the group that is made of it when
// a coordinator begins its work.

internal import DaybookModel

extension GroupStateMachine {
    /// The group as it was written down.
    ///
    /// Members with a session timeout have that long to be heard of, and then never notice. Of members without one, dynamic
    /// ones went with the process that wrote it; static ones have `grace` to come back to what they were assigned, and keep
    /// it until then.
    init(
        id: String, loading value: GroupMetadataValue, configuration: GroupCoordinatorConfiguration,
        grace: Duration, at now: Duration
    ) {
        self.init(id: id, configuration: configuration)
        protocolType = value.protocolType
        // What is on disk is input: a generation below zero means "none" in requests.
        generation = max(0, value.generation)
        var hasLostMembers = false
        for stored in value.members {
            guard !stored.memberID.isEmpty, !members.contains(stored.memberID),
                stored.instanceID.map({ members.id(ofInstance: $0) == nil }) ?? true,
                stored.sessionTimeout >= 0 || stored.instanceID != nil
            else {
                hasLostMembers = true
                continue
            }
            members.append(Self.member(stored, protocolName: value.protocolName ?? "", grace: grace, at: now))
        }
        guard !members.isEmpty else { return }
        protocolName = value.protocolName ?? ""
        leader = value.leader.flatMap { members.contains($0) ? $0 : nil } ?? members.first?.id
        phase = .stable(Completion(unsynced: [], deadline: now))
        // Partitions of those who are gone are nobody's.
        if hasLostMembers || members.count > configuration.maximumSize { rebalance(at: now) }
        actions = []
    }

    private static func member(
        _ stored: GroupMetadataValue.Member, protocolName: String, grace: Duration, at now: Duration
    ) -> GroupMember {
        let session = stored.sessionTimeout >= 0 ? Duration.milliseconds(stored.sessionTimeout) : nil
        var member = GroupMember(
            id: stored.memberID, instanceID: stored.instanceID, clientID: stored.clientID,
            clientHost: stored.clientHost,
            protocols: [GroupProtocol(name: protocolName, metadata: stored.subscription)],
            rebalanceTimeout: .milliseconds(max(0, stored.rebalanceTimeout)), sessionTimeout: session)
        member.assignment = stored.assignment
        member.isNew = false
        member.expiresAt = now + (session ?? grace)
        return member
    }

    /// Members and what each is assigned, by member id.
    var currentAssignments: [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: members.inOrder.map { ($0.id, $0.assignment) })
    }

    /// The group as it is to be written down. The time of its state is for the caller to add.
    func metadata(_ assignments: [String: [UInt8]]) -> GroupMetadataValue {
        GroupMetadataValue(
            protocolType: protocolType, generation: generation, protocolName: protocolName, leader: leader,
            stateTime: nil,
            members: members.inOrder.map { member in
                GroupMetadataValue.Member(
                    memberID: member.id, instanceID: member.instanceID, clientID: member.clientID,
                    clientHost: member.clientHost, rebalanceTimeout: Self.milliseconds(member.rebalanceTimeout),
                    sessionTimeout: member.sessionTimeout.map(Self.milliseconds) ?? -1,
                    subscription: member.metadata(for: protocolName), assignment: assignments[member.id] ?? [])
            })
    }

    private static func milliseconds(_ duration: Duration) -> Int32 {
        let milliseconds = duration / .milliseconds(1)
        return Int32(min(max(0, milliseconds), Double(Int32.max)))
    }
}
