// What processors do, as lines of swift-log. Trace for what goes well, debug for what is tried again; what waits for a person is a
// warning or an error, because nobody else is told of it.

internal import Daybook
public import DaybookProcessing
public import Logging

/// Logs what processors do. Give it to `ProcessorConfiguration.observer`.
///
/// | level | lines |
/// |---|---|
/// | trace | attempts and probes that end well, events that are done |
/// | debug | attempts that fail, what is tried again or waits |
/// | info | a group is taken over, resumed, left; dead letters are redriven |
/// | warning | an event is dead-lettered |
/// | error | a group stops, or its processor fails |
///
/// No key, body or header is logged, and no event's id: an event is named by its place in the log. What a handler has thrown is
/// logged as it describes itself; what must not be in logs must not be in descriptions of errors. Costs one comparison a line
/// where the logger's level is above the line's.
public struct ProcessingLog: ProcessingObserver {
    private let logger: Logger

    public init(_ logger: Logger) { self.logger = logger }

    public func didTakeOver(_ group: String) { logger.info("group taken over", metadata: ["group": "\(group)"]) }

    public func didEndAttempt(_ attempt: AttemptObservation) {
        let isWell: Bool =
            switch attempt.result {
            case .succeeded, .adopted, .found, .absent: true
            case .retry, .throttled, .permanent, .unknown, .timeout, .unanswered: false
            }
        logger.log(
            level: isWell ? .trace : .debug, attempt.isProbe ? "probe ended" : "attempt ended",
            metadata: {
                var metadata: Logger.Metadata = [
                    "group": "\(attempt.group)", "event": "\(attempt.place)", "type": "\(attempt.type)",
                    "downstream": "\(attempt.downstream)", "attempt": "\(attempt.number)",
                    "result": "\(attempt.result.rawValue)", "duration": "\(attempt.duration)",
                ]
                Self.add(attempt.note, to: &metadata)
                return metadata
            }())
    }

    public func didTakeStep(_ step: StepObservation) {
        func log(_ level: Logger.Level, _ message: Logger.Message, _ others: @autoclosure () -> Logger.Metadata = [:]) {
            logger.log(
                level: level, message,
                metadata: {
                    let metadata: Logger.Metadata = [
                        "group": "\(step.group)", "event": "\(step.place)", "type": "\(step.type ?? "")",
                    ]
                    return metadata.merging(others()) { $1 }
                }())
        }
        switch step.step {
        case .succeeded(_, let isAdopted): log(.trace, "event done", ["adopted": "\(isAdopted)"])
        case .skipped(let reason): log(.trace, "event skipped", ["reason": "\(Self.name(reason))"])
        case .intended: break
        case .waited(let deadline): log(.debug, "event waits for the revision before it", ["until": "\(deadline)"])
        case .failed(let attempts, let due, _):
            log(.debug, "event is tried again", ["attempts": "\(attempts)", "due": "\(due)"])
        case .unknown(let attempts, let due, _):
            log(.debug, "outcome unknown", ["attempts": "\(attempts)", "due": "\(due)"])
        case .doubted: log(.debug, "an attempt may have been made by a process that died")
        case .parked(let blocker): log(.debug, "event parked", ["behind": "\(blocker)"])
        case .hastened: log(.debug, "event is due now, somebody decided so")
        case .redriven(let id, _, _): log(.debug, "event redriven", ["redrive": "\(id)"])
        case .deadLettered(let reason, let attempts, let note):
            log(
                .warning, "event dead-lettered",
                {
                    var metadata: Logger.Metadata = ["reason": "\(reason)", "attempts": "\(attempts)"]
                    Self.add(note, to: &metadata)
                    return metadata
                }())
        }
    }

    public func didStop(_ group: String, _ reason: StopReason) {
        logger.error(
            "group stopped; it takes up no events until it is resumed",
            metadata: ["group": "\(group)", "reason": "\(reason)"])
    }

    public func didResume(_ group: String) { logger.info("group resumed", metadata: ["group": "\(group)"]) }

    public func didRedrive(_ redrive: RedriveObservation) {
        logger.info(
            "dead letters redriven",
            metadata: [
                "group": "\(redrive.group)", "count": "\(redrive.count)", "result": "\(redrive.result.rawValue)",
            ])
    }

    public func didEnd(_ group: String, _ failure: (any Error)?) {
        guard let failure else { return logger.info("group left", metadata: ["group": "\(group)"]) }
        logger.error("processor failed", metadata: ["group": "\(group)", "reason": "\(failure)"])
    }

    private static func add(_ note: FailureNote?, to metadata: inout Logger.Metadata) {
        guard let note else { return }
        metadata["error-type"] = "\(note.type)"
        metadata["error"] = "\(note.text)"
    }

    /// Without who decided: that is a person.
    private static func name(_ reason: SkipReason) -> String {
        switch reason {
        case .filtered: "filtered"
        case .duplicate: "duplicate"
        case .stale: "stale"
        case .decided: "decided"
        case .replaced: "replaced"
        }
    }
}
