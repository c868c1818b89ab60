// What follows from the end of an attempt: success, another attempt, a question to the target, or a dead letter.
// What each class of effects allows is in `EffectClass`.

internal import DaybookModel

/// How an attempt ended.
enum AttemptOutcome: Hashable, Sendable {
    case succeeded(reference: String?, isAdopted: Bool)
    case failed(FailureKind, FailureNote)
    /// The target was asked, and the effect has happened.
    case found(reference: String?)
    /// The target was asked, and the effect has not happened.
    case absent
    /// The target was asked and could not say.
    case unanswered(FailureNote)
}

extension GroupMachine {
    /// An attempt has ended. Returns what to write into the journal: nothing for one that does not count any more.
    mutating func ended(_ attempt: Attempt, _ outcome: AttemptOutcome, at clock: Timestamp) -> [JournalEntry] {
        let place = attempt.place
        guard flights[place]?.attempt.token == attempt.token, let event = state.events[place] else { return [] }
        let now = state.now(clock)
        let rule = rules.routes[attempt.route]
        flights[place] = nil
        gates[rule.downstream].end(isFailure: outcome.isFailureOfDownstream, wasTrial: attempt.isTrial, at: now)
        pending.insert(place)
        return stopping(with: .changed(place, change(after: attempt, outcome, event, rule, now)))
    }

    /// What is under way has ended without anybody knowing how. An attempt whose intent is only on its way into the journal does not
    /// begin any more; the next process finds the intent.
    mutating func giveUp(at clock: Timestamp) -> [JournalEntry] {
        let note = FailureNote(type: "Stopped", text: "the processor ended before the attempt did")
        return flights.values.sorted { $0.attempt.place < $1.attempt.place }.flatMap { flight -> [JournalEntry] in
            if flight.awaitsIntent {
                flights[flight.attempt.place] = nil
                return []
            }
            return ended(flight.attempt, .failed(.unknown, note), at: clock)
        }
    }

    private func change(
        after attempt: Attempt, _ outcome: AttemptOutcome, _ event: OpenEvent, _ rule: RouteRule, _ now: Timestamp
    ) -> EventChange {
        // The trial of an open breaker is on the downstream's account, not on the event's.
        let attempts = attempt.isTrial && outcome.isFailureOfDownstream ? event.attempts : event.attempts + 1
        let spent = Self.sum(event.spent, max(0, attempt.started.milliseconds(until: now)))
        switch outcome {
        case .succeeded(let reference, let isAdopted):
            return .succeeded(attempts: attempts, reference: reference, isAdopted: isAdopted)
        case .found(let reference):
            return .succeeded(attempts: event.attempts, reference: reference, isAdopted: true)
        case .absent:
            // Nothing has happened, so it may be given up for good like any other failure.
            let policy = rules.downstreams[rule.downstream].retries
            if event.attempts >= policy.maximumAttempts || spent > policy.maximumElapsed.wholeMilliseconds {
                return dead(.exhausted, event.attempts, event.note)
            }
            return .retrying(attempts: event.attempts, due: now, spent: spent, note: nil)
        case .unanswered(let note):
            return again(.unknown, note, attempts, spent, attempt, event, rule, now)
        case .failed(.permanent, let note):
            return dead(.permanent, attempts, note)
        case .failed(let kind, let note):
            return again(kind, note, attempts, spent, attempt, event, rule, now)
        }
    }

    /// Another attempt, or a question, unless there were enough.
    private func again(
        _ kind: FailureKind, _ note: FailureNote, _ attempts: Int, _ spent: Int64, _ attempt: Attempt,
        _ event: OpenEvent, _ rule: RouteRule, _ now: Timestamp
    ) -> EventChange {
        // That this attempt did nothing says nothing about an earlier one.
        let staysInDoubt = attempt.isProbe || rule.effect.isSameKey && !event.isRedriven
        let isUnknown = kind == .unknown || event.isInDoubt && staysInDoubt
        let policy = rules.downstreams[rule.downstream].retries
        var delay = policy.delay(before: max(1, attempts), seed: seed(of: attempt.place))
        if case .throttled(let after) = kind { delay = max(delay, after.wholeMilliseconds) }
        let isOver =
            attempts >= policy.maximumAttempts || Self.sum(spent, delay) > policy.maximumElapsed.wholeMilliseconds
        if isUnknown {
            if case .probes(let settle) = rule.effect, !attempt.isProbe {
                // The target is asked however many attempts there were.
                delay = settle
            } else if isOver || rule.effect == .never {
                return dead(.unknown, attempts, note)
            }
            return .unknown(
                attempts: attempts, due: now.advanced(byMilliseconds: delay), spent: Self.sum(spent, delay), note: note)
        }
        if isOver { return dead(.exhausted, attempts, note) }
        return .retrying(
            attempts: attempts, due: now.advanced(byMilliseconds: delay), spent: Self.sum(spent, delay), note: note)
    }

    /// Milliseconds, as many as the journal can say.
    private static func sum(_ spent: Int64, _ delay: Int64) -> Int64 {
        let (sum, isTooMuch) = spent.addingReportingOverflow(delay)
        let most: Int64 = 1 << 50
        return isTooMuch ? most : min(sum, most)
    }

    private func dead(_ reason: DeadLetterReason, _ attempts: Int, _ note: FailureNote?) -> EventChange {
        .dead(reason, attempts: attempts, note: note, holdsKey: rules.lanePolicy != .releaseKey)
    }

    private func seed(of place: Place) -> UInt64 {
        SeedMixing.mix(rules.seed ^ UInt64(bitPattern: place.offset.rawValue) ^ UInt64(place.partition) << 48)
    }
}

extension AttemptOutcome {
    /// Whether the downstream did not do what it is there for.
    var isFailureOfDownstream: Bool {
        switch self {
        case .succeeded, .found, .absent, .failed(.permanent, _): false
        case .failed, .unanswered: true
        }
    }
}
