// The health of a process: all its checks, asked at once, each for so long and no longer, and what they found as one report.
// Which checks there are is the business of `HealthCheck`.

internal import Synchronization

/// The checks of a process.
public struct Health: Sendable {
    private let checks: [HealthCheck]
    private let patience: Duration

    /// `patience`: for how long a check may take; one that takes longer is a broken one, since what it asks about hangs.
    public init(_ checks: [HealthCheck], patience: Duration = .seconds(5)) {
        precondition(Set(checks.map(\.name)).count == checks.count, "each check has a name of its own")
        precondition(patience > .zero, "patience is more than nothing")
        self.checks = checks
        self.patience = patience
    }

    /// Asks all checks at once and waits until each has answered or lost its time. Never throws.
    public func report() async -> HealthReport {
        await withTaskGroup(of: (Int, [HealthReport.Problem]).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask { (index, await answer(of: check)) }
            }
            var answers = [[HealthReport.Problem]](repeating: [], count: checks.count)
            for await (index, problems) in group { answers[index] = problems }
            return HealthReport(checked: checks.map(\.name), problems: answers.flatMap(\.self))
        }
    }

    /// Does not wait for a check that hangs: its task is left behind, cancelled.
    private func answer(of check: HealthCheck) async -> [HealthReport.Problem] {
        let race = Race()
        return await withCheckedContinuation { continuation in
            race.begin(continuation)
            let asking = Task {
                do {
                    race.end(
                        with: try await check.problems().map { .init(check: check.name, severity: $0, message: $1) })
                } catch {
                    race.end(with: [.init(check: check.name, severity: .broken, message: "The check failed: \(error)")])
                }
            }
            let waiting = Task {
                try? await Task.sleep(for: patience)  // cancelled when the check was faster
                let message = "No answer within \(patience)"
                race.end(with: [.init(check: check.name, severity: .broken, message: message)])
            }
            race.whenEnded {
                asking.cancel()
                waiting.cancel()
            }
        }
    }
}

/// Whoever comes first answers.
private final class Race: Sendable {
    private struct State {
        var continuation: CheckedContinuation<[HealthReport.Problem], Never>?
        var cleanUp: (@Sendable () -> Void)?
        var hasEnded = false
    }

    private let state = Mutex(State())

    func begin(_ continuation: CheckedContinuation<[HealthReport.Problem], Never>) {
        state.withLock { $0.continuation = continuation }
    }

    func whenEnded(_ cleanUp: @escaping @Sendable () -> Void) {
        let hasEnded = state.withLock { state in
            state.cleanUp = cleanUp
            return state.hasEnded
        }
        if hasEnded { cleanUp() }
    }

    func end(with problems: [HealthReport.Problem]) {
        let (continuation, cleanUp) = state.withLock { state in
            defer { (state.continuation, state.hasEnded) = (nil, true) }
            return (state.continuation, state.cleanUp)
        }
        continuation?.resume(returning: problems)
        cleanUp?()
    }
}

/// What the checks of a process have found.
public struct HealthReport: Sendable, Hashable, Codable {
    /// One thing that is not well.
    public struct Problem: Sendable, Hashable, Codable {
        /// The name of the check.
        public let check: String
        public let severity: HealthCheck.Severity
        public let message: String
    }

    /// The names of all checks that were asked.
    public let checked: [String]
    /// In the order of the checks.
    public let problems: [Problem]

    /// Whether nothing is broken: what a restart might mend is not there.
    public var isHealthy: Bool { !problems.contains { $0.severity == .broken } }

    /// Whether the process can do its work now.
    public var isReady: Bool { problems.isEmpty }
}
