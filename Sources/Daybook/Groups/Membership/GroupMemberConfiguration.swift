// What a consumer chooses for itself as a member of a group. What holds for all groups of a daybook is
// `GroupCoordinatorConfiguration`.

public import DaybookModel

/// Settings of a member of a group. Kafka's names in brackets.
public struct GroupMemberConfiguration: Sendable {
    /// How the group's partitions are distributed, in order of preference; all members must share one
    /// [`partition.assignment.strategy`]. Where one of them is not cooperative, the member gives up everything in each rebalance.
    public var assignors: [any GroupAssignor]
    /// Makes the member a static one: when it is closed and another one with the same name joins in time, that one takes its place
    /// and its partitions, and nobody else notices [`group.instance.id`].
    public var instanceID: String?
    /// Shown where the group is described; the beginning of the member's id [`client.id`].
    public var clientID: String
    /// How long the user may work on what it has got before it asks for more. When it takes longer the member leaves the group
    /// and its partitions go to others; and for so long the others wait for it in a rebalance [`max.poll.interval.ms`].
    public var maximumPollInterval: Duration
    /// Called when partitions have become this member's, before anything of them is handed out: the time to seek.
    public var onAssigned: Callback
    /// Called when partitions go to others, before they do: the time to finish and to commit. The others wait until it returns, but
    /// no longer than `maximumPollInterval`. Also called when the consumer is closed.
    public var onRevoked: Callback
    /// Called when others may have the partitions already, because the member was put out: nothing can be committed for them.
    public var onLost: Callback

    /// Told of partitions, by the task that asks the consumer for records, or closes it; one callback at a time. May commit and
    /// seek, but not ask for records. What it throws does not hold up the rebalance; whoever has asked for records is thrown it
    /// afterwards, and whoever has closed the consumer is not.
    public typealias Callback = @Sendable (_ consumer: Consumer, _ partitions: [TopicPartition]) async throws -> Void

    public init(
        assignors: [any GroupAssignor] = [.cooperativeSticky], instanceID: String? = nil, clientID: String = "daybook",
        maximumPollInterval: Duration = .seconds(300),
        onAssigned: @escaping Callback = { _, _ in }, onRevoked: @escaping Callback = { _, _ in },
        onLost: @escaping Callback = { _, _ in }
    ) {
        self.assignors = assignors
        self.instanceID = instanceID
        self.clientID = clientID
        self.maximumPollInterval = maximumPollInterval
        self.onAssigned = onAssigned
        self.onRevoked = onRevoked
        self.onLost = onLost
    }

    /// The configuration if every value is allowed; throws `.invalidConfiguration` that says what is.
    public func validated() throws(DaybookError) -> GroupMemberConfiguration {
        func invalid(_ message: String) -> DaybookError { DaybookError(.invalidConfiguration, message) }
        guard !assignors.isEmpty, Set(assignors.map(\.name)).count == assignors.count else {
            throw invalid("assignors has none, or two of one name; give at least one, each with a name of its own")
        }
        guard maximumPollInterval >= .milliseconds(1) else {
            throw invalid("maximumPollInterval is \(maximumPollInterval); use a millisecond or more")
        }
        let names = assignors.map(\.name) + [clientID] + (instanceID.map { [$0] } ?? [])
        guard names.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 249 }) else {
            throw invalid("clientID, instanceID and the names of assignors have 1 to 249 bytes")
        }
        return self
    }
}
