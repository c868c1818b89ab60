// The insides of a consumer: which partitions it reads, where it is in each of them, and what has been read ahead. Reading is in
// `Fetcher+Reading`, handing out in `Fetcher+Taking`.

internal import DaybookModel
internal import DaybookRecords
internal import DaybookStorage
internal import Synchronization

/// Reads ahead of one consumer, within bounds, and hands out what it has read, each partition in turn.
///
/// Locks are taken in one order: the fetcher's, then a partition's. Partitions hold it weakly, so that it goes with its
/// consumer.
final class Fetcher: Sendable {
    let services: PartitionServices
    let configuration: ConsumerConfiguration
    /// The group that they are read for; nil for none.
    let group: String?
    /// What says which partitions these are, where they are a group's.
    let membership: GroupMembership?
    let state = Mutex(State())

    /// Safety: slots are reached only through the mutex that guards this state.
    struct State: @unchecked Sendable {
        fileprivate(set) var slots: [Int: FetchSlot] = [:]
        fileprivate var numbers: [TopicPartition: Int] = [:]
        fileprivate var nextNumber = 0
        /// Those who want a read.
        var hungry = Line<Int>()
        /// Those who have something to hand out.
        var ready = Line<Int>()
        /// Bytes that have been read ahead, and bytes that the reads under way may bring.
        var buffered = 0
        var reserved = 0
        var waiting = Waiting()
        var isClosed = false
        /// Why nothing will come any more; told when everything else has been handed out.
        var failure: DaybookError?
        var untold = Untold()
    }

    init(
        _ services: PartitionServices, _ configuration: ConsumerConfiguration, group: String? = nil,
        _ membership: GroupMembership? = nil
    ) {
        self.services = services
        self.configuration = configuration
        self.group = group
        self.membership = membership
    }

    // MARK: assignment

    /// A partition and where to read it.
    struct Assignment: Sendable {
        let partition: Partition
        let offset: Offset
        /// The incarnation that wrote the record before `offset`, where that is known.
        let epoch: LeaderEpoch?
    }

    /// Adds partitions. One that is assigned already keeps its place.
    func assign(_ assignments: [Assignment]) {
        state.withLock { state in
            for assignment in assignments { state.add(assignment) }
            if state.waiting.hasBegun { feed(&state) }
        }
    }

    /// Takes partitions away: nothing of them is handed out any more.
    func revoke(_ partitions: some Sequence<TopicPartition>) {
        change { state in
            for slot in partitions.compactMap({ state.slot($0) }) { state.remove(slot) }
            if state.waiting.hasBegun { feed(&state) }
        }
    }

    /// Makes these the partitions that are read: those that stay keep their places, new ones are read from their beginning.
    func follow(_ partitions: [Partition]) {
        let wanted = Dictionary(uniqueKeysWithValues: partitions.map { ($0.topicPartition, $0) })
        change { state in
            // A topic that was made anew under its old name has other partitions.
            for slot in state.slots.values where wanted[slot.topicPartition] !== slot.partition { state.remove(slot) }
            for partition in partitions where state.numbers[partition.topicPartition] == nil {
                state.add(
                    Assignment(partition: partition, offset: partition.withLog { $0.logStartOffset }, epoch: nil))
            }
            if state.waiting.hasBegun { feed(&state) }
        }
    }

    /// Nothing will come any more: tells whoever asks, once everything that has been read is handed out.
    func fail(_ error: DaybookError) {
        let waiter = state.withLock { state -> Waiting.Waiter? in
            state.failure = state.failure ?? error
            return state.waiting.take()
        }
        waiter?.continuation.resume(returning: .ready)
    }

    /// Has whoever waits look again what is to be done.
    func interrupt() {
        let waiter = state.withLock { $0.waiting.take() }
        waiter?.continuation.resume(returning: .ready)
    }

    /// Reads and hands out nothing any more; whoever waits is told.
    func close() {
        let waiter = change { state -> Waiting.Waiter? in
            state.isClosed = true
            for slot in state.slots.values { state.remove(slot) }
            return state.waiting.take()
        }
        waiter?.continuation.resume(returning: .ready)
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    // MARK: positions

    var assignment: [TopicPartition] { state.withLock { $0.numbers.keys.sorted() } }

    /// The next offset to hand out of each partition, and the incarnation that wrote the record before it.
    var positions: [TopicPartition: FetchPosition] {
        state.withLock { state in state.numbers.mapValues { FetchPosition(state.slots[$0]!) } }
    }

    /// The same as what a commit of them would say.
    var commits: [TopicPartition: OffsetCommit] {
        state.withLock { state in
            state.numbers.mapValues { number in
                let slot = state.slots[number]!
                return OffsetCommit(slot.position, leaderEpoch: slot.epoch)
            }
        }
    }

    func position(of topicPartition: TopicPartition) throws(DaybookError) -> FetchPosition {
        let position = state.withLock { state in state.slot(topicPartition).map { FetchPosition($0) } }
        guard let position else { throw Self.notAssigned(topicPartition) }
        return position
    }

    func partition(_ topicPartition: TopicPartition) throws(DaybookError) -> Partition {
        let partition = state.withLock { $0.slot(topicPartition)?.partition }
        guard let partition else { throw Self.notAssigned(topicPartition) }
        return partition
    }

    /// Goes on at other offsets, in all of the partitions or, with an error, in none. What has been read ahead of the old ones
    /// is forgotten.
    func move(_ targets: [TopicPartition: FetchPosition]) throws(DaybookError) {
        let stranger = state.withLock { state -> TopicPartition? in
            if let stranger = targets.keys.first(where: { state.numbers[$0] == nil }) { return stranger }
            for (topicPartition, target) in targets {
                guard let slot = state.slot(topicPartition) else { continue }
                state.buffered -= slot.move(to: target.offset, epoch: target.epoch)
                state.lineUp(slot)
            }
            if state.waiting.hasBegun { feed(&state) }
            return nil
        }
        if let stranger { throw Self.notAssigned(stranger) }
    }

    // MARK: pausing

    var paused: [TopicPartition] {
        state.withLock { state in state.slots.values.filter(\.isPaused).map(\.topicPartition).sorted() }
    }

    /// Hands out nothing of the partitions until they are resumed. What has been read ahead is forgotten: it would take room
    /// from the others.
    func pause(_ partitions: some Sequence<TopicPartition>) throws(DaybookError) {
        try change(partitions) { state, slot in
            guard !slot.isPaused else { return }
            slot.isPaused = true
            state.buffered -= slot.move(to: slot.position, epoch: nil)
        }
    }

    func resume(_ partitions: some Sequence<TopicPartition>) throws(DaybookError) {
        try change(partitions) { state, slot in
            guard slot.isPaused else { return }
            slot.isPaused = false
            state.lineUp(slot)
        }
    }

    private func change(
        _ partitions: some Sequence<TopicPartition>, _ body: (inout State, FetchSlot) -> Void
    ) throws(DaybookError) {
        let partitions = Array(partitions)
        let stranger = state.withLock { state -> TopicPartition? in
            if let stranger = partitions.first(where: { state.numbers[$0] == nil }) { return stranger }
            for topicPartition in partitions {
                if let slot = state.slot(topicPartition) { body(&state, slot) }
            }
            if state.waiting.hasBegun { feed(&state) }
            return nil
        }
        if let stranger { throw Self.notAssigned(stranger) }
    }

    private static func notAssigned(_ topicPartition: TopicPartition) -> DaybookError {
        DaybookError(
            .notAssigned, "The partition is not assigned to this consumer (any more)", topicPartition: topicPartition)
    }
}

/// Where a consumer is in a partition.
struct FetchPosition: Hashable, Sendable {
    /// The next offset to hand out.
    var offset: Offset
    /// The incarnation of the log that wrote the record before it; nil where nothing has been read yet.
    var epoch: LeaderEpoch?

    init(offset: Offset, epoch: LeaderEpoch?) {
        self.offset = offset
        self.epoch = epoch
    }

    fileprivate init(_ slot: FetchSlot) { self.init(offset: slot.position, epoch: slot.epoch) }
}

extension Fetcher.State {
    func slot(_ topicPartition: TopicPartition) -> FetchSlot? {
        numbers[topicPartition].flatMap { slots[$0] }
    }

    fileprivate mutating func add(_ assignment: Fetcher.Assignment) {
        guard !isClosed, numbers[assignment.partition.topicPartition] == nil else { return }
        let slot = FetchSlot(
            number: nextNumber, assignment.partition, at: assignment.offset, epoch: assignment.epoch)
        nextNumber += 1
        slots[slot.number] = slot
        numbers[slot.topicPartition] = slot.number
        lineUp(slot)
    }

    fileprivate mutating func remove(_ slot: FetchSlot) {
        buffered -= slot.move(to: slot.position, epoch: nil)
        slots[slot.number] = nil
        numbers[slot.topicPartition] = nil
        untold.hasReleased(slot)
    }

    /// Puts a partition in line for a read, unless it stands there, waits, or has an error to tell first.
    mutating func lineUp(_ slot: FetchSlot) {
        guard case .idle = slot.stage, !slot.isPaused, slot.failure == nil else { return }
        slot.stage = .hungry
        hungry.append(slot.number)
    }

    /// Puts a partition in the line of those that have something to hand out, where it has.
    mutating func show(_ slot: FetchSlot) {
        guard slot.isReady, !slot.isInLine else { return }
        slot.isInLine = true
        ready.append(slot.number)
    }

    /// The next partition that has something to hand out; takes those out of the line that have nothing any more.
    mutating func nextReady() -> FetchSlot? {
        while let number = ready.first {
            if let slot = slots[number], slot.isReady { return slot }
            _ = ready.removeFirst()
            slots[number]?.isInLine = false
        }
        return nil
    }
}
