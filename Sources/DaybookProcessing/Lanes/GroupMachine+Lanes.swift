// What is decided about the events of one lane: which of them is its head, and what becomes of it. In the order of the table of
// states: effect, dead letter before it, hold, handler, revision, moment.

internal import DaybookModel

extension GroupMachine {
    /// How an event is gone on with.
    enum Mode: Hashable {
        case call
        /// The target is asked first.
        case probe
        /// Nobody can find out what happened.
        case giveUp
    }

    /// Looks at a lane in which something has changed. O(events of the lane that wait for another revision, or are to be parked).
    mutating func look(at lane: Lane, _ now: Timestamp, _ actions: inout [GroupAction]) {
        guard let state = state.lanes[lane], busy[lane] == nil else { return }
        for offset in state.open {
            let place = Place(lane.partition, offset)
            if pending.contains(place) {
                // Parking is decided for all that wait; everything else for one after the other.
                if state.blocker != nil { continue }
                return
            }
            guard let event = self.state.events[place] else { continue }
            switch decide(place, event, state, now) {
            case .write(let change):
                pending.insert(place)
                actions += stopping(with: .changed(place, change)).map { .journal($0) }
                switch change {
                case .parked, .waiting: continue
                default: return
                }
            case .passOver(let moment): lookAgain(at: lane, moment)
            case .wait(let moment):
                if let moment { lookAgain(at: lane, moment) }
                return
            case .waitForClaim(let holder):
                claimants[holder, default: []].insert(lane)
                return
            case .load:
                if loading.insert(place).inserted { actions.append(.load(place)) }
                return
            case .begin(let route):
                busy[lane] = place
                let downstream = rules.routes[route].downstream
                if event.isRetry { retries[downstream].append(place) } else { ready[downstream].append(place) }
                return
            }
        }
    }

    /// One moment for each lane is enough: the earliest.
    private mutating func lookAgain(at lane: Lane, _ moment: Timestamp) {
        if let known = timerOf[lane], known <= moment { return }
        timerOf[lane] = moment
        timers.insert(lane, at: moment)
    }

    private enum Verdict {
        case write(EventChange)
        /// It waits for another event of its lane, until then: the next one has its turn.
        case passOver(until: Timestamp)
        /// The lane waits with it.
        case wait(until: Timestamp?)
        /// The lane waits with it until the event at that place has had its effect, or will not have it.
        case waitForClaim(of: Place)
        case load
        case begin(route: Int)
    }

    private func decide(_ place: Place, _ event: OpenEvent, _ lane: LaneState, _ now: Timestamp) -> Verdict {
        let isKnown = !event.isInDoubt && !event.status.isAttempting
        let effect = isKnown ? state.effects[event.facts.effect] : nil
        if let effect, effect.digest == event.facts.digest {
            return .write(.skipped(.duplicate(of: effect.place.offset, partition: effect.place.partition)))
        }
        if let blocker = lane.blocker {
            return .write(.parked(behind: blocker))
        }
        if lane.isHeld { return .wait(until: nil) }
        if effect != nil { return .write(dead(.conflict, event, nil)) }
        guard let route = routes[place] else { return .load }
        if route == Self.unreadable { return .write(dead(.unreadable, event, nil)) }
        if route == Self.filtered { return filter(event, now) }
        let rule = rules.routes[route]
        switch event.status {
        case .queued, .waiting:
            if let verdict = gate(event, now) { return verdict }
            if event.attempts == 0, isDoubtful(place, event, rule) { return .write(.doubted(Self.doubt)) }
        case .retrying(let due):
            if due > now { return .wait(until: due) }
            if due < opened, isDoubtful(place, event, rule) { return .write(.doubted(Self.doubt)) }
        case .unknown(let due):
            if case .giveUp = mode(of: event, rule, at: now) { return .write(dead(.unknown, event, event.note)) }
            if due > now { return .wait(until: due) }
        case .attempting(let epoch):
            guard epoch < state.epoch else { return .wait(until: nil) }
            return .write(afterCrash(event, rule, now))
        case .dead, .parked: return .wait(until: nil)
        }
        if case .giveUp = mode(of: event, rule, at: now) { return .write(dead(.unknown, event, event.note)) }
        return claim(place, event, rule) ?? .begin(route: route)
    }

    /// A revision that nobody handles is done with in its turn, so that those behind it wait for it no longer than it takes.
    private func filter(_ event: OpenEvent, _ now: Timestamp) -> Verdict {
        guard let verdict = gate(event, now) else { return .write(.skipped(.filtered)) }
        if case .write(.dead) = verdict { return .write(.skipped(.filtered)) }
        return verdict
    }

    /// What an effect that must not be begun twice at once has to wait for: nil where the event has the effect for itself.
    private func claim(_ place: Place, _ event: OpenEvent, _ rule: RouteRule) -> Verdict? {
        guard rule.effect.needsIntent, let holder = claims[event.facts.effect], holder != place,
            let other = state.events[holder]
        else { return nil }
        if !other.status.isAside { return .waitForClaim(of: holder) }
        guard other.isInDoubt, !event.isRedriven else { return nil }
        let text =
            "the effect is that of the dead letter at offset \(holder.offset), of which nobody knows whether it happened"
        return .write(dead(.unknown, event, FailureNote(type: "Unknown", text: text)))
    }

    private static var doubt: FailureNote {
        FailureNote(type: "Crash", text: "a process that died may have made an attempt")
    }

    /// What the revision gate says: nil where the event may go on.
    private func gate(_ event: OpenEvent, _ now: Timestamp) -> Verdict? {
        guard let gate = rules.gate, let revision = event.facts.revision, !event.isRedriven else { return nil }
        let settled = state.revisions[event.facts.lane] ?? 0
        if revision <= settled { return .write(.skipped(.stale)) }
        if revision == settled + 1 { return nil }
        guard case .waiting(let deadline) = event.status else {
            return .write(.waiting(deadline: now.advanced(byMilliseconds: gate.patience.wholeMilliseconds)))
        }
        if now < deadline { return .passOver(until: deadline) }
        switch gate.overdue {
        case .handle: return nil
        case .deadLetter: return .write(dead(.gap, event, nil))
        }
    }

    /// A process that died has written the intent and nothing else.
    private func afterCrash(_ event: OpenEvent, _ rule: RouteRule, _ now: Timestamp) -> EventChange {
        var settle: Int64 = 0
        if case .probes(let milliseconds) = rule.effect { settle = milliseconds }
        let note = FailureNote(type: "Crash", text: "the process ended before the outcome was durable")
        return .unknown(
            attempts: event.attempts + 1, due: now.advanced(byMilliseconds: settle), spent: event.spent, note: note)
    }

    /// Whether a process that died may have made an attempt so long ago that the target has forgotten the effect key.
    private func isDoubtful(_ place: Place, _ event: OpenEvent, _ rule: RouteRule) -> Bool {
        guard case .sameKey(let window, _) = rule.effect, !event.isInDoubt, !event.isRedriven,
            let lastLife, let bound = doubtBelow[place.partition], place.offset < bound
        else { return false }
        let timeout = rules.downstreams[rule.downstream].timeout.wholeMilliseconds
        return lastLife.milliseconds(until: opened) + timeout > window
    }

    /// How the event is gone on with.
    func mode(of event: OpenEvent, _ rule: RouteRule, at now: Timestamp) -> Mode {
        guard event.isInDoubt else { return .call }
        switch rule.effect {
        case .runsAgain: return .call
        case .sameKey(let window, let canProbe):
            let timeout = rules.downstreams[rule.downstream].timeout.wholeMilliseconds
            if let first = event.firstAttempt, first.milliseconds(until: now) + timeout <= window { return .call }
            return canProbe ? .probe : event.isRedriven ? .call : .giveUp
        case .probes: return .probe
        case .never: return event.isRedriven ? .call : .giveUp
        }
    }

    func dead(_ reason: DeadLetterReason, _ event: OpenEvent, _ note: FailureNote?) -> EventChange {
        .dead(reason, attempts: event.attempts, note: note, holdsKey: rules.lanePolicy != .releaseKey)
    }
}

extension EventStatus {
    fileprivate var isAttempting: Bool { if case .attempting = self { true } else { false } }
}
