// Housekeeping as a service of swift-service-lifecycle, for programs that start and stop everything in one group. Who embeds
// the log without that library leaves this product out: the engine keeps house by itself then.

public import Daybook
public import ServiceLifecycle

/// Runs a daybook's retention, compaction and scrubbing, pass after pass, until the group shuts down.
///
/// Open the daybook with `housekeeping.isAutomatic = false`, or passes come twice as often. A pass under way ends at its next
/// batch when the group shuts down; what it has done so far stays done.
public struct Housekeeper: Service {
    private let daybook: Daybook
    private let interval: Duration
    private let onReport: @Sendable (HousekeepingReport) -> Void

    /// `interval`: the time between the end of one pass and the beginning of the next. `onReport` hears of each pass, for logs,
    /// metrics and alarms; it should be quick.
    public init(
        _ daybook: Daybook, interval: Duration = .seconds(30),
        onReport: @escaping @Sendable (HousekeepingReport) -> Void = { _ in }
    ) {
        self.daybook = daybook
        self.interval = interval
        self.onReport = onReport
    }

    /// Returns when the group shuts down or the task is cancelled; throws when the daybook has been closed under it.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                onReport(try await daybook.housekeep())
                // Cancelled while asleep: that is how it ends.
                do { try await Task.sleep(for: interval) } catch { return }
            }
        }
    }
}
