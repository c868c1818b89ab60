// What people do to a group: redrive, skip, hold, release, resume. Each is an entry of the journal; what cannot be done is an
// error, and nothing has changed then.

internal import DaybookModel

/// Why an operation on a group is not possible.
enum OperationError: Error, Hashable, CustomStringConvertible {
    case unknownEvent(Place)
    /// It is not dead.
    case notDead(Place)
    /// An attempt is under way, or another operation.
    case underWay(Place)
    /// It does not wait for a moment that could come sooner.
    case notDue(Place)
    /// Nothing waits there.
    case emptyLane

    var description: String {
        switch self {
        case .unknownEvent(let place):
            "There is no open event at offset \(place.offset); it is done, or not yet received"
        case .notDead(let place):
            "The event at offset \(place.offset) is no dead letter; redrive the one it is parked behind"
        case .underWay(let place):
            "Something is under way with the event at offset \(place.offset); try again when it is over"
        case .notDue(let place):
            "The event at offset \(place.offset) does not wait for another attempt: it is under way, dead, or waits for something "
                + "that does not come sooner"
        case .emptyLane: "Nothing waits in the lane of that key"
        }
    }
}

extension GroupMachine {
    /// Dead letters in order, each with what is parked behind it, are to be worked through again. Nil when that id has been
    /// redriven before: nothing is to be done then.
    mutating func redrive(
        id: String, _ dead: [Place], by: String, note: String
    ) throws(OperationError) -> JournalEntry? {
        if state.redrives.contains(id) { return nil }
        for place in dead {
            guard let event = state.events[place] else { throw .unknownEvent(place) }
            guard case .dead = event.status else { throw .notDead(place) }
            guard !pending.contains(place) else { throw .underWay(place) }
        }
        pending.formUnion(dead)
        return .redriven(id: id, by: by, note: note, Set(dead).sorted())
    }

    /// An event is passed over, with a note. When it is dead and holds its key, what is parked behind it goes on.
    mutating func skip(_ place: Place, by: String, note: String) throws(OperationError) -> JournalEntry {
        guard let event = state.events[place] else { throw .unknownEvent(place) }
        if case .attempting = event.status { throw .underWay(place) }
        guard flights[place] == nil, pending.insert(place).inserted else { throw .underWay(place) }
        return .changed(place, .skipped(.decided(by: by, note: note)))
    }

    /// The head of a lane, whose next attempt is due now. What waits until its target has settled goes on waiting: asked too early
    /// the target does not know. Without routes nothing is known of targets, and nothing in doubt is hastened.
    mutating func retry(_ lane: Lane) throws(OperationError) -> Place {
        guard let state = state.lanes[lane], let offset = state.blocker ?? state.open.first else { throw .emptyLane }
        let place = Place(lane.partition, offset)
        guard flights[place] == nil, !pending.contains(place) else { throw .underWay(place) }
        switch self.state.events[place]?.status {
        case .retrying: break
        case .unknown:
            guard let route = routes[place], rules.routes.indices.contains(route) else { throw .notDue(place) }
            if case .probes = rules.routes[route].effect { throw .notDue(place) }
        default: throw .notDue(place)
        }
        pending.insert(place)
        return place
    }

    /// A dead event, about which nothing else is decided until its replacement is written down.
    mutating func beginReplacing(_ place: Place) throws(OperationError) -> EventFacts {
        guard let event = state.events[place] else { throw .unknownEvent(place) }
        guard event.status.isDead else { throw .notDead(place) }
        guard pending.insert(place).inserted else { throw .underWay(place) }
        return event.facts
    }

    /// Takes in a replacement that has just been appended; nothing is decided about it until it is written down whom it replaces.
    /// Returns whether its record is wanted: it may have been received in its turn already.
    mutating func admit(_ place: Place, _ facts: EventFacts, route: Int) -> Bool {
        guard state.admit(place, facts) else { return false }
        routes[place] = route
        pending.insert(place)
        admitted.insert(place)
        return true
    }
}
