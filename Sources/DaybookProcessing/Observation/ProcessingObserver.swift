// What a processor tells of its work while it does it: a seam for metrics and logs, so that who handles events compiles no library
// for either. `DaybookProcessingServices` has one that speaks to swift-metrics and one that speaks to swift-log.

/// Hears what publishers and processors do: attempt by attempt, and step by step once it is durable. Never a key, a body or an
/// event's id.
///
/// Calls of one group come one after the other, those of several groups at once. What an observer does there holds up the group:
/// count, and return. A kind of event that nobody asks about needs no method here: each does nothing unless an observer says
/// otherwise.
public protocol ProcessingObserver: Sendable {
    /// An event has been published, or rejected.
    func didPublish(_ publish: PublishObservation)
    /// A processor has taken its group over.
    func didTakeOver(_ group: String)
    /// A call of a handler or a probe has ended, or has taken too long. What follows from it is not durable yet.
    func didEndAttempt(_ attempt: AttemptObservation)
    /// What has become of an event is durable.
    func didTakeStep(_ step: StepObservation)
    /// The group takes up no events any more, until somebody resumes it.
    func didStop(_ group: String, _ reason: StopReason)
    /// Somebody has resumed a group that had stopped.
    func didResume(_ group: String)
    /// Somebody has asked for dead letters to be worked through again.
    func didRedrive(_ redrive: RedriveObservation)
    /// A processor has ended: as it was told to where there is no failure.
    func didEnd(_ group: String, _ failure: (any Error)?)
}

extension ProcessingObserver {
    public func didPublish(_ publish: PublishObservation) {}
    public func didTakeOver(_ group: String) {}
    public func didEndAttempt(_ attempt: AttemptObservation) {}
    public func didTakeStep(_ step: StepObservation) {}
    public func didStop(_ group: String, _ reason: StopReason) {}
    public func didResume(_ group: String) {}
    public func didRedrive(_ redrive: RedriveObservation) {}
    public func didEnd(_ group: String, _ failure: (any Error)?) {}
}

/// An event that was published, or was not.
public struct PublishObservation: Sendable {
    /// The topic of its rule; nil where it was rejected.
    public let topic: String?
    /// The event's type, before steps have changed it.
    public let type: String
    public let rejection: Rejection?
}

/// How a call ended.
public enum AttemptResult: String, Sendable, Hashable, CaseIterable {
    case succeeded
    /// The target says that an earlier attempt had the effect.
    case adopted
    /// It failed, and may work later.
    case retry
    /// It failed, and may work after a time that the target has named.
    case throttled
    /// It will never work.
    case permanent
    /// Nobody knows whether it happened.
    case unknown
    /// It has taken longer than its downstream allows; nobody knows whether it happened.
    case timeout
    /// A probe: the effect has happened.
    case found
    /// A probe: it has not happened.
    case absent
    /// A probe: the target could not say.
    case unanswered

    init(_ outcome: AttemptOutcome) {
        self =
            switch outcome {
            case .succeeded(_, let isAdopted): isAdopted ? .adopted : .succeeded
            case .failed(.retry, _): .retry
            case .failed(.throttled, _): .throttled
            case .failed(.permanent, _): .permanent
            case .failed(.unknown, _): .unknown
            case .found: .found
            case .absent: .absent
            case .unanswered: .unanswered
            }
    }
}

/// A call of a handler or a probe.
public struct AttemptObservation: Sendable {
    public let group: String
    public let place: EventPlace
    /// The event's type.
    public let type: String
    /// The name of the downstream.
    public let downstream: String
    /// From 1.
    public let number: Int
    /// The target was asked whether an earlier attempt had its effect.
    public let isProbe: Bool
    public let result: AttemptResult
    /// What the handler or the probe threw.
    public let note: FailureNote?
    /// From its begin until its end, or until its time was over.
    public let duration: Duration
}

/// What has become of an event.
public struct StepObservation: Sendable {
    public let group: String
    public let place: EventPlace
    /// The event's type; nil where the record is no event, or is not at hand.
    public let type: String?
    public let step: EventStep
    /// Since the record's own time, which is its append's unless its producer said another; nil where it is not at hand.
    public let age: Duration?
}

/// Somebody has asked for dead letters to be worked through again.
public struct RedriveObservation: Sendable, Hashable {
    /// What became of the request.
    public enum Result: String, Sendable, Hashable, CaseIterable {
        /// They are being worked through.
        case done
        /// That decision had been carried out before: nothing was to be done.
        case repeated
        /// There is no such dead letter, or something is under way with one.
        case refused
    }
    public let group: String
    /// How many dead letters were meant.
    public let count: Int
    public let result: Result
}

/// Several observers as one; each hears everything, in this order.
public struct ProcessingObservers: ProcessingObserver {
    private let observers: [any ProcessingObserver]

    public init(_ observers: [any ProcessingObserver]) { self.observers = observers }

    public func didPublish(_ publish: PublishObservation) { for observer in observers { observer.didPublish(publish) } }
    public func didTakeOver(_ group: String) { for observer in observers { observer.didTakeOver(group) } }
    public func didEndAttempt(_ attempt: AttemptObservation) {
        for observer in observers { observer.didEndAttempt(attempt) }
    }
    public func didTakeStep(_ step: StepObservation) { for observer in observers { observer.didTakeStep(step) } }
    public func didStop(_ group: String, _ reason: StopReason) {
        for observer in observers { observer.didStop(group, reason) }
    }
    public func didResume(_ group: String) { for observer in observers { observer.didResume(group) } }
    public func didRedrive(_ redrive: RedriveObservation) { for observer in observers { observer.didRedrive(redrive) } }
    public func didEnd(_ group: String, _ failure: (any Error)?) {
        for observer in observers { observer.didEnd(group, failure) }
    }
}
