// Who commits on behalf of a group, for commits that do not go through the group's consumer: of whoever processes its records
// elsewhere, and of transactions.

public import DaybookModel

/// A member of a group in one generation [`ConsumerGroupMetadata`]. Whatever it is used for is refused once the group has gone on
/// without that member, or to another generation.
public struct GroupMemberIdentity: Hashable, Sendable {
    public let group: String
    public let memberID: String
    /// The name of a static member.
    public let instanceID: String?
    /// −1 before the member has joined.
    public let generation: Int32

    public init(group: String, memberID: String, instanceID: String? = nil, generation: Int32) {
        self.group = group
        self.memberID = memberID
        self.instanceID = instanceID
        self.generation = generation
    }
}

extension Daybook {
    /// Commits offsets on behalf of a member of a group: all of them or, when it throws, none; durable when it returns.
    ///
    /// Throws `.unknownMember` when the member has been put out, `.illegalGeneration` when the group has gone on to another
    /// generation, `.fencedInstance` when another consumer has taken the place of a static member, and `.rebalanceInProgress`
    /// while the group's partitions are being assigned; otherwise as ``commit(group:offsets:)``.
    public func commit(_ offsets: [TopicPartition: OffsetCommit], as member: GroupMemberIdentity) async throws {
        let group = try await coordinatedGroup(member.group)
        try await offsetCommitter(group: member.group).commit(offsets) { group.refusal(of: member) }
    }
}

extension CoordinatedGroup {
    /// Why a member's commit is refused; nil where it is not. One in a transaction is not while partitions are being assigned.
    func refusal(of member: GroupMemberIdentity, isTransactional: Bool = false) -> DaybookError? {
        do throws(GroupError) {
            // A group without members takes commits of nobody in particular, which is no right of a member that was put out.
            guard !member.memberID.isEmpty, member.generation >= 0 else { throw .unknownMemberID }
            try validateCommit(
                memberID: member.memberID, instanceID: member.instanceID, generation: member.generation,
                isTransactional: isTransactional)
            return nil
        } catch {
            return DaybookError(error, group: member.group)
        }
    }
}
