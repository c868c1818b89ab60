// What consumers are handed and wait for, as metrics: by group and topic, and how far behind they are by partition.
// Part of `EngineMetrics`.

internal import Daybook
internal import Metrics
internal import Synchronization

/// Counts for consumers. A consumer that reads for no group has the label `group=""`, which Prometheus takes for none.
final class ConsumerMetrics: Sendable {
    private let factory: any MetricsFactory
    private let state = Mutex(State())

    private struct Topic: Hashable {
        let group: String
        let topic: TopicName
    }

    private struct Consumed: Sendable {
        let records: Counter
        let bytes: Counter
    }

    private struct State {
        var consumed: [Topic: Consumed] = [:]
        var waits: [String: Metrics.Timer] = [:]
        /// By group; of partitions that somebody reads.
        var lags: [String: [TopicPartition: Gauge]] = [:]
    }

    init(_ factory: any MetricsFactory) { self.factory = factory }

    func didConsume(_ consumption: ConsumptionObservation) {
        let group = consumption.group ?? ""
        let (consumed, lag) = state.withLock { state -> (Consumed, Gauge) in
            let consumed = self.consumed(group, consumption.topicPartition.topic, &state)
            return (consumed, self.lag(group, consumption.topicPartition, &state))
        }
        consumed.records.increment(by: consumption.recordsCount)
        consumed.bytes.increment(by: consumption.bytes)
        lag.record(consumption.lag)
    }

    func didWait(_ wait: PollWaitObservation) {
        let group = wait.group ?? ""
        let timer = state.withLock { state -> Metrics.Timer in
            if let known = state.waits[group] { return known }
            let made = Metrics.Timer(
                label: "daybook_poll_wait_seconds", dimensions: [("group", group)], factory: factory)
            state.waits[group] = made
            return made
        }
        timer.record(duration: wait.duration)
    }

    /// Nobody knows any more how far behind it would be.
    func didRelease(_ partitions: [TopicPartition], group: String?) {
        let gone = state.withLock { state -> [Gauge] in
            partitions.compactMap { state.lags[group ?? ""]?.removeValue(forKey: $0) }
        }
        for gauge in gone { gauge.destroy() }
    }

    private func consumed(_ group: String, _ topic: TopicName, _ state: inout State) -> Consumed {
        let key = Topic(group: group, topic: topic)
        if let known = state.consumed[key] { return known }
        let dimensions = [("group", group), ("topic", topic.description)]
        let made = Consumed(
            records: Counter(label: "daybook_records_consumed_total", dimensions: dimensions, factory: factory),
            bytes: Counter(label: "daybook_bytes_consumed_total", dimensions: dimensions, factory: factory))
        state.consumed[key] = made
        return made
    }

    private func lag(_ group: String, _ topicPartition: TopicPartition, _ state: inout State) -> Gauge {
        if let known = state.lags[group]?[topicPartition] { return known }
        let made = Gauge(
            label: "daybook_lag_records",
            dimensions: [
                ("group", group), ("topic", topicPartition.topic.description),
                ("partition", "\(topicPartition.partition)"),
            ], factory: factory)
        state.lags[group, default: [:]][topicPartition] = made
        return made
    }
}
