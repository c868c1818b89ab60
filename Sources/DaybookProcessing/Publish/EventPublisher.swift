// The way of an event into the log: find its rule, take its steps, write it down. What must not go there is kept elsewhere
// with the reason. Duplicates are not its business: the log keeps what arrived, and groups know what they have done.

public import Daybook

/// Publishes events by rules.
///
/// Each call is one record, durable as the producer is configured when it returns. Nothing is lost in silence: an event is in
/// its topic, or among the rejected ones with the reason, or the call throws and it is nowhere.
public struct EventPublisher: Sendable {
    /// What became of an event.
    public enum Outcome: Hashable, Sendable {
        /// It is in the topic of its rule.
        case published(Receipt)
        /// It is among the rejected ones, under this receipt.
        case rejected(Rejection, Receipt)
    }

    private let producer: Producer
    private let rules: [PublishRule]
    private let rejectTopic: String?
    private let observer: (any ProcessingObserver)?

    /// Rules are tried in the order given; the first that is for an event decides. `rejects` is the topic in which rejected
    /// events are kept; without one they are thrown back at whoever publishes.
    ///
    /// Topics must exist when an event is published; what a missing one does is the producer's error.
    public init(
        _ rules: [PublishRule], rejects rejectTopic: String? = nil, by producer: Producer,
        observer: (any ProcessingObserver)? = nil
    ) {
        self.observer = observer
        self.producer = producer
        self.rules = rules
        self.rejectTopic = rejectTopic
    }

    /// Publishes one event, or keeps it among the rejected ones.
    ///
    /// Throws `Rejection` where the event is rejected and no topic keeps such events; `EventError` where it is no event, so
    /// that it could not be kept either; `DaybookError` where the log refuses it, with the state that ``Producer`` says.
    @discardableResult
    public func publish(_ event: Event) async throws -> Outcome {
        // An event that cannot be written down cannot be kept: that is its sender's mistake to mend.
        _ = try event.record()
        let rejection: Rejection
        switch decide(event) {
        case .success(let (topic, record)):
            do {
                let receipt = try await producer.send(record, to: topic)
                observer?.didPublish(PublishObservation(topic: topic, type: event.type, rejection: nil))
                return .published(receipt)
            } catch let error as DaybookError
                where error.code == .recordTooLarge
            {
                rejection = Rejection(.unwritable, [error.message])
            }
        case .failure(let found): rejection = found
        }
        observer?.didPublish(PublishObservation(topic: nil, type: event.type, rejection: rejection))
        guard let rejectTopic else { throw rejection }
        let record = try RejectedEvent(event, rejection).record()
        return .rejected(rejection, try await producer.send(record, to: rejectTopic))
    }

    /// Topic and record of an event, or why it has none. Pure, but for what steps do.
    private func decide(_ event: Event) -> Result<(topic: String, record: Record), Rejection> {
        guard let rule = rules.first(where: { $0.isFor(event) }) else {
            return .failure(Rejection(.noRoute, ["No rule is for an event of type \(event.type) with this content"]))
        }
        return rule.apply(to: event).flatMap { changed in
            do throws(EventError) { return .success((rule.topic, try changed.record())) } catch {
                return .failure(Rejection(.unwritable, ["\(error)"]))
            }
        }
    }
}
