// What the coordinator of groups can be told: how long it waits for members and how many it takes.
// What a member chooses for itself comes with its request to join.

/// How groups are coordinated in this process.
public struct GroupCoordinatorConfiguration: Hashable, Sendable {
    /// How long the first member of an empty group waits for more, so that many who start together cause one rebalance.
    /// Kafka's `group.initial.rebalance.delay.ms`; zero by default, because members in one process wait for no network.
    public var initialRebalanceDelay: Duration
    /// The most members that a group may have: Kafka's `group.max.size`. No limit by default.
    public var maximumSize: Int
    /// The session timeouts that members with heartbeats may have: Kafka's `group.min.session.timeout.ms` and
    /// `group.max.session.timeout.ms`.
    public var sessionTimeouts: ClosedRange<Duration>

    public init(
        initialRebalanceDelay: Duration = .zero, maximumSize: Int = .max,
        sessionTimeouts: ClosedRange<Duration> = .seconds(6) ... .seconds(1800)
    ) {
        self.initialRebalanceDelay = initialRebalanceDelay
        self.maximumSize = maximumSize
        self.sessionTimeouts = sessionTimeouts
    }

    /// Throws `.invalidConfiguration` for a negative delay, a group of nobody, and sessions that end at once.
    func validated() throws(DaybookError) -> GroupCoordinatorConfiguration {
        func invalid(_ message: String) -> DaybookError { DaybookError(.invalidConfiguration, message) }
        guard initialRebalanceDelay >= .zero else {
            throw invalid("The initial rebalance delay of groups is \(initialRebalanceDelay); use zero or more")
        }
        guard maximumSize >= 1 else {
            throw invalid("A group may have at most \(maximumSize) members; use 1 or more")
        }
        guard sessionTimeouts.lowerBound > .zero else {
            throw invalid("The shortest session timeout is \(sessionTimeouts.lowerBound); use more than zero")
        }
        return self
    }
}
