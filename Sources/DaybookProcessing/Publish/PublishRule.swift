// Where events go and what is done to them on the way: rules, tried in order, each with the steps that an event passes before
// it is written down. Who applies them is `EventPublisher`.

/// Says of some events in which topic they are written down, and what must hold for them first.
public struct PublishRule: Sendable {
    /// What an event passes on its way, in the order in which the steps were given.
    public enum Step: Sendable {
        /// What the validator has against the event rejects it.
        case validate(any EventValidator)
        /// The event goes on as what comes back; what is thrown rejects it. The same event must become the same one each
        /// time: whoever sends it again after a failure counts on that.
        case transform(@Sendable (Event) throws -> Event)
    }

    let pattern: EventTypePattern
    let topic: String
    let condition: @Sendable (Event) -> Bool
    let steps: [Step]

    /// `types` is a type of events, or a pattern: `*` stands for any characters without a dot, `**` for any characters.
    /// `condition` looks at an event of these types and says whether this rule is for it: routing by content. The key that
    /// the event has behind the steps, `Event.partitionKey`, chooses the partition and is the record's.
    public init(
        _ types: String, to topic: String, when condition: @escaping @Sendable (Event) -> Bool = { _ in true },
        _ steps: [Step] = []
    ) {
        pattern = EventTypePattern(types)
        self.topic = topic
        self.condition = condition
        self.steps = steps
    }

    func isFor(_ event: Event) -> Bool { pattern.matches(event.type) && condition(event) }

    /// The event behind all steps, or what the first step that rejects it says.
    func apply(to event: Event) -> Result<Event, Rejection> {
        var event = event
        for step in steps {
            switch step {
            case .validate(let validator):
                let problems = validator.problems(of: event)
                guard problems.isEmpty else { return .failure(Rejection(.invalid, problems)) }
            case .transform(let change):
                do { event = try change(event) } catch {
                    return .failure(Rejection(.failedStep, ["A transformation failed: \(error)"]))
                }
            }
        }
        return .success(event)
    }
}
