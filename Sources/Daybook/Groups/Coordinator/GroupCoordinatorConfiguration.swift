// What the coordinator of groups can be told: how long it waits for members and how many it takes.
// What a member chooses for itself comes with its request to join.

/// How groups are coordinated in this process.
public struct GroupCoordinatorConfiguration: Hashable, Sendable {
    /// How long the first member of an empty group waits for more, so that many who start together cause one rebalance.
    /// Kafka's `group.initial.rebalance.delay.ms`; zero by default, because members in one process wait for no network.
    public var initialRebalanceDelay: Duration
    /// The most members that a group may have: Kafka's `group.max.size`. No limit by default.
    public var maximumSize: Int
    /// How long the place of a static member is kept when its consumer has been closed or the process has ended: as long as
    /// Kafka's `session.timeout.ms`, 45 seconds by default. Members of other kinds are gone at once.
    public var staticMemberGrace: Duration
    /// The session timeouts that members with heartbeats may have: Kafka's `group.min.session.timeout.ms` and
    /// `group.max.session.timeout.ms`. Members in this process have none.
    var sessionTimeouts: ClosedRange<Duration> = .seconds(6) ... .seconds(1800)

    public init(
        initialRebalanceDelay: Duration = .zero, maximumSize: Int = .max, staticMemberGrace: Duration = .seconds(45)
    ) {
        self.initialRebalanceDelay = initialRebalanceDelay
        self.maximumSize = maximumSize
        self.staticMemberGrace = staticMemberGrace
    }

    /// Throws `.invalidConfiguration` for a negative delay or grace, and a group of nobody.
    func validated() throws(DaybookError) -> GroupCoordinatorConfiguration {
        func invalid(_ message: String) -> DaybookError { DaybookError(.invalidConfiguration, message) }
        guard initialRebalanceDelay >= .zero else {
            throw invalid("The initial rebalance delay of groups is \(initialRebalanceDelay); use zero or more")
        }
        guard maximumSize >= 1 else {
            throw invalid("A group may have at most \(maximumSize) members; use 1 or more")
        }
        guard staticMemberGrace >= .zero else {
            throw invalid("The grace of static members is \(staticMemberGrace); use zero or more")
        }
        return self
    }
}
