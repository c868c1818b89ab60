// What people ask and decide: dead letters, lanes, redrive, skip, hold, release, resume. Each decision is durable when its call
// returns, and says who made it.

public import DaybookModel

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

    /// The dead letters that a filter means, all by default, in the order of the log. O(open events), and reads the record of each.
    public func deadLetters(matching filter: DeadLetterFilter = DeadLetterFilter()) async throws -> [DeadLetter] {
        var lookup = EventLookup(daybook)
        return try await lookup.letters(await worker().deadLetters, matching: filter)
    }

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

    var deadLetters: [DeadLetter] { machine.state.deadLetters }

    func redrive(_ id: String, _ places: [EventPlace]?, _ by: String, _ note: String) async throws -> Bool {
        let places = try (places ?? deadLetters.map(\.place)).map { try numbered($0) }
        let entry: JournalEntry?
        do throws(OperationError) { entry = try machine.redrive(id: id, places, by: by, note: note) } catch {
            observeRedrive(places.count, .refused)
            throw named(error)
        }
        guard let entry else {
            observeRedrive(places.count, .repeated)
            return false
        }
        try await writeDurably(entry)
        observeRedrive(places.count, .done)
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

    private func named(_ place: Place) -> EventPlace { machine.state.named(place) }

    private func numbered(_ place: EventPlace) throws(ProcessingError) -> Place { try machine.state.numbered(place) }

    private func named(_ error: OperationError) -> ProcessingError {
        switch error {
        case .unknownEvent(let place), .notDead(let place):
            ProcessingError(.unknownEvent, error.description, place: named(place))
        case .underWay(let place): ProcessingError(.underWay, error.description, place: named(place))
        }
    }
}
