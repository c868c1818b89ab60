// The state of a group: what its journal and its log say together. It comes to be in one way only, by `receive` and `apply`, at
// work as after a restart. What is under way is not here: `GroupMachine` has it, and forgets it with the process.

internal import DaybookModel

/// What is known of one partition of a group.
struct PartitionProgress: Sendable, Equatable {
    let topicPartition: TopicPartition
    /// The offset of the next record to be received.
    var next: Offset
    /// What the committed offset may pass: events that are done or set aside, and offsets without an event.
    var done: OffsetRanges

    /// The next offset to read for whoever knows offsets only.
    var committed: Offset { done.floor }
}

/// What a lane has, but for what can be read from its events.
struct LaneState: Sendable, Equatable {
    /// Events neither done nor set aside, in order.
    var open: [Offset] = []
    /// The dead event that holds the lane.
    var blocker: Offset?
    /// Set aside behind it, in order.
    var parked: [Offset] = []
    var isHeld = false

    var isEmpty: Bool { open.isEmpty && blocker == nil && parked.isEmpty && !isHeld }
}

/// How many events of a group have come to which end.
public struct GroupCounts: Sendable, Hashable {
    /// Events that succeeded, adopted ones included.
    public internal(set) var succeeded = 0
    /// Of those: an earlier attempt of unknown outcome turned out to have had the effect.
    public internal(set) var adopted = 0
    /// Skipped because the effect had happened.
    public internal(set) var duplicates = 0
    /// Skipped because no handler is there, because a later revision was done, or because somebody decided so.
    public internal(set) var otherwiseSkipped = 0
    /// Dead letters there are now.
    public internal(set) var dead = 0
    /// Events set aside behind one there are now.
    public internal(set) var parked = 0
    /// How often an event began to wait for the revision before it.
    public internal(set) var waited = 0
    /// Attempts that failed and were to be made again.
    public internal(set) var retried = 0
    /// How often an outcome was not known.
    public internal(set) var unknown = 0

    var fields: [WritableKeyPath<GroupCounts, Int>] {
        [\.succeeded, \.adopted, \.duplicates, \.otherwiseSkipped, \.dead, \.parked, \.waited, \.retried, \.unknown]
    }
}

/// Why a journal cannot be what a group wrote about this log.
enum FoldError: Error, Hashable, CustomStringConvertible {
    case unknownPartition(Int32)
    case unknownEvent(Place)
    case impossible(Place, String)
    case invalidPartition(Int32)

    var description: String {
        switch self {
        case .unknownPartition(let number): "an entry is about a partition \(number) that has no name"
        case .unknownEvent(let place):
            "an entry is about an event at offset \(place.offset) of partition \(place.partition) that is not there"
        case .impossible(let place, let what):
            "an event at offset \(place.offset) of partition \(place.partition) \(what), which cannot be"
        case .invalidPartition(let number): "partition \(number) is named a second time, or out of turn"
        }
    }
}

/// What a group's journal and log say together.
struct GroupState: Sendable {
    /// The number of the process that has the group; entries of earlier ones do not count.
    var epoch: Int64 = 0
    /// When the journal was last written to: times compare with the later of this and the clock's.
    var lastTime = Timestamp(milliseconds: 0)
    /// The same, but for pages that were written while no process had the group.
    var lastLife = Timestamp(milliseconds: 0)
    /// Nothing was under way when the last process ended.
    var wasClosed = true
    var stop: StopReason?
    /// By number.
    var partitions: [PartitionProgress] = []
    var numbers: [TopicPartition: Int32] = [:]
    var events: [Place: OpenEvent] = [:]
    /// Lanes about which there is anything to say.
    var lanes: [Lane: LaneState] = [:]
    /// The last revision of each lane that is settled: done, or given up in a way that lets followers go on.
    var revisions: [Lane: Int64] = [:]
    var effects: EffectIndex
    var redrives: Set<String> = []
    /// Since when dead events are dead.
    var deadSince: [Place: Timestamp] = [:]
    /// What was said when lanes were held that still are.
    var holds: [Lane: LaneHold] = [:]
    /// Open events that stand in the place of others, with the offsets of those.
    var replacements: [Place: Offset] = [:]
    var counts = GroupCounts()
    /// Dead letters since the last success.
    var deadInARow = 0
    /// How the latest events ended, since the group was resumed last.
    var recent = OutcomeWindow()

    /// `effectsCapacity`: so many effects are remembered for duplicates to be seen.
    init(effectsCapacity: Int) { effects = EffectIndex(capacity: effectsCapacity) }

    /// The later of the clock and the journal: a clock that jumps back makes nothing due later.
    func now(_ clock: Timestamp) -> Timestamp { max(clock, lastTime) }

    // MARK: receiving

    /// What `receive` made of a record.
    enum Received: Hashable {
        case new
        /// It is among the open events already; nothing has changed.
        case known
        /// It is done, or was received before.
        case done
    }

    /// Takes in an event of the log. Events of a partition come in the order of their offsets; one that is known changes nothing.
    mutating func receive(_ place: Place, _ facts: EventFacts) -> Received {
        let number = Int(place.partition)
        if events[place] != nil {
            partitions[number].next = max(partitions[number].next, place.offset.advanced(by: 1))
            return .known
        }
        guard place.offset >= partitions[number].next else { return .done }
        partitions[number].next = place.offset.advanced(by: 1)
        if partitions[number].done.contains(place.offset) { return .done }
        events[place] = OpenEvent(facts)
        lanes[facts.lane, default: LaneState()].open.insertInOrder(place.offset)
        return .new
    }

    /// Takes in an event that has not had its turn to be received, because it is to stand in the place of another one. Returns
    /// whether it is new.
    mutating func admit(_ place: Place, _ facts: EventFacts) -> Bool {
        let partition = partitions[Int(place.partition)]
        guard events[place] == nil, place.offset >= partition.next, !partition.done.contains(place.offset) else {
            return false
        }
        events[place] = OpenEvent(facts)
        insert(place, into: \.open, of: facts.lane)
        return true
    }

    /// Adds an event to a list of its lane, in order: by offsets, and those that stand in the place of others by theirs.
    mutating func insert(_ place: Place, into list: WritableKeyPath<LaneState, [Offset]>, of lane: Lane) {
        if replacements.isEmpty {
            lanes[lane, default: LaneState()][keyPath: list].insertInOrder(place.offset)
            return
        }
        func order(_ offset: Offset) -> Offset { replacements[Place(place.partition, offset)] ?? offset }
        let offsets = lanes[lane]?[keyPath: list] ?? []
        if offsets.contains(place.offset) { return }
        let index = offsets.firstIndex { order($0) > order(place.offset) } ?? offsets.endIndex
        lanes[lane, default: LaneState()][keyPath: list].insert(place.offset, at: index)
    }

    /// Takes note that there is no event between the last one received and `offset`: compaction, an aborted transaction or
    /// retention has left nothing there.
    mutating func receiveNothing(_ partition: Int32, before offset: Offset) {
        let number = Int(partition)
        let next = partitions[number].next
        guard next < offset else { return }
        partitions[number].done.insert(next..<offset)
        partitions[number].next = offset
    }
}

extension [Offset] {
    /// Nearly always at the end.
    mutating func insertInOrder(_ offset: Offset) {
        guard let last, last >= offset else { return append(offset) }
        let index = firstIndex { $0 >= offset } ?? endIndex
        if index == endIndex || self[index] != offset { insert(offset, at: index) }
    }

    mutating func removeInOrder(_ offset: Offset) {
        if let index = firstIndex(of: offset) { remove(at: index) }
    }
}
