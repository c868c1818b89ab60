// What a group's journal tells of one event, step by step. The journal keeps steps as far back as its newest snapshot; what an
// event came to before that is in its standing.

public import DaybookModel

/// One thing that happened to an event.
public enum EventStep: Hashable, Sendable {
    case waited(until: Timestamp)
    /// The intent of an attempt became durable.
    case intended
    /// An attempt failed; the next one was due then. `attempts` have ended so far.
    case failed(attempts: Int, due: Timestamp, FailureNote?)
    /// An attempt ended and nobody knew how.
    case unknown(attempts: Int, due: Timestamp, FailureNote?)
    /// A process that died may have made an attempt, nobody knows when.
    case doubted(FailureNote)
    case succeeded(reference: String?, isAdopted: Bool)
    case skipped(SkipReason)
    case deadLettered(DeadLetterReason, attempts: Int, FailureNote?)
    case parked(behind: Offset)
    case redriven(id: String, by: String, note: String)
    /// What it waited for became due.
    case hastened(by: String, note: String)
}

/// A step and when it was written down.
public struct EventHistoryEntry: Hashable, Sendable {
    public let time: Timestamp
    public let step: EventStep
}

extension EventStep {
    /// What an entry of the journal says about one event; nil where it says nothing about it.
    init?(_ entry: JournalEntry, about place: Place) {
        switch entry {
        case .changed(place, let change): self.init(change)
        case .succeeded(place.partition, let offsets) where offsets.contains(place.offset):
            self = .succeeded(reference: nil, isAdopted: false)
        case .redriven(let id, let by, let note, let places) where places.contains(place):
            self = .redriven(id: id, by: by, note: note)
        case .hastened(place, let by, let note): self = .hastened(by: by, note: note)
        default: return nil
        }
    }

    private init(_ change: EventChange) {
        switch change {
        case .waiting(let deadline): self = .waited(until: deadline)
        case .attempting: self = .intended
        case .retrying(let attempts, let due, _, let note): self = .failed(attempts: attempts, due: due, note)
        case .unknown(let attempts, let due, _, let note): self = .unknown(attempts: attempts, due: due, note)
        case .doubted(let note): self = .doubted(note)
        case .succeeded(_, let reference, let isAdopted):
            self = .succeeded(reference: reference, isAdopted: isAdopted)
        case .skipped(let reason): self = .skipped(reason)
        case .dead(let reason, let attempts, let note, _): self = .deadLettered(reason, attempts: attempts, note)
        case .parked(let blocker): self = .parked(behind: blocker)
        }
    }
}
