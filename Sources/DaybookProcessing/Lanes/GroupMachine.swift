// What a group does next: the decisions. Given its state, what is under way and the time, it says what to write into the journal,
// which records to load and which attempts to begin. Pure: it does none of that. The transitions are those of `GroupState`.

internal import DaybookModel

/// An attempt at an event's effect, or at finding out about it.
struct Attempt: Hashable, Sendable {
    let place: Place
    /// No other attempt of this process has it.
    let token: UInt64
    /// From 1.
    let number: Int
    let route: Int
    /// The target is asked whether an earlier attempt had its effect.
    let isProbe: Bool
    /// An earlier attempt may have had the effect: a success may be that one's.
    let isInDoubt: Bool
    let started: Timestamp
    fileprivate(set) var isTrial = false
}

/// What is to be done.
enum GroupAction: Hashable, Sendable {
    /// To be written, and applied when it is durable; nothing is decided about its event until then.
    case journal(JournalEntry)
    /// The record is to be read, and given to `loaded`.
    case load(Place)
    /// Its end is to be told to `ended`.
    case begin(Attempt)
    /// It has taken too long; what it still brings does not count.
    case cancel(Attempt)
}

/// A group at work.
struct GroupMachine: Sendable {
    var state: GroupState
    let rules: GroupRules
    var gates: [DownstreamGate]

    struct Flight {
        var attempt: Attempt
        /// The attempt begins when its intent is durable.
        var awaitsIntent: Bool
    }
    /// Attempts under way.
    var flights: [Place: Flight] = [:]
    /// Events about which an entry is on its way into the journal.
    var pending: Set<Place> = []
    /// Replacements that are to be written down before anything is decided about them.
    var admitted: Set<Place> = []
    /// The event of each lane that is ready, under way, or has ended without this being durable yet.
    var busy: [Lane: Place] = [:]
    /// The routes of events whose records are at hand, or one of the two numbers below.
    var routes: [Place: Int] = [:]
    var loading: Set<Place> = []
    /// Ready events of each downstream, first come, first served: first attempts, and apart from them those that have a budget.
    var ready: [PlaceQueue]
    var retries: [PlaceQueue]
    /// Who has begun an effect that must not be begun twice at once. An entry counts while its event is open.
    var claims: [EffectID: Place] = [:]
    /// Lanes that wait for the event at that place to be done with such an effect.
    var claimants: [Place: Set<Lane>] = [:]
    /// Lanes at which something may be decided.
    var dirty: [Lane] = []
    var timers = MomentQueue<Lane>()
    /// The moment of each lane among them that counts.
    var timerOf: [Lane: Timestamp] = [:]
    var timeouts = MomentQueue<Attempt>()
    var intended: [Attempt] = []
    var isStopping = false
    /// Nothing is taken up any more: the process is to end.
    var isDraining = false
    var nextToken: UInt64 = 1
    /// Attempts at events below these offsets may have been made by a process that died, at `lastLife` at the latest that is
    /// known.
    var doubtBelow: [Int32: Offset] = [:]
    var lastLife: Timestamp?
    var opened = Timestamp(milliseconds: 0)

    init(_ state: GroupState, _ rules: GroupRules) {
        self.state = state
        self.rules = rules
        gates = rules.downstreams.map { DownstreamGate($0) }
        ready = rules.downstreams.map { _ in PlaceQueue() }
        retries = ready
        for (place, event) in state.events.sorted(by: { $0.key < $1.key }) where event.hasBegun {
            claims[event.facts.effect] = claims[event.facts.effect] ?? place
        }
        dirty = state.lanes.keys.sorted(by: Lane.isBefore)
    }

    /// In place of a route: no handler is there for the event.
    static let filtered = -1
    /// In place of a route: the record is no event.
    static let unreadable = -2

    /// Events that are neither done nor set aside.
    var openCount: Int { state.events.count - state.counts.dead - state.counts.parked }

    /// Nothing is under way, neither to a downstream nor to the journal.
    var isIdle: Bool { flights.isEmpty && pending.isEmpty }

    private var isAtWork: Bool { state.stop == nil && !isStopping && !isDraining }

    /// When `decide` should be called again although nothing else has happened; nil for never.
    private(set) var nextMoment: Timestamp?

    // MARK: what has happened

    /// Takes in an event of the log, with the number of its route, or what stands in place of one.
    mutating func receive(_ place: Place, _ facts: EventFacts, route: Int) -> GroupState.Received {
        let received = state.receive(place, facts)
        if received != .done, state.events[place]?.status.isAside == false {
            routes[place] = route
            dirty.append(facts.lane)
        }
        return received
    }

    /// Takes note that there is no event between the last one received and `offset`.
    mutating func receiveNothing(_ partition: Int32, before offset: Offset) {
        state.receiveNothing(partition, before: offset)
    }

    /// A record that was to be loaded is at hand.
    mutating func loaded(_ place: Place, route: Int) {
        loading.remove(place)
        guard let event = state.events[place] else { return }
        routes[place] = route
        dirty.append(event.facts.lane)
    }

    /// A record that was to be loaded is not there any more.
    mutating func lost(_ place: Place, _ note: FailureNote) -> [JournalEntry] {
        loading.remove(place)
        // It may have been set aside since it was asked for.
        guard let event = state.events[place], !event.status.isAside, pending.insert(place).inserted else { return [] }
        return stopping(with: .changed(place, dead(.lost, event, note)))
    }

    /// Applies what has become durable.
    mutating func apply(_ page: JournalPage) throws(FoldError) {
        let changed = try state.apply(page)
        for change in changed {
            dirty.append(change.lane)
            if let place = change.place { settled(place, change.lane) }
        }
        for entry in page.entries {
            switch entry {
            case .stopped: isStopping = false
            case .changed(let place, .skipped(.replaced(let offset, _, _))):
                let new = Place(place.partition, offset)
                if admitted.remove(new) != nil { pending.remove(new) }
            default: break
            }
        }
    }

    /// What was on its way into the journal about an event is there.
    private mutating func settled(_ place: Place, _ lane: Lane) {
        pending.remove(place)
        let status = state.events[place]?.status
        if let flight = flights[place] {
            // An attempt is under way: the entry is its intent.
            guard flight.awaitsIntent, case .attempting = status else { return }
            flights[place]?.awaitsIntent = false
            intended.append(flight.attempt)
            return
        }
        if busy[lane] == place { busy[lane] = nil }
        guard status?.isAside ?? true else { return }
        routes[place] = nil
        if !claims.isEmpty { giveUpClaim(place) }
    }

    /// An event that is done or set aside lets others begin its effect, or decide that they cannot.
    private mutating func giveUpClaim(_ place: Place) {
        if let lanes = claimants.removeValue(forKey: place) { dirty += lanes.sorted(by: Lane.isBefore) }
        // What is done claims nothing, and is forgotten now and then.
        if claims.count > 1000 + 2 * state.events.count { claims = claims.filter { state.events[$0.value] != nil } }
    }

    // MARK: decisions

    /// What is to be done now.
    mutating func decide(at clock: Timestamp) -> [GroupAction] {
        let now = state.now(clock)
        var actions: [GroupAction] = []
        expire(at: now, &actions)
        for attempt in intended { begin(attempt, at: now, &actions) }
        intended = []
        if isAtWork {
            while let lane = timers.popDue(at: now) {
                if let moment = timerOf[lane], moment <= now { timerOf[lane] = nil }
                dirty.append(lane)
            }
            let lanes = dirty
            dirty = []
            for lane in lanes { look(at: lane, now, &actions) }
            considerStopping(&actions)
        }
        var moments: [Timestamp] = []
        if isAtWork {
            moments = dispatch(at: now, &actions)
            if let first = timers.first { moments.append(first) }
        }
        if let first = timeouts.first { moments.append(first) }
        nextMoment = moments.min()
        return actions
    }

    /// Attempts that have taken too long have ended, with an unknown outcome.
    private mutating func expire(at now: Timestamp, _ actions: inout [GroupAction]) {
        while let attempt = timeouts.popDue(at: now) {
            guard flights[attempt.place]?.attempt.token == attempt.token else { continue }
            actions.append(.cancel(attempt))
            let limit = rules.downstreams[rules.routes[attempt.route].downstream].timeout
            let note = FailureNote(type: "Timeout", text: "no outcome after \(limit)")
            actions += ended(attempt, .failed(.unknown, note), at: now).map { .journal($0) }
        }
    }

    /// With a policy that stops the group, the page that has the dead letter has the stop as well.
    mutating func stopping(with entry: JournalEntry) -> [JournalEntry] {
        guard rules.lanePolicy == .stopGroup, case .changed(_, .dead) = entry, state.stop == nil, !isStopping else {
            return [entry]
        }
        isStopping = true
        return [entry, .stopped(.policy)]
    }

    private mutating func considerStopping(_ actions: inout [GroupAction]) {
        let reason: StopReason
        if state.deadInARow >= rules.deadLetterLimit {
            reason = .deadLetters
        } else if let limit = rules.deadLetterShare, let dead = state.recent.deadCount(ofLatest: limit.events),
            Double(dead) > limit.share * Double(limit.events)
        {
            reason = .deadLetterShare
        } else if state.counts.parked >= rules.parkedLimit {
            reason = .parked
        } else {
            return
        }
        isStopping = true
        actions.append(.journal(.stopped(reason)))
    }

    /// Begins what may begin; returns when more may.
    private mutating func dispatch(at now: Timestamp, _ actions: inout [GroupAction]) -> [Timestamp] {
        var moments: [Timestamp] = []
        for number in gates.indices {
            // Retries have a budget; when it is used up, first attempts go on.
            for isRetry in [true, false] {
                if let moment = dispatch(to: number, isRetry, at: now, &actions) { moments.append(moment) }
            }
        }
        return moments
    }

    private mutating func dispatch(
        to number: Int, _ isRetry: Bool, at now: Timestamp, _ actions: inout [GroupAction]
    ) -> Timestamp? {
        var moment: Timestamp?
        while let place = isRetry ? retries[number].first : ready[number].first {
            guard let event = state.events[place], let route = routes[place], isStartable(place, event),
                mode(of: event, rules.routes[route], at: now) != .giveUp
            else {
                // It has been held or skipped, or a window has ended while it waited for its turn: that is decided anew.
                removeReady(number, isRetry)
                release(place)
                moment = now
                continue
            }
            switch gates[number].begin(isRetry: isRetry, at: now) {
            case .later(let next): return moment ?? next
            case .afterAnother: return moment
            case .begun(let isTrial):
                removeReady(number, isRetry)
                begin(place, event, route, isTrial, now, &actions)
            }
        }
        return moment
    }

    private mutating func removeReady(_ number: Int, _ isRetry: Bool) {
        if isRetry { retries[number].removeFirst() } else { ready[number].removeFirst() }
    }

    /// An event may have become ready and then been held, or skipped by somebody.
    private func isStartable(_ place: Place, _ event: OpenEvent) -> Bool {
        let lane = state.lanes[event.facts.lane]
        return !event.status.isAside && !pending.contains(place) && lane?.isHeld != true && lane?.blocker == nil
    }

    private mutating func release(_ place: Place) {
        guard let lane = state.events[place]?.facts.lane, busy[lane] == place else { return }
        busy[lane] = nil
        dirty.append(lane)
    }

    private mutating func begin(
        _ place: Place, _ event: OpenEvent, _ route: Int, _ isTrial: Bool, _ now: Timestamp,
        _ actions: inout [GroupAction]
    ) {
        let rule = rules.routes[route]
        let isProbe = mode(of: event, rule, at: now) == .probe
        var attempt = Attempt(
            place: place, token: nextToken, number: event.attempts + 1, route: route, isProbe: isProbe,
            isInDoubt: event.isInDoubt, started: now)
        attempt.isTrial = isTrial
        nextToken += 1
        if rule.effect.needsIntent { claims[event.facts.effect] = place }
        let needsIntent = rule.effect.needsIntent && !isProbe
        flights[place] = Flight(attempt: attempt, awaitsIntent: needsIntent)
        if needsIntent {
            pending.insert(place)
            actions.append(.journal(.changed(place, .attempting)))
        } else {
            begin(attempt, at: now, &actions)
        }
    }

    private mutating func begin(_ attempt: Attempt, at now: Timestamp, _ actions: inout [GroupAction]) {
        let limit = rules.downstreams[rules.routes[attempt.route].downstream].timeout.wholeMilliseconds
        timeouts.insert(attempt, at: now.advanced(byMilliseconds: limit))
        // Most attempts have ended long before their time is over.
        if timeouts.elementsCount > 1000 + 4 * flights.count {
            timeouts.removeAll { [flights] in flights[$0.place]?.attempt.token != $0.token }
        }
        actions.append(.begin(attempt))
    }
}
