// What may be done again: the one thing about a handler that nobody can find out for its author. Declared per handler; there is
// no default.

/// What a target says about an effect of which nobody knows whether it happened.
public enum ProbeResult: Sendable, Hashable {
    /// It did, under that reference.
    case found(reference: String?)
    /// It did not, and after the settling time it will not any more.
    case absent
}

/// Asks the target whether an event's effect has happened. Throws when the target cannot say; it is asked again later.
public typealias Probe = @Sendable (Event, EventContext) async throws -> ProbeResult

/// What a handler's call does to the world, and so what may be done when its outcome is unknown: after a crash, a timeout, a lost
/// response.
public enum EffectClass: Sendable {
    /// Nothing outside of what running again replaces: a projection. Runs again.
    case pure
    /// One transaction of the user's database, in which an inbox row with the effect key stands beside the effect: who finds the
    /// row does nothing. Runs again. Exactly one effect.
    case transactional
    /// The target knows the effect key for `window` after the first call and does nothing twice. The call is repeated within it;
    /// later the target is asked by `probe`, or, where there is none, the event is dead-lettered as unknown. Exactly one effect,
    /// unless processes die again and again for longer than the window, each in the middle of the same call: the window is
    /// counted from the last of them.
    case idempotent(window: Duration, probe: Probe? = nil)
    /// The target does everything that it is told, but can be asked. An intent is durable before the call; when the outcome is
    /// unknown it is asked `settle` later, by when a call under way has had its effect or never will. Exactly one effect if the
    /// probe then tells the truth.
    case probeable(settle: Duration, probe: Probe)
    /// Nobody but a person can find out. An intent is durable before the call; an event whose outcome is unknown is
    /// dead-lettered as such. At most one effect, and never silently none.
    case manual

    /// The parts of the class that decisions need.
    var rule: EffectRule {
        switch self {
        case .pure, .transactional: .runsAgain
        case .idempotent(let window, let probe):
            .sameKey(window: window.wholeMilliseconds, canProbe: probe != nil)
        case .probeable(let settle, _): .probes(settle: settle.wholeMilliseconds)
        case .manual: .never
        }
    }

    var probe: Probe? {
        switch self {
        case .idempotent(_, let probe): probe
        case .probeable(_, let probe): probe
        case .pure, .transactional, .manual: nil
        }
    }
}

/// What may be done when an outcome is unknown. Milliseconds.
enum EffectRule: Sendable, Hashable {
    case runsAgain
    case sameKey(window: Int64, canProbe: Bool)
    case probes(settle: Int64)
    case never

    /// The target tells calls apart by the effect key.
    var isSameKey: Bool { if case .sameKey = self { true } else { false } }

    /// Whether an attempt must be in the journal before it is made: what a process that died had begun can then be told from what
    /// it had not.
    var needsIntent: Bool {
        switch self {
        case .probes, .never: true
        case .runsAgain, .sameKey: false
        }
    }
}
