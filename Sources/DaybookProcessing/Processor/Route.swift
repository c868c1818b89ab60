// Which events a handler gets, and what its call does to the world. Routes are tried in the order in which they were given.
// What follows from what a handler does is decided in `GroupMachine`.

public import DaybookModel

/// What a handler is told beside the event.
public struct EventContext: Sendable {
    /// The group that handles the event.
    public let group: String
    /// Where the event's record stands.
    public let place: EventPlace
    /// Names the effect: the same for each attempt, and for the same event when it comes again. Targets that know idempotency
    /// keys get it as such; transactional handlers write it into their inbox.
    public let effectKey: String
    /// From 1.
    public let attempt: Int
    /// An earlier attempt may have had the effect.
    public let isInDoubt: Bool
    /// The target is asked whether an earlier attempt had its effect: the call is the probe's, not the handler's.
    public let isProbe: Bool
    /// Now, by the clock of the daybook.
    public let time: Timestamp
}

/// What became of a call.
public enum HandlerResult: Sendable, Hashable {
    /// The effect has happened, under that reference in the target.
    case done(reference: String? = nil)
    /// The effect had happened before, by an earlier attempt, and the target says so.
    case alreadyDone(reference: String? = nil)
}

/// Handles events of some types.
public struct Route: Sendable {
    /// Has the effect of an event, or throws. See `EffectFailure` for what a thrown error can say.
    public typealias Handler = @Sendable (Event, EventContext) async throws -> HandlerResult

    /// As it was given.
    let types: String
    let pattern: EventTypePattern
    let downstream: Downstream
    let effect: EffectClass
    let classifier: FailureClassifier
    let handler: Handler

    /// `types` is a type of events, or a pattern: `*` stands for any characters without a dot, `**` for any characters.
    public init(
        _ types: String, to downstream: Downstream, effect: EffectClass,
        classifier: FailureClassifier = .standard, _ handler: @escaping Handler
    ) {
        self.types = types
        pattern = EventTypePattern(types)
        self.downstream = downstream
        self.effect = effect
        self.classifier = classifier
        self.handler = handler
    }
}

extension [Route] {
    /// As a journal names them.
    var names: [RouteName] { map { RouteName(types: $0.types, downstream: $0.downstream.name) } }
}

/// Types of events: `crm.order.*.v1`.
struct EventTypePattern: Sendable, Hashable {
    private enum Part: Hashable {
        case byte(UInt8)
        case anyWithoutDot
        case any
    }
    private let parts: [Part]

    init(_ text: String) {
        var parts: [Part] = []
        for byte in text.utf8 {
            if byte != UInt8(ascii: "*") {
                parts.append(.byte(byte))
            } else if parts.last == .anyWithoutDot {
                parts[parts.count - 1] = .any
            } else if parts.last != .any {
                parts.append(.anyWithoutDot)
            }
        }
        self.parts = parts
    }

    /// O(length of the pattern × length of the type).
    func matches(_ type: String) -> Bool {
        // Which parts may come next.
        var open = [Bool](repeating: false, count: parts.count + 1)
        open[0] = true
        skipEmpty(&open)
        for byte in type.utf8 {
            var next = [Bool](repeating: false, count: parts.count + 1)
            for (index, part) in parts.enumerated() where open[index] {
                switch part {
                case .byte(let wanted): if byte == wanted { next[index + 1] = true }
                case .anyWithoutDot: if byte != UInt8(ascii: ".") { next[index] = true }
                case .any: next[index] = true
                }
            }
            skipEmpty(&next)
            open = next
        }
        return open[parts.count]
    }

    private func skipEmpty(_ open: inout [Bool]) {
        for (index, part) in parts.enumerated() where open[index] {
            if part == .any || part == .anyWithoutDot { open[index + 1] = true }
        }
    }
}
