// How groups stand, as a value: what they have committed, how much they have not dealt with, and whether they get on.
// Put together by `Daybook+Groups`.

public import DaybookModel

/// A group's place in one partition, and what lies before it.
public struct GroupPosition: Sendable {
    public let topicPartition: TopicPartition
    public let committed: CommittedOffset
    /// The first record that there is.
    public let logStartOffset: Offset
    /// How far a reader of committed records can go, exclusive.
    public let endOffset: Offset
    /// Records that the group has not dealt with: those that a reader of committed records gets from `committed` on. Exact;
    /// offsets without a record count nothing. Nil where the place is not in this log, see `problem`.
    public let lag: Int64?
    /// When the oldest of those records was appended; nil when there is none. A directory opened for reading knows it of the
    /// newest records of a log only from the time at which the file was last written to: they may seem younger than they are.
    public let oldestUnprocessed: Timestamp?
    /// For how long the oldest of those records has been in the log.
    public let oldestAge: Duration?
    public let progress: GroupProgress
    /// The member that has the partition, as the group said when it last assigned its partitions; nil where none has it.
    public internal(set) var member: MemberDescription?
    /// Why the group cannot go on from here: the log has lost the records before this place, or the topic is gone.
    public let problem: DaybookError?
}

/// A member of a group, as the group said when it last assigned its partitions.
public struct MemberDescription: Hashable, Sendable {
    public let memberID: String
    /// The name of a static member.
    public let instanceID: String?
    public let clientID: String
    /// The partitions that it was assigned, in order.
    public let assignment: [TopicPartition]
}

/// A group in a list.
public struct GroupSummary: Sendable {
    public let group: String
    public let state: GroupState
    /// Members, as the group said when it last assigned its partitions.
    public let membersCount: Int
    public let partitionsCount: Int
    /// The sum over all partitions whose place is in their log.
    public let lag: Int64
    /// The worst of all partitions.
    public let progress: GroupProgress
    /// When the group last committed anything; nil when it has not.
    public let lastCommit: Timestamp?
    /// Partitions in which the group cannot go on.
    public let problemsCount: Int
}

/// A group with all its partitions.
public struct GroupDescription: Sendable {
    /// What the group is doing, and who is in it.
    public let standing: GroupStanding
    /// In order of topics and partitions.
    public let positions: [GroupPosition]

    init(standing: GroupStanding, positions: [GroupPosition]) {
        self.standing = standing
        var owners: [TopicPartition: MemberDescription] = [:]
        for member in standing.members {
            for topicPartition in member.assignment { owners[topicPartition] = member }
        }
        self.positions = positions.map { position in
            var position = position
            position.member = owners[position.topicPartition]
            return position
        }
    }

    public var group: String { standing.group }
    public var state: GroupState { standing.state }
    public var assignor: String? { standing.assignor }
    public var generation: Int32 { standing.generation }
    public var members: [MemberDescription] { standing.members }

    /// The same in short.
    public var summary: GroupSummary {
        GroupSummary(
            group: group, state: state, membersCount: members.count, partitionsCount: positions.count,
            lag: positions.reduce(0) { $0 + ($1.lag ?? 0) }, progress: positions.map(\.progress).max() ?? .moving,
            lastCommit: positions.map(\.committed.commitTime).max(),
            problemsCount: positions.count { $0.problem != nil })
    }
}
