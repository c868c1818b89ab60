// What a group's state shows to people: its dead letters, its lanes, single events. Reads only; what becomes of them is decided
// elsewhere.

internal import DaybookModel

extension GroupState {
    /// All dead letters, in the order of the log, without what only their records know. O(open events).
    var deadLetters: [DeadLetter] {
        events.filter { $0.value.status.isDead }.sorted { $0.key < $1.key }.compactMap { deadLetter($0.key, $0.value) }
    }

    private func deadLetter(_ place: Place, _ event: OpenEvent) -> DeadLetter? {
        guard case .dead(let reason) = event.status else { return nil }
        let lane = lanes[event.facts.lane]
        return DeadLetter(
            place: named(place), key: event.facts.lane.bytes, reason: reason, since: deadSince[place],
            attempts: event.attempts, note: event.note,
            parked: lane?.blocker == place.offset ? lane?.parked ?? [] : [])
    }

    /// An event that is not done with; nil for every other.
    func standing(_ place: Place) -> StandingEvent? {
        guard let event = events[place] else { return nil }
        let standing: EventStanding =
            switch event.status {
            case .queued: .queued
            case .waiting(let deadline): .waiting(until: deadline)
            case .attempting: .attempting
            case .retrying(let due): .retrying(due: due)
            case .unknown(let due): .unknown(due: due)
            case .dead(let reason): .dead(reason, since: deadSince[place])
            case .parked(let blocker): .parked(behind: blocker)
            }
        return StandingEvent(
            place: named(place), key: event.facts.lane.bytes, standing: standing, attempts: event.attempts,
            firstAttempt: event.firstAttempt, note: event.note)
    }

    /// The lanes that do not get on: held, behind a dead letter, or with a head that has failed, is in doubt or waits for another
    /// revision. In order of partition and key. O(lanes).
    var blockedLanes: [LaneReport] {
        lanes.filter { isBlocked($0.value, $0.key.partition) }.keys.sorted { Lane.isBefore($0, $1) }.map { report($0) }
    }

    private func isBlocked(_ lane: LaneState, _ partition: Int32) -> Bool {
        if lane.isHeld || lane.blocker != nil { return true }
        guard let first = lane.open.first, let event = events[Place(partition, first)] else { return false }
        return event.status != .queued
    }

    /// What stands in the lanes of a key, dead letters that hold nobody up among it. O(open events).
    func lanes(of key: [UInt8]) -> [LaneReport] {
        let dead = events.filter { $0.value.status.isDead && $0.value.facts.lane.key == .bytes(key) }
        let all = Set(dead.map(\.value.facts.lane)).union(lanes.keys.filter { $0.key == .bytes(key) })
        return all.sorted { Lane.isBefore($0, $1) }.map { lane in
            var report = report(lane)
            let blocker = lanes[lane]?.blocker
            let others = dead.filter { $0.value.facts.lane == lane && $0.key.offset != blocker }.keys.sorted()
            report = LaneReport(
                topicPartition: report.topicPartition, key: report.key, hold: report.hold,
                events: report.events + others.compactMap { standing($0) })
            return report
        }
    }

    private func report(_ lane: Lane) -> LaneReport {
        let state = lanes[lane] ?? LaneState()
        let offsets = (state.blocker.map { [$0] } ?? []) + state.parked + state.open
        return LaneReport(
            topicPartition: partitions[Int(lane.partition)].topicPartition, key: lane.bytes, hold: holds[lane],
            events: offsets.compactMap { standing(Place(lane.partition, $0)) })
    }

    /// The first event of each partition that is dead or parked; their records are pointed to. O(dead and parked events).
    var firstAside: [Int32: Offset] {
        var first: [Int32: Offset] = [:]
        func note(_ place: Place) { first[place.partition] = min(first[place.partition] ?? .max, place.offset) }
        if counts.dead > deadSince.count {
            // A journal of an earlier release does not list them.
            for (place, event) in events where event.status.isAside { note(place) }
            return first
        }
        for place in deadSince.keys {
            note(place)
            guard let lane = events[place]?.facts.lane else { continue }
            for offset in lanes[lane]?.parked ?? [] { note(Place(place.partition, offset)) }
        }
        return first
    }

    /// As the world outside calls it.
    func named(_ place: Place) -> EventPlace {
        EventPlace(partitions[Int(place.partition)].topicPartition, place.offset)
    }

    /// As the group calls it; throws `.unknownEvent` where the partition is none of the group's.
    func numbered(_ place: EventPlace) throws(ProcessingError) -> Place {
        guard let number = numbers[place.topicPartition] else {
            throw ProcessingError(.unknownEvent, "\(place.topicPartition) is no partition of the group", place: place)
        }
        return Place(number, place.offset)
    }
}

extension Lane {
    /// The record's key; nil where it has none.
    var bytes: [UInt8]? { if case .bytes(let bytes) = key { bytes } else { nil } }

    /// An order that says nothing, for runs to be repeated and lists to be read.
    static func isBefore(_ a: Lane, _ b: Lane) -> Bool {
        if a.partition != b.partition { return a.partition < b.partition }
        switch (a.key, b.key) {
        case (.none(let x), .none(let y)): return x < y
        case (.none, .bytes): return true
        case (.bytes, .none): return false
        case (.bytes(let x), .bytes(let y)): return x.lexicographicallyPrecedes(y)
        }
    }
}

extension EventStatus {
    var isDead: Bool { if case .dead = self { true } else { false } }
}
