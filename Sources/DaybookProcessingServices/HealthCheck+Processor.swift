// The health of a processor: at work, or stopped until somebody decides. What the checks of a process come to together is
// `DaybookServices.Health`.

public import DaybookProcessing
public import DaybookServices

extension HealthCheck {
    /// A processor: a group that has stopped is broken, since nothing is handled until a person resumes it; so is one that has
    /// ended with a failure. One that has not taken its group over yet is not ready.
    ///
    /// An open breaker and dead letters are no problem of the process: metrics tell of them.
    public static func processor(_ processor: Processor) -> HealthCheck {
        HealthCheck("processor \(processor.group)") {
            if let failure = processor.failure { return [(.broken, "The processor has failed: \(failure)")] }
            let stop: StopReason?
            do { stop = try await processor.status().stop } catch let error as ProcessingError
                where error.code == .notRunning
            {
                return [(.notReady, "The group has not been taken over yet")]
            }
            return switch stop {
            case nil: []
            case .deadLetters: [(.broken, "The group has stopped: too many events were dead-lettered")]
            case .deadLetterShare:
                [(.broken, "The group has stopped: the share of dead letters among its latest events was too large")]
            case .parked: [(.broken, "The group has stopped: too many events are parked behind dead letters")]
            case .policy: [(.broken, "The group has stopped at a dead letter, as its lane policy says")]
            }
        }
    }
}
