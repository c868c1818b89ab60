// What is asked of a partition of the internal topic: commits, deletions, what a group says of itself. Whether it is granted is
// found out by `OffsetRound`, when it is written down; in which order, is `OffsetShard`'s business.

internal import DaybookModel
internal import DaybookRecords

/// Something that is to be written down about a group.
struct OffsetRequest: Sendable {
    enum Work: Sendable {
        /// Commits, together or not at all.
        case commit([TopicPartition: OffsetCommit])
        /// Deletes what the group has committed for these partitions; nil: everything.
        case remove([TopicPartition]?)
        /// Writes down what the group says of itself; nil: nothing any more.
        case describe(GroupMetadataValue?)
        /// Appends commits of a transaction, which count when it does.
        case append(TransactionalCommit)
        /// Deletes what any group has committed for a topic.
        case forget(TopicName)
        /// Nothing: answered when everything before it has been.
        case wait
    }

    var group: String
    var work: Work
    /// Refused while members are at work in the group.
    var needsEmptyGroup = false
    /// Whose places these commits are, if they say no more than where a consumer is. Nobody waits for them, and those of one
    /// consumer that stand one behind the other are written down as one.
    var positionsOf: ObjectIdentifier?
    /// Those that were handed over behind this one, in order, and are taken together with it.
    private(set) var absorbed: [Absorbed] = []
    /// Asked just before it is written down, with what is to be committed; an error refuses the request.
    var isAllowed: (@Sendable ([TopicPartition: OffsetCommit]) -> DaybookError?)?
    /// The same with the table, which knows everything that was asked for before about the group. Costs a batch of its own when
    /// there is such a request in the one before it.
    var validate: (@Sendable (borrowing OffsetTable) -> DaybookError?)?
    var completion: @Sendable (DaybookError?) -> Void

    /// Another place of the same consumer.
    struct Absorbed: Sendable {
        let commits: [TopicPartition: OffsetCommit]
        let completion: @Sendable (DaybookError?) -> Void
    }

    init(
        group: String, work: Work, needsEmptyGroup: Bool = false, positionsOf: ObjectIdentifier? = nil,
        isAllowed: (@Sendable ([TopicPartition: OffsetCommit]) -> DaybookError?)? = nil,
        validate: (@Sendable (borrowing OffsetTable) -> DaybookError?)? = nil,
        completion: @escaping @Sendable (DaybookError?) -> Void
    ) {
        self.group = group
        self.work = work
        self.needsEmptyGroup = needsEmptyGroup
        self.positionsOf = positionsOf
        self.isAllowed = isAllowed
        self.validate = validate
        self.completion = completion
    }

    /// Whether it may wait for others before it is written down.
    var mayLinger: Bool { positionsOf != nil }

    /// Takes in the request that stands right behind this one; false where they do not go together.
    mutating func absorb(_ next: OffsetRequest) -> Bool {
        guard positionsOf != nil, positionsOf == next.positionsOf, case .commit(let commits) = next.work else {
            return false
        }
        absorbed.append(Absorbed(commits: commits, completion: next.completion))
        return true
    }

    /// The places that the request and those it has absorbed say last; nil for other requests.
    var lastPositions: [TopicPartition: OffsetCommit]? {
        guard positionsOf != nil, case .commit(var commits) = work else { return nil }
        for other in absorbed { commits.merge(other.commits) { $1 } }
        return commits
    }

    /// The request and those it has absorbed, one by one.
    var parts: [OffsetRequest] {
        var part = self
        part.absorbed = []
        var parts = [part]
        for other in absorbed {
            part.work = .commit(other.commits)
            part.completion = other.completion
            parts.append(part)
        }
        return parts
    }
}
