// What processors do, as metrics of swift-metrics: whatever backend the program has set up gets them. Labels are groups,
// downstreams, types of events and reasons; never a key or an event's id. What stands at a moment is measured by `GroupGauges`.

public import DaybookProcessing
public import Metrics
internal import Synchronization

/// Counts and times for publishers and processors. Give it to `ProcessorConfiguration.observer` and to `EventPublisher`; one serves
/// all of a process.
///
/// | metric | kind | labels |
/// |---|---|---|
/// | `daybook_events_appended_total` | counter | topic, type |
/// | `daybook_events_rejected_total` | counter | reason |
/// | `daybook_attempts_total` | counter | group, downstream, result |
/// | `daybook_processing_seconds` | timer | group, downstream |
/// | `daybook_probes_total` | counter | group, downstream, result |
/// | `daybook_outcomes_total` | counter | group, type, status |
/// | `daybook_retries_total` | counter | group |
/// | `daybook_duplicates_skipped_total` | counter | group |
/// | `daybook_dead_letters_total` | counter | group, reason |
/// | `daybook_redrives_total` | counter | group, result |
/// | `daybook_append_to_success_seconds` | timer | group |
///
/// Outcomes, retries and dead letters are counted when they are durable, once in a group's life: a restart counts nothing again.
/// A type that is not at hand, or that the record does not have, is unknown. A status is succeeded, skipped, dead or parked; an event that is redriven has another outcome later. Costs a lock and a look-up
/// an attempt, and another an outcome.
public final class ProcessingMetrics: ProcessingObserver {
    private struct Key: Hashable {
        var label: String
        var values: [String]
    }
    private let factory: any MetricsFactory
    private let counters = Mutex<[Key: Counter]>([:])
    private let timers = Mutex<[Key: Metrics.Timer]>([:])

    /// `factory`: nil for the one that the program has bootstrapped.
    public init(factory: (any MetricsFactory)? = nil) { self.factory = factory ?? MetricsSystem.factory }

    public func didPublish(_ publish: PublishObservation) {
        if let topic = publish.topic {
            count("daybook_events_appended_total", [("topic", topic), ("type", publish.type)])
        } else if let rejection = publish.rejection {
            count("daybook_events_rejected_total", [("reason", rejection.reason.rawValue)])
        }
    }

    public func didEndAttempt(_ attempt: AttemptObservation) {
        let names = [("group", attempt.group), ("downstream", attempt.downstream)]
        let label = attempt.isProbe ? "daybook_probes_total" : "daybook_attempts_total"
        count(label, names + [("result", attempt.result.rawValue)])
        if !attempt.isProbe { time("daybook_processing_seconds", names, attempt.duration) }
    }

    public func didTakeStep(_ step: StepObservation) {
        let group = ("group", step.group)
        func outcome(_ status: String) {
            count("daybook_outcomes_total", [group, ("type", step.type ?? "unknown"), ("status", status)])
        }
        switch step.step {
        case .succeeded:
            outcome("succeeded")
            if let age = step.age { time("daybook_append_to_success_seconds", [group], age) }
        case .skipped(let reason):
            outcome("skipped")
            if case .duplicate = reason { count("daybook_duplicates_skipped_total", [group]) }
        case .deadLettered(let reason, _, _):
            outcome("dead")
            count("daybook_dead_letters_total", [group, ("reason", "\(reason)")])
        case .parked: outcome("parked")
        case .failed: count("daybook_retries_total", [group])
        default: break
        }
    }

    public func didRedrive(_ redrive: RedriveObservation) {
        count("daybook_redrives_total", [("group", redrive.group), ("result", redrive.result.rawValue)])
    }

    private func count(_ label: String, _ dimensions: [(String, String)]) {
        let key = Key(label: label, values: dimensions.map(\.1))
        let counter = counters.withLock { counters in
            if let known = counters[key] { return known }
            let made = Counter(label: label, dimensions: dimensions, factory: factory)
            counters[key] = made
            return made
        }
        counter.increment()
    }

    private func time(_ label: String, _ dimensions: [(String, String)], _ duration: Duration) {
        let key = Key(label: label, values: dimensions.map(\.1))
        let timer = timers.withLock { timers in
            if let known = timers[key] { return known }
            let made = Metrics.Timer(label: label, dimensions: dimensions, factory: factory)
            timers[key] = made
            return made
        }
        timer.record(duration: duration)
    }
}
