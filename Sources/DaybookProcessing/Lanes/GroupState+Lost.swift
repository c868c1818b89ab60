// What the journal says of events whose records are not in the log any more: deleted by retention, by somebody or by compaction
// since it was written down. A group must open whatever its log has lost.

internal import DaybookModel

extension GroupState {
    /// What an entry does that is about an event that nothing has received, because its record is gone: an end counts, and that is
    /// all; false then. Any other entry makes it an event of a lane and with an effect of its own, which is seen to be lost when
    /// it has its turn. Throws `.unknownEvent` where the log has never had it.
    mutating func isToReceive(_ change: EventChange, _ place: Place) throws(FoldError) -> Bool {
        guard partitions[Int(place.partition)].done.contains(place.offset) else { throw .unknownEvent(place) }
        switch change {
        case .succeeded(_, _, let isAdopted):
            counts.succeeded += 1
            if isAdopted { counts.adopted += 1 }
            deadInARow = 0
            recent.add(isDead: false)
            return false
        case .skipped(let reason):
            if case .duplicate = reason { counts.duplicates += 1 } else { counts.otherwiseSkipped += 1 }
            return false
        default:
            let facts = EventFacts(unreadable: place, Lane(place, key: nil), body: nil)
            events[place] = OpenEvent(facts)
            lanes[facts.lane, default: LaneState()].open.insertInOrder(place.offset)
            return true
        }
    }
}
