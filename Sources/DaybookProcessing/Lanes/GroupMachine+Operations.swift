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

    var description: String {
        switch self {
        case .unknownEvent(let place):
            "There is no open event at offset \(place.offset); it is done, or not yet received"
        case .notDead(let place):
            "The event at offset \(place.offset) is no dead letter; redrive the one it is parked behind"
        case .underWay(let place):
            "Something is under way with the event at offset \(place.offset); try again when it is over"
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
}
