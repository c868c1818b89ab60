// How consumers are made that are members of groups. When partitions come to them and go is the business of `GroupMembership`;
// how they commit is in `Consumer+Committing`.

internal import DaybookModel

extension Daybook {
    /// A consumer of some topics as a member of a group, which shares their partitions with the other members. A topic that is
    /// not there yet is read as soon as it is.
    ///
    /// It joins when it is first asked for records, and begins each partition behind what the group has committed, or where
    /// `offsetReset` says. Whenever the group's members or its topics change, the partitions are distributed anew: the consumer
    /// does its part, with the callbacks of `member`, while it is asked for records. It leaves when it is closed, or gone.
    ///
    /// Throws `.readOnly`, `.invalidGroup`, `.invalidTopic`, `.invalidConfiguration` or `.closed`, and what reading the
    /// committed offsets throws. Asking for records also throws what a callback has thrown, `.noCommittedOffset` where
    /// `offsetReset` is `.fail` and nothing has been committed, `.fencedInstance` when another consumer has taken the place of a
    /// static member, `.inconsistentProtocol` when it shares no assignor with the group, `.groupFull`, and
    /// `.invalidAssignment` for what an assignor of the user's own does wrong.
    public func makeConsumer(
        group: String, topics: [String], member: GroupMemberConfiguration = GroupMemberConfiguration(),
        configuration: ConsumerConfiguration = ConsumerConfiguration()
    ) async throws -> Consumer {
        for name in topics {
            do { _ = try TopicName(name) } catch {
                throw DaybookError(.invalidTopic, error.description, cause: error)
            }
        }
        return try await makeConsumer(group, .topics(topics), member, configuration)
    }

    /// A consumer of the topics whose names match, as a member of a group. A topic that is made later belongs to them from then
    /// on. Otherwise as ``makeConsumer(group:topics:member:configuration:)``.
    public func makeConsumer(
        group: String, matching pattern: TopicPattern, member: GroupMemberConfiguration = GroupMemberConfiguration(),
        configuration: ConsumerConfiguration = ConsumerConfiguration()
    ) async throws -> Consumer {
        try await makeConsumer(group, .matching(pattern), member, configuration)
    }

    private func makeConsumer(
        _ group: String, _ subscription: Subscription, _ member: GroupMemberConfiguration,
        _ configuration: ConsumerConfiguration
    ) async throws -> Consumer {
        let (member, configuration) = (try member.validated(), try configuration.validated())
        let committer = try await offsetCommitter(group: group)
        let membership = GroupMembership(
            self, try await coordinatedGroup(group), committer, subscription, member, start: configuration)
        let consumer = Consumer(
            self, configuration, subscription, commits: GroupCommits(committer, membership: membership))
        membership.begin(consumer)
        return consumer
    }
}
