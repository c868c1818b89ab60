// What people ask and decide: dead letters, lanes, redrive, skip, hold, release, resume. Each decision is durable when its call
// returns, and says who made it.

public import DaybookModel

/// An event that has been set aside for good, unless somebody redrives it.
public struct DeadLetter: Sendable, Hashable {
    public let place: EventPlace
    /// The key of its record.
    public let key: [UInt8]?
    public let reason: DeadLetterReason
    public let attempts: Int
    /// What the last failure said.
    public let note: FailureNote?
    /// The events that wait behind it, in order.
    public let parked: [Offset]
}

/// Where a group stands.
public struct GroupStatus: Sendable, Hashable {
    public let counts: GroupCounts
    /// Events that are neither done nor set aside.
    public let openCount: Int
    /// Why the group takes up no events; nil while it does.
    public let stop: StopReason?
    /// The next offset to read of each partition, for tools that know offsets only.
    public let committed: [TopicPartition: Offset]
    /// The breaker of each downstream, by name.
    public let breakers: [String: BreakerState]
}

extension Processor {
    /// Where the group stands: what is durable. O(partitions).
    public func status() async throws(ProcessingError) -> GroupStatus { await (try worker()).status }

    /// All dead letters, in the order of the log. O(open events).
    public func deadLetters() async throws(ProcessingError) -> [DeadLetter] { await (try worker()).deadLetters }

    /// Works through dead letters again, each with all that is parked behind it, in order. By default all there are.
    ///
    /// `id` names the decision: a second redrive with it does nothing, whatever became of the first, and returns false. Throws
    /// `.unknownEvent` for a place that is no dead letter and `.underWay`; nothing is redriven then.
    @discardableResult
    public func redrive(
        id: String, _ places: [EventPlace]? = nil, by: String, note: String
    ) async throws -> Bool {
        try await worker().redrive(id, places, by, note)
    }

    /// Passes an event over, with a note. What is parked behind it goes on.
    ///
    /// Throws `.unknownEvent` where there is no open event, and `.underWay` where an attempt is under way.
    public func skip(_ place: EventPlace, by: String, note: String) async throws {
        try await worker().skip(place, by, note)
    }

    /// Takes up no event of a key any more; an attempt that is under way ends as ever.
    public func hold(key: [UInt8], of topicPartition: TopicPartition, by: String, note: String) async throws {
        try await worker().hold(true, key, topicPartition, by, note)
    }

    /// Goes on with a key that was held.
    public func release(key: [UInt8], of topicPartition: TopicPartition, by: String, note: String) async throws {
        try await worker().hold(false, key, topicPartition, by, note)
    }

    /// Goes on with a group that had stopped.
    public func resume(by: String, note: String) async throws {
        try await worker().writeDurably(.resumed(by: by, note: note))
    }
}

extension GroupWorker {
    var status: GroupStatus {
        let state = machine.state
        let committed = state.partitions.map { ($0.topicPartition, $0.committed) }
        let breakers = machine.gates.map { ($0.downstream.name, $0.breaker.state) }
        return GroupStatus(
            counts: state.counts, openCount: machine.openCount, stop: state.stop,
            committed: Dictionary(uniqueKeysWithValues: committed), breakers: Dictionary(uniqueKeysWithValues: breakers)
        )
    }

    var deadLetters: [DeadLetter] {
        let state = machine.state
        return state.events.sorted { $0.key < $1.key }.compactMap { place, event in
            guard case .dead(let reason) = event.status else { return nil }
            let lane = state.lanes[event.facts.lane]
            var key: [UInt8]?
            if case .bytes(let bytes) = event.facts.lane.key { key = bytes }
            return DeadLetter(
                place: named(place), key: key, reason: reason, attempts: event.attempts, note: event.note,
                parked: lane?.blocker == place.offset ? lane?.parked ?? [] : [])
        }
    }

    func redrive(_ id: String, _ places: [EventPlace]?, _ by: String, _ note: String) async throws -> Bool {
        let places = try (places ?? deadLetters.map(\.place)).map { try numbered($0) }
        let entry: JournalEntry?
        do throws(OperationError) { entry = try machine.redrive(id: id, places, by: by, note: note) } catch {
            throw named(error)
        }
        guard let entry else { return false }
        try await writeDurably(entry)
        return true
    }

    func skip(_ place: EventPlace, _ by: String, _ note: String) async throws {
        let place = try numbered(place)
        let entry: JournalEntry
        do throws(OperationError) { entry = try machine.skip(place, by: by, note: note) } catch { throw named(error) }
        try await writeDurably(entry)
    }

    func hold(_ isHeld: Bool, _ key: [UInt8], _ partition: TopicPartition, _ by: String, _ note: String) async throws {
        let place = try numbered(EventPlace(partition, .zero))
        try await writeDurably(.lane(Lane(place, key: key), isHeld: isHeld, by: by, note: note))
    }

    private func named(_ place: Place) -> EventPlace {
        EventPlace(machine.state.partitions[Int(place.partition)].topicPartition, place.offset)
    }

    private func numbered(_ place: EventPlace) throws(ProcessingError) -> Place {
        guard let number = machine.state.numbers[place.topicPartition] else {
            throw ProcessingError(.unknownEvent, "\(place.topicPartition) is no partition of the group", place: place)
        }
        return Place(number, place.offset)
    }

    private func named(_ error: OperationError) -> ProcessingError {
        switch error {
        case .unknownEvent(let place), .notDead(let place):
            ProcessingError(.unknownEvent, error.description, place: named(place))
        case .underWay(let place): ProcessingError(.underWay, error.description, place: named(place))
        }
    }
}
