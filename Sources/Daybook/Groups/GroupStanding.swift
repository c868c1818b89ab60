// What groups are doing and who their members are, as the process knows it that they are in; and the command that asks it. How far
// groups have come is `GroupDescription`.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// What a group is doing, and who is in it.
public struct GroupStanding: Hashable, Sendable {
    public let group: String
    public let state: GroupState
    /// The assignor that its members have agreed on; nil while it has none.
    public let assignor: String?
    /// How often the group has been rebalanced; what earlier generations commit is refused.
    public let generation: Int32
    /// In the order in which they joined.
    public let members: [MemberDescription]

    init(
        group: String, state: GroupState, assignor: String?, generation: Int32, members: [MemberDescription]
    ) {
        self.group = group
        self.state = state
        self.assignor = assignor
        self.generation = generation
        self.members = members
    }

    init(group: String, state: GroupState, _ metadata: GroupMetadataValue?) {
        self.group = group
        self.state = state
        members = metadata?.members.map { MemberDescription($0) } ?? []
        assignor = members.isEmpty ? nil : metadata?.protocolName
        generation = max(0, metadata?.generation ?? 0)
    }
}

extension MemberDescription {
    /// What cannot be read of its assignment, because the group speaks another protocol, is none.
    fileprivate init(_ member: GroupMetadataValue.Member) {
        let assignment = try? ConsumerProtocolAssignment(decoding: KafkaReader(member.assignment))
        self.init(
            memberID: member.memberID, instanceID: member.instanceID, clientID: member.clientID,
            assignment: assignment?.partitions.sorted() ?? [])
    }
}

extension Daybook {
    /// How a group stands. `stored` is what was written down of it last: where this process has not used the group, static
    /// members of an earlier one may still come back. For a process that only reads it is all there is to know.
    func standing(of group: String, stored: GroupMetadataValue?) -> GroupStanding {
        if let live = groupCoordinator.group(group)?.standing {
            return GroupStanding(group: group, state: live.state, live.metadata)
        }
        var metadata = stored
        if !isReadOnly { metadata?.members.removeAll { $0.sessionTimeout < 0 && $0.instanceID == nil } }
        return GroupStanding(group: group, state: metadata?.members.isEmpty ?? true ? .empty : .stable, metadata)
    }
}

/// Asks how groups stand: all of them, or one.
public struct DescribeMembers: ControlCommand {
    public static let verb = "describe-members"
    /// Nil for all.
    public var group: String?

    public init(_ group: String? = nil) { self.group = group }

    /// By name; empty for a group that is not there.
    public func run(
        on daybook: Daybook, report: @escaping @Sendable (ControlValue) -> Void
    ) async throws -> [GroupStanding] {
        var stored: [String: GroupMetadataValue?] = [:]
        for shard in try await daybook.loadedOffsetShards() {
            shard.state.withLock { state in
                for name in state.table.groupNames { stored[name] = .some(state.table.metadata(of: name)) }
            }
        }
        // Some may have members and nothing written down yet; others have been used and deleted since.
        for name in daybook.groupCoordinator.names where stored[name] == nil {
            if case .live = daybook.groupCoordinator.presence(of: name) { stored[name] = .some(nil) }
        }
        return stored.filter { group == nil || $0.key == group }.sorted { $0.key < $1.key }
            .map { daybook.standing(of: $0.key, stored: $0.value) }
    }

    public var controlValue: ControlValue { ["group": group.controlValue] }

    public init(controlValue value: ControlValue) throws(DaybookError) { self.init(try value.field("group")) }
}

extension GroupStanding: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "group": .string(group), "state": .string(state.rawValue), "assignor": assignor.controlValue,
            "generation": .integer(Int64(generation)), "members": members.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        group = try value.field("group")
        // A state that a later release knows is one that this one cannot say anything of.
        state = GroupState(rawValue: try value.field("state")) ?? .dead
        assignor = try value.field("assignor")
        generation = try value.field("generation")
        members = try value.field("members")
    }
}

extension MemberDescription: ControlRepresentable {
    public var controlValue: ControlValue {
        [
            "member": .string(memberID), "instance": instanceID.controlValue, "client": .string(clientID),
            "assignment": assignment.controlValue,
        ]
    }

    public init(controlValue value: ControlValue) throws(DaybookError) {
        self.init(
            memberID: try value.field("member"), instanceID: try value.field("instance"),
            clientID: try value.field("client"), assignment: try value.field("assignment"))
    }
}
