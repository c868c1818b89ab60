// Where a group at work stands, in numbers: what gauges and health checks ask for. Which events they are is told by
// `Processor+Operations`.

internal import Daybook
public import DaybookModel

/// What the lanes of a group wait for. A lane is counted once, as what its first event waits for.
public enum LaneCondition: String, Sendable, Hashable, CaseIterable {
    /// For its turn, or for the end of an attempt.
    case moving
    /// For the revision before its first event.
    case waiting
    /// For the next attempt after a failure.
    case retrying
    /// For an answer about an attempt of unknown outcome.
    case unknown
    /// For a person who holds it.
    case held
    /// For a person who decides about a dead letter.
    case blocked
}

/// A group at work, in numbers.
public struct GroupFigures: Sendable, Hashable {
    /// Events that are neither done nor set aside, and have been received.
    public let openCount: Int
    /// Calls of handlers and probes under way.
    public let inFlightCount: Int
    public let lanes: [LaneCondition: Int]
    /// How long the oldest event that is neither done nor set aside has been waiting, by its record's own time.
    public let oldestUnprocessed: Duration?
    /// For how long a lane has waited behind a dead letter, the one that has waited longest.
    public let oldestBlockedLane: Duration?
    /// Records behind the committed offset, by partition.
    public let lag: [TopicPartition: Int64]
    /// The breaker of each downstream, by name.
    public let breakers: [String: BreakerState]
    /// Why the group takes up no events; nil while it does.
    public let stop: StopReason?
}

extension Processor {
    /// Where the group stands, in numbers. O(lanes that have open events).
    public func figures() async throws -> GroupFigures { try await (try worker()).figures() }
}

extension GroupWorker {
    func figures() async throws -> GroupFigures {
        var ends: [TopicPartition: Offset] = [:]
        for partition in machine.state.partitions {
            ends[partition.topicPartition] = try await daybook.offsets(partition.topicPartition).highWatermark
        }
        let (state, now) = (machine.state, now)
        var lanes: [LaneCondition: Int] = [:]
        for (lane, value) in state.lanes { lanes[condition(lane, value, now), default: 0] += 1 }
        var oldest: Timestamp?
        for (number, partition) in state.partitions.enumerated() {
            guard let read = cache[Place(Int32(number), partition.committed)] else { continue }
            oldest = min(oldest ?? read.timestamp, read.timestamp)
        }
        let blocked = state.lanes.compactMap { lane, value in
            value.blocker.flatMap { state.deadSince[Place(lane.partition, $0)] }
        }.min()
        let lag = state.partitions.map { partition in
            (
                partition.topicPartition,
                max(0, partition.committed.distance(to: ends[partition.topicPartition] ?? .zero))
            )
        }
        let breakers = machine.gates.map { ($0.downstream.name, $0.breaker.state) }
        func age(_ moment: Timestamp) -> Duration { .milliseconds(max(0, moment.milliseconds(until: now))) }
        return GroupFigures(
            openCount: machine.openCount, inFlightCount: machine.flights.count, lanes: lanes,
            oldestUnprocessed: oldest.map(age), oldestBlockedLane: blocked.map(age),
            lag: Dictionary(uniqueKeysWithValues: lag), breakers: Dictionary(uniqueKeysWithValues: breakers),
            stop: state.stop)
    }

    private func condition(_ lane: Lane, _ value: LaneState, _ now: Timestamp) -> LaneCondition {
        if value.blocker != nil { return .blocked }
        if value.isHeld { return .held }
        guard let first = value.open.first, let event = machine.state.events[Place(lane.partition, first)] else {
            return .moving
        }
        return switch event.status {
        case .waiting: .waiting
        case .retrying: .retrying
        case .unknown: .unknown
        case .queued, .attempting, .dead, .parked: .moving
        }
    }
}
