// What a group's journal can say. Its bytes are in `JournalPage`; what each entry does to a group is in `GroupState`.
// Who decides what is written is `GroupMachine`.

package import DaybookModel

/// One thing that has happened in a group.
package enum JournalEntry: Hashable, Sendable {
    /// A process has taken the group over: what an earlier one still writes does not count.
    case opened
    /// The process that had the group has ended with nothing under way.
    case closed
    /// A partition of the group gets its number; the group begins there at `from`.
    case partition(number: Int32, TopicPartition, from: Offset)
    /// Neighbouring events have succeeded at the first attempt, with nothing to say about it.
    case succeeded(partition: Int32, Range<Offset>)
    case changed(Place, EventChange)
    /// Dead letters, each with what is parked behind it, are to be worked through again. Once for each id.
    case redriven(id: String, by: String, note: String, [Place])
    /// A lane is held, or let go.
    case lane(Lane, isHeld: Bool, by: String, note: String)
    /// The group takes up no event any more, until it is resumed.
    case stopped(StopReason)
    case resumed(by: String, note: String)
    /// What the event waits for is due now.
    case hastened(Place, by: String, note: String)
    /// The first entry of a page that was written while no process had the group: it is no sign of life of one.
    case byHand
    /// By which patterns of types events go to which downstreams, from here on. For whoever reads the journal: it changes
    /// nothing in the group.
    case routes([RouteName])
}

/// A route, as a journal names it.
package struct RouteName: Hashable, Sendable {
    package var types: String
    package var downstream: String

    package init(types: String, downstream: String) {
        self.types = types
        self.downstream = downstream
    }

    /// Whether it is for events of that type.
    package func matches(_ type: String) -> Bool { EventTypePattern(types).matches(type) }
}

/// Why a group has stopped.
public enum StopReason: UInt8, Hashable, Sendable {
    /// So many events in a row were dead-lettered that something else must be wrong.
    case deadLetters = 1
    /// More events are parked than allowed.
    case parked = 2
    /// An event was dead-lettered, and its lane policy is to stop.
    case policy = 3
    /// The share of dead letters among the latest events was too large.
    case deadLetterShare = 4
}
