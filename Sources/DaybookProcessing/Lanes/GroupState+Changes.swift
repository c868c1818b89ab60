// What each entry of the journal does to a group: the transitions of its events. The same function at work and after a restart.
// What is written at all is decided in `GroupMachine`.

internal import DaybookModel

extension GroupState {
    /// Applies what one page of the journal says. Returns what changed, in the order of its entries: the lanes, and the events
    /// where entries are about single ones.
    ///
    /// Entries of an epoch that is over do nothing. Throws where the journal cannot be one about this log; the state is then of
    /// no further use.
    mutating func apply(_ page: JournalPage) throws(FoldError) -> [Changed] {
        var changed: [Changed] = []
        let isOpening = page.entries.first == .opened
        guard isOpening ? page.epoch > epoch : page.epoch == epoch else { return [] }
        epoch = page.epoch
        lastTime = max(lastTime, page.time)
        if page.entries.first != .byHand { lastLife = lastTime }
        for entry in page.entries { try apply(entry, at: page.time, &changed) }
        return changed
    }

    private mutating func apply(
        _ entry: JournalEntry, at time: Timestamp, _ changed: inout [Changed]
    ) throws(FoldError) {
        switch entry {
        case .opened: wasClosed = false
        case .closed: wasClosed = true
        case .partition(let number, let topicPartition, let from):
            guard Int(number) == partitions.count, numbers[topicPartition] == nil else {
                throw .invalidPartition(number)
            }
            numbers[topicPartition] = number
            partitions.append(
                PartitionProgress(topicPartition: topicPartition, next: from, done: OffsetRanges(floor: from)))
        case .succeeded(let partition, let offsets):
            guard partitions.indices.contains(Int(partition)) else { throw .unknownPartition(partition) }
            for number in offsets.lowerBound.rawValue..<offsets.upperBound.rawValue {
                let place = Place(partition, Offset(number))
                changed.append(Changed(lane: try succeedPlainly(place), place: place))
            }
            partitions[Int(partition)].done.insert(offsets)
        case .changed(let place, let change):
            changed.append(Changed(lane: try apply(change, to: place, at: time), place: place))
        case .redriven(let id, _, _, let places):
            guard redrives.insert(id).inserted else { return }
            for place in places { changed.append(Changed(lane: try redrive(place), place: place)) }
        case .lane(let lane, let isHeld, let by, let note):
            lanes[lane, default: LaneState()].isHeld = isHeld
            holds[lane] = isHeld ? LaneHold(by: by, note: note, since: time) : nil
            dropIfEmpty(lane)
            changed.append(Changed(lane: lane, place: nil))
        case .stopped(let reason): stop = reason
        case .routes: break
        case .resumed:
            stop = nil
            deadInARow = 0
            recent = OutcomeWindow()
            changed += lanes.keys.sorted(by: Lane.isBefore).map { Changed(lane: $0, place: nil) }
        case .hastened(let place, _, _): changed.append(Changed(lane: try hasten(place, at: time), place: place))
        case .byHand: break
        }
    }

    // MARK: one event

    /// An event succeeded at once, as nearly all do. Its offset is done when its range is.
    private mutating func succeedPlainly(_ place: Place) throws(FoldError) -> Lane {
        guard let event = events.removeValue(forKey: place) else {
            let change = EventChange.succeeded(attempts: 1, reference: nil, isAdopted: false)
            guard try !isToReceive(change, place) else { throw .unknownEvent(place) }
            return Lane(place, key: nil)
        }
        if event.status.isAside { throw .impossible(place, "changes although it was set aside") }
        counts.succeeded += 1
        deadInARow = 0
        recent.add(isDead: false)
        if !replacements.isEmpty { replacements[place] = nil }
        effects.insert(event.facts.effect, EffectIndex.Entry(digest: event.facts.digest, place: place))
        settle(event)
        let lane = event.facts.lane
        if let index = lanes.index(forKey: lane) {
            lanes.values[index].open.removeInOrder(place.offset)
            if lanes.values[index].isEmpty { lanes.remove(at: index) }
        }
        return lane
    }

    private mutating func apply(
        _ change: EventChange, to place: Place, at time: Timestamp
    ) throws(FoldError) -> Lane {
        guard partitions.indices.contains(Int(place.partition)) else { throw .unknownPartition(place.partition) }
        if events[place] == nil, try !isToReceive(change, place) { return Lane(place, key: nil) }
        guard var event = events[place] else { throw .unknownEvent(place) }
        let lane = event.facts.lane
        if event.status.isAside {
            // Only a person brings an end to what was set aside.
            switch change {
            case .skipped(.decided): skipAside(place, event)
            case .skipped(.replaced(let offset, _, _)): replace(place, event, with: offset)
            default: throw .impossible(place, "changes although it was set aside")
            }
            return lane
        }
        switch change {
        case .waiting(let deadline):
            event.status = .waiting(deadline: deadline)
            counts.waited += 1
        case .attempting:
            event.status = .attempting(epoch: epoch)
            event.firstAttempt = event.firstAttempt ?? time
        case .retrying(let attempts, let due, let spent, let note):
            event.note(attempts, spent, note, at: time)
            event.status = .retrying(due: due)
            event.isInDoubt = false
            counts.retried += 1
        case .unknown(let attempts, let due, let spent, let note):
            event.note(attempts, spent, note, at: time)
            event.status = .unknown(due: due)
            event.raiseDoubt(&counts)
            // What somebody decided about an earlier doubt says nothing about this one.
            event.isRedriven = false
        case .doubted(let note):
            event.note = note
            event.status = .unknown(due: time)
            event.raiseDoubt(&counts)
            event.isRedriven = false
            // Whatever window a target has for the effect key, it may be over.
            event.firstAttempt = Timestamp(milliseconds: 0)
        case .succeeded(_, _, let isAdopted):
            counts.succeeded += 1
            if isAdopted { counts.adopted += 1 }
            deadInARow = 0
            recent.add(isDead: false)
            effects.insert(event.facts.effect, EffectIndex.Entry(digest: event.facts.digest, place: place))
            finish(place, event, settles: true)
            return lane
        case .skipped(let reason):
            if case .duplicate = reason { counts.duplicates += 1 } else { counts.otherwiseSkipped += 1 }
            switch reason {
            case .filtered: finish(place, event, settles: true)
            case .decided:
                rememberDoubtful(event, at: place)
                // One that waits for others before it does not make them stale.
                finish(place, event, settles: isNext(event))
            case .duplicate, .stale, .replaced: finish(place, event, settles: false)
            }
            return lane
        case .dead(let reason, let attempts, let note, let holdsKey):
            event.status = .dead(reason)
            event.attempts = attempts
            event.note = note ?? event.note
            if reason == .unknown { event.raiseDoubt(&counts) }
            counts.dead += 1
            deadInARow += 1
            recent.add(isDead: true)
            deadSince[place] = time
            setAside(place, lane)
            if holdsKey {
                lanes[lane, default: LaneState()].blocker = lanes[lane]?.blocker ?? place.offset
            } else {
                settle(event)
            }
        case .parked(let blocker):
            // The one it was to wait behind has been redriven or skipped meanwhile: it has its turn as ever.
            guard lanes[lane]?.blocker != nil else { return lane }
            event.status = .parked(behind: blocker)
            counts.parked += 1
            setAside(place, lane)
            insert(place, into: \.parked, of: lane)
        }
        events[place] = event
        return lane
    }

    /// The event is done with for good.
    private mutating func finish(_ place: Place, _ event: OpenEvent, settles: Bool) {
        events[place] = nil
        replacements[place] = nil
        setAside(place, event.facts.lane)
        if settles { settle(event) }
        dropIfEmpty(event.facts.lane)
    }

    /// The committed offset may pass the event, and so may the lane.
    private mutating func setAside(_ place: Place, _ lane: Lane) {
        partitions[Int(place.partition)].done.insert(place.offset)
        lanes[lane]?.open.removeInOrder(place.offset)
    }

    /// Nothing is missing before the event's revision.
    private func isNext(_ event: OpenEvent) -> Bool {
        event.facts.revision.map { $0 <= (revisions[event.facts.lane] ?? 0) + 1 } ?? true
    }

    /// Whoever passes over an event whose effect may have happened has decided about that effect: the same one again is a
    /// duplicate.
    private mutating func rememberDoubtful(_ event: OpenEvent, at place: Place) {
        guard event.isInDoubt else { return }
        effects.insert(event.facts.effect, EffectIndex.Entry(digest: event.facts.digest, place: place))
    }

    private mutating func settle(_ event: OpenEvent) {
        guard let revision = event.facts.revision else { return }
        revisions[event.facts.lane] = max(revisions[event.facts.lane] ?? 0, revision)
    }

    private mutating func dropIfEmpty(_ lane: Lane) {
        if lanes[lane]?.isEmpty == true { lanes[lane] = nil }
    }

    /// What an entry changed.
    struct Changed {
        let lane: Lane
        /// The event; nil where the entry is about the lane.
        let place: Place?
    }

    // MARK: what was set aside

    /// A dead event that is skipped lets the lane go on without it; a parked one is simply no more.
    private mutating func skipAside(_ place: Place, _ event: OpenEvent) {
        let lane = event.facts.lane
        lanes[lane]?.parked.removeInOrder(place.offset)
        if case .dead = event.status { counts.dead -= 1 } else { counts.parked -= 1 }
        counts.otherwiseSkipped += 1
        rememberDoubtful(event, at: place)
        let isDead = lanes[lane]?.blocker == place.offset
        if isDead ? !hasEarlierRevision(parkedBehind: place, event) : isNext(event) { settle(event) }
        forgetAside(place)
        letGo(lane, of: place)
        dropIfEmpty(lane)
    }

    private mutating func forgetAside(_ place: Place) {
        events[place] = nil
        deadSince[place] = nil
        replacements[place] = nil
    }

    /// A dead event gives its place to another one, which comes next in the lane. Its revision is not settled: that is left to the
    /// other one.
    private mutating func replace(_ place: Place, _ event: OpenEvent, with offset: Offset) {
        let (lane, new) = (event.facts.lane, Place(place.partition, offset))
        let order = replacements[place] ?? place.offset
        counts.otherwiseSkipped += 1
        if case .dead = event.status { counts.dead -= 1 } else { counts.parked -= 1 }
        lanes[lane]?.parked.removeInOrder(place.offset)
        forgetAside(place)
        // It may have had its turn already, where nothing holds the lane.
        if events[new] != nil {
            replacements[new] = order
            events[new]?.isRedriven = true
            if events[new]?.status.isAside == false {
                lanes[lane]?.open.removeInOrder(offset)
                insert(new, into: \.open, of: lane)
            }
        }
        letGo(lane, of: place)
        dropIfEmpty(lane)
    }

    private mutating func hasten(_ place: Place, at time: Timestamp) throws(FoldError) -> Lane {
        guard var event = events[place] else { throw .unknownEvent(place) }
        switch event.status {
        case .retrying: event.status = .retrying(due: time)
        case .unknown: event.status = .unknown(due: time)
        // It has gone on meanwhile.
        default: break
        }
        events[place] = event
        return event.facts.lane
    }

    /// A dead event and what is parked behind it take their turns again, in the order of the log.
    private mutating func redrive(_ place: Place) throws(FoldError) -> Lane {
        guard let event = events[place] else { throw .unknownEvent(place) }
        guard case .dead = event.status else { throw .impossible(place, "is redriven although it is not dead") }
        // Somebody has decided about the dead event itself; those behind it are gated as ever. Where what it had waited for has
        // come meanwhile, and is parked behind it, it has its turn after that.
        if case .dead(.gap) = event.status, hasEarlierRevision(parkedBehind: place, event) {
            events[place]?.isRedriven = false
        } else {
            events[place]?.isRedriven = true
        }
        // A window begins anew with the attempt that somebody has decided to make.
        events[place]?.firstAttempt = nil
        reopen(place)
        letGo(event.facts.lane, of: place)
        return event.facts.lane
    }

    private func hasEarlierRevision(parkedBehind place: Place, _ event: OpenEvent) -> Bool {
        guard let revision = event.facts.revision, let lane = lanes[event.facts.lane], lane.blocker == place.offset
        else {
            return false
        }
        return lane.parked.contains { offset in
            events[Place(place.partition, offset)]?.facts.revision.map { $0 < revision } ?? false
        }
    }

    /// The lane is no longer held by the dead event at `place`, if it was.
    private mutating func letGo(_ lane: Lane, of place: Place) {
        guard let state = lanes[lane], state.blocker == place.offset else { return }
        lanes[lane]?.blocker = nil
        lanes[lane]?.parked = []
        for offset in state.parked { reopen(Place(place.partition, offset)) }
    }

    /// As if it had come anew, but for what is known of its outcome.
    private mutating func reopen(_ place: Place) {
        guard var event = events[place] else { return }
        if case .dead = event.status { counts.dead -= 1 } else { counts.parked -= 1 }
        deadSince[place] = nil
        event.status = .queued
        event.attempts = 0
        event.spent = 0
        events[place] = event
        insert(place, into: \.open, of: event.facts.lane)
    }
}

extension OpenEvent {
    fileprivate mutating func raiseDoubt(_ counts: inout GroupCounts) {
        if !isInDoubt { counts.unknown += 1 }
        isInDoubt = true
    }

    fileprivate mutating func note(_ attempts: Int, _ spent: Int64, _ note: FailureNote?, at time: Timestamp) {
        self.attempts = attempts
        self.spent = spent
        self.note = note ?? self.note
        firstAttempt = firstAttempt ?? time
    }
}
