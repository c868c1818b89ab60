// One question about the health of a process, and the ones that Daybook knows how to ask. What they come to together is
// `Health`; who is told of it, and how, is the program's choice.

public import Daybook

/// Asks whether something is well.
public struct HealthCheck: Sendable {
    /// What a problem means for those who look after the process.
    public enum Severity: String, Sendable, Hashable, Codable {
        /// It does not pass by itself: a person, or a restart, is needed.
        case broken
        /// The process cannot do its work now, and will by itself once the cause is gone: send nobody here meanwhile.
        case notReady
    }

    /// What is asked about, short and unique: it names the problem in a report.
    public let name: String
    let problems: @Sendable () async throws -> [(Severity, String)]

    /// `problems`: what is wrong now, with sentences that may be shown to whoever may see the report; empty while all is
    /// well. What it throws is a problem as well, a broken one.
    public init(_ name: String, problems: @escaping @Sendable () async throws -> [(Severity, String)]) {
        self.name = name
        self.problems = problems
    }
}

extension HealthCheck {
    /// The engine: closed or failed by its disk is broken; a full disk is not ready, since appends resume by themselves.
    public static func engine(_ daybook: Daybook) -> HealthCheck {
        HealthCheck("engine") {
            await daybook.problems().map { ($0.code == .diskFull ? .notReady : .broken, $0.message) }
        }
    }

    /// A group that is expected to be at work: stopped (records wait and nobody commits) or cut off from its place is broken.
    ///
    /// A group that has never committed anything is well: it has not begun. Costs what ``Daybook/Daybook/describeGroup(_:)``
    /// costs.
    public static func group(_ group: String, of daybook: Daybook) -> HealthCheck {
        HealthCheck("group \(group)") {
            let description: GroupDescription
            do { description = try await daybook.describeGroup(group) } catch let error as DaybookError
                where error.code == .unknownGroup
            { return [] }
            return description.positions.compactMap { position in
                if let problem = position.problem { return (.broken, problem.message) }
                guard position.progress == .stopped else { return nil }
                let lag = position.lag ?? 0
                return (.broken, "\(lag) records wait in \(position.topicPartition), and the group commits nothing")
            }
        }
    }
}
