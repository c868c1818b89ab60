// Where groups at work stand, as gauges, measured now and then.
// What happens meanwhile is counted by `ProcessingMetrics`.

internal import Daybook
public import DaybookProcessing
public import Metrics
public import ServiceLifecycle

/// Measures where a processor's group stands and records it as gauges of swift-metrics.
///
/// | metric | labels |
/// |---|---|
/// | `daybook_lag_records` | group, topic, partition |
/// | `daybook_oldest_unprocessed_seconds` | group |
/// | `daybook_lanes` | group, state: moving, waiting, retrying, unknown, held, blocked |
/// | `daybook_oldest_blocked_lane_seconds` | group |
/// | `daybook_inflight` | group |
/// | `daybook_breaker_state` | group, downstream: 0 closed, 1 one attempt is let through, 2 open |
/// | `daybook_group_stopped` | group: 1 when it takes up no events until somebody resumes it |
public final class GroupGauges: Service {
    private let processor: Processor
    private let interval: Duration
    private let factory: any MetricsFactory

    /// Measures every `interval`, which costs a look at each lane that has open events. `factory`: nil for the one that the
    /// program has bootstrapped.
    public init(
        _ processor: Processor, every interval: Duration = .seconds(10), factory: (any MetricsFactory)? = nil
    ) {
        precondition(interval > .zero, "an interval is more than nothing")
        self.processor = processor
        self.interval = interval
        self.factory = factory ?? MetricsSystem.factory
    }

    /// Measures until the group of services shuts down or the task is cancelled. A processor that is not at work yet is measured
    /// later. Throws what ``measure()`` throws.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await self.measure()
                } catch let error as ProcessingError where error.code == .notRunning {
                } catch is CancellationError {
                    return
                }
                do { try await Task.sleep(for: self.interval) } catch { return }
            }
        }
    }

    /// Measures once. Throws `ProcessingError` with `.notRunning` before the processor has taken its group over, and
    /// `DaybookError` when the daybook is closed.
    public func measure() async throws {
        let figures = try await processor.figures()
        gauge("daybook_oldest_unprocessed_seconds", [], (figures.oldestUnprocessed ?? .zero) / .seconds(1))
        gauge("daybook_oldest_blocked_lane_seconds", [], (figures.oldestBlockedLane ?? .zero) / .seconds(1))
        gauge("daybook_inflight", [], Double(figures.inFlightCount))
        gauge("daybook_group_stopped", [], figures.stop == nil ? 0 : 1)
        for condition in LaneCondition.allCases {
            gauge("daybook_lanes", [("state", condition.rawValue)], Double(figures.lanes[condition] ?? 0))
        }
        for (partition, lag) in figures.lag {
            gauge(
                "daybook_lag_records",
                [("topic", partition.topic.description), ("partition", "\(partition.partition)")], Double(lag))
        }
        for (name, state) in figures.breakers {
            let value: Double =
                switch state {
                case .closed: 0
                case .halfOpen: 1
                case .open: 2
                }
            gauge("daybook_breaker_state", [("downstream", name)], value)
        }
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)], _ value: Double) {
        Gauge(label: label, dimensions: [("group", processor.group)] + dimensions, factory: factory).record(value)
    }
}
