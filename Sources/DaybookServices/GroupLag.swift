// Lag of groups as metrics, measured now and then, because nobody but a look into the logs knows it.
// What the engine tells by itself is counted by `EngineMetrics`.

public import Daybook
public import Metrics
public import ServiceLifecycle

/// Measures how all groups stand and records it as gauges of swift-metrics.
///
/// | metric | labels |
/// |---|---|
/// | `daybook_group_lag_records` | group, topic |
/// | `daybook_group_oldest_record_seconds` | group, topic |
/// | `daybook_group_lost_partitions` | group, topic |
///
/// They are those of ``Daybook/Daybook/describeGroup(_:)``: sums over the partitions of a topic, the age of the oldest record
/// that waits, and the partitions in which the group cannot go on. A group or topic that goes leaves zeros behind.
public final class GroupLag: Service {
    private let daybook: Daybook
    private let interval: Duration
    private let factory: any MetricsFactory
    /// What was told of last.
    private let known = Known()

    /// Measures every `interval`, which costs a look into the log for each partition in which a group lags. `factory`: nil
    /// for the one that the program has bootstrapped.
    public init(_ daybook: Daybook, every interval: Duration = .seconds(30), factory: (any MetricsFactory)? = nil) {
        precondition(interval > .zero, "an interval is more than nothing")
        self.daybook = daybook
        self.interval = interval
        self.factory = factory ?? MetricsSystem.factory
    }

    /// Measures until the group shuts down or the task is cancelled. Throws what ``measure()`` throws.
    public func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await self.measure()
                    try await Task.sleep(for: self.interval)
                } catch is CancellationError {
                    return
                }
            }
        }
    }

    /// Measures once. Throws what ``Daybook/Daybook/describeGroups()`` throws.
    public func measure() async throws {
        var lines: [Line: Sums] = [:]
        for description in try await daybook.describeGroups() {
            for position in description.positions {
                let line = Line(group: description.group, topic: position.topicPartition.topic.description)
                lines[line, default: Sums()].add(position)
            }
        }
        for line in await known.replace(with: Set(lines.keys)) { lines[line] = Sums() }
        for (line, sums) in lines { record(line, sums) }
    }

    private func record(_ line: Line, _ sums: Sums) {
        func gauge(_ label: String, _ value: Double) {
            Gauge(label: label, dimensions: [("group", line.group), ("topic", line.topic)], factory: factory)
                .record(value)
        }
        gauge("daybook_group_lag_records", Double(sums.lag))
        gauge("daybook_group_oldest_record_seconds", sums.oldest / .seconds(1))
        gauge("daybook_group_lost_partitions", Double(sums.lostCount))
    }
}

/// What has metrics of its own.
private struct Line: Hashable {
    var group: String
    var topic: String
}

private struct Sums {
    var lag: Int64 = 0
    var oldest = Duration.zero
    var lostCount = 0

    mutating func add(_ position: GroupPosition) {
        lag += position.lag ?? 0
        oldest = max(oldest, position.oldestAge ?? .zero)
        if position.problem != nil { lostCount += 1 }
    }
}

private actor Known {
    private var lines: Set<Line> = []

    /// Returns those that are gone.
    func replace(with new: Set<Line>) -> Set<Line> {
        defer { lines = new }
        return lines.subtracting(new)
    }
}
