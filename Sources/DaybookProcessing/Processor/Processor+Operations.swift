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
    /// `id` names the decision: a second redrive with it does nothing, whatever became of the first. Returns whether anything is
    /// redriven: where nothing is dead, the id may be used again. Throws `.unknownEvent` for a place that is no dead letter and `.underWay`; nothing is redriven then.
    @discardableResult
    public func redrive(
        id: String, _ places: [EventPlace]? = nil, by: String, note: String
    ) async throws -> Bool {
        try await decide(.redrive(id: id, DeadLetterFilter(places: places)), by, note).hasChanged
    }

    /// Passes an event over, with a note. What is parked behind it goes on.
    ///
    /// Throws `.unknownEvent` where there is no open event, and `.underWay` where an attempt is under way.
    public func skip(_ place: EventPlace, by: String, note: String) async throws {
        _ = try await decide(.skip([place]), by, note)
    }

    /// Passes a dead letter over and puts another event in its place: that is appended to the log, gets the turn that the dead one
    /// had, and what is parked behind goes on after it. The original stays in the log. Returns where the replacement stands.
    ///
    /// The replacement has the original's key and, with a revision gate, its revision; where it says neither, it gets them. Its id
    /// may be the original's. Other groups pass it over, as filtered: its record names the group that it is for. Throws
    /// `.unknownEvent` for a place that is no dead letter, `.underWay`, and `.invalidReplacement`; nothing is appended then.
    @discardableResult
    public func replace(
        _ place: EventPlace, with event: Event, by: String, note: String
    ) async throws -> EventPlace {
        guard let replacement = try await decide(.replace(place, with: event), by, note).replacement else {
            preconditionFailure("a replacement that has been written stands somewhere")
        }
        return replacement
    }

    /// Takes up no event of a key any more; an attempt that is under way ends as ever.
    public func hold(key: [UInt8], of topicPartition: TopicPartition, by: String, note: String) async throws {
        _ = try await decide(.hold(key: key, of: topicPartition), by, note)
    }

    /// Goes on with a key that was held.
    public func release(key: [UInt8], of topicPartition: TopicPartition, by: String, note: String) async throws {
        _ = try await decide(.release(key: key, of: topicPartition), by, note)
    }

    /// Tries the head of a key's lane again now, instead of when it is due. Attempts are counted as ever, and the limits of its
    /// downstream stay. Returns the event.
    ///
    /// Throws `.unknownEvent` where nothing waits there, and `.underWay` where nothing could come sooner: an attempt is under way,
    /// the event is dead, waits for another revision, or for its target to settle.
    @discardableResult
    public func retry(
        key: [UInt8], of topicPartition: TopicPartition, by: String, note: String
    ) async throws -> EventPlace {
        guard let place = try await decide(.retry(key: key, of: topicPartition), by, note).places.first else {
            preconditionFailure("what is to be tried again is an event")
        }
        return place
    }

    /// Goes on with a group that had stopped.
    public func resume(by: String, note: String) async throws { _ = try await decide(.resume, by, note) }

    private func decide(
        _ operation: GroupDecision.Operation, _ by: String, _ note: String
    ) async throws -> GroupDecision.Outcome {
        try await worker().decide(GroupDecision(operation, by: by, note: note))
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
}
