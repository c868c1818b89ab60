// The way of a producer's records: from the name of a topic to the accumulators of its partitions, and for each record to
// one of them.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// The topics that a producer has written to. Held by the producer alone: when that goes, so do they.
final class ProducerRoutes: Sendable {
    private let shared: ProducerShared
    private let routes = Mutex(Routes())

    private struct Routes {
        var current: [String: TopicRoute] = [:]
        /// The one that was asked for last: most producers have one topic, and comparing is cheaper than hashing.
        var latest: (name: String, route: TopicRoute)?
        /// Every route ever made, so that a flush misses none whose topic has been looked up anew since.
        var all: [TopicRoute] = []
        /// Which state of the topics these routes are for.
        var generation = 0
    }

    init(_ shared: ProducerShared) { self.shared = shared }

    var accumulators: [Accumulator] { routes.withLock { $0.all }.flatMap(\.accumulators) }

    /// The way to a topic's partitions. One lock and one look-up; made at the first record.
    func route(_ name: String) throws -> TopicRoute {
        let generation = shared.daybook.topicsGeneration.load(ordering: .acquiring)
        let known = routes.withLock { routes -> TopicRoute? in
            if routes.generation != generation { forgetOutdated(&routes, generation) }
            if let latest = routes.latest, latest.name == name { return latest.route }
            let route = routes.current[name]
            routes.latest = route.map { (name, $0) }
            return route
        }
        if let known { return known }
        let topic = try shared.daybook.topic(name)
        try Daybook.refuseInternal(topic.name, "takes no records from others")
        let partitions = try topic.partitions.map { try shared.daybook.partition($0) }
        let sticky = StickyPartition(count: topic.partitionsCount)
        let accumulators = partitions.map { Accumulator($0, topic, sticky, shared) }
        let route = TopicRoute(topic, accumulators, sticky, shared.configuration.partitioner)
        return routes.withLock { routes in
            // Another task may have been quicker; two routes to one topic would break the order.
            if let existing = routes.current[name] { return existing }
            routes.current[name] = route
            routes.all.append(route)
            return route
        }
    }

    /// Checks a record, finds its topic and reserves its memory. Suspends, and calls anything asynchronous, only where there
    /// is no room: in a loop of `enqueue` each such call costs more than encoding the record.
    @inline(__always)
    nonisolated(nonsending) func admit(
        _ record: Record, _ topic: String, _ partition: Int32?
    ) async throws -> (TopicRoute, reserved: Int) {
        let (route, size) = try check(record, topic, partition)
        if !shared.budget.take(size) { try await waitForRoom(size) }
        return (route, shared.budget.clamped(size))
    }

    private func waitForRoom(_ size: Int) async throws {
        // What is waiting for company cannot give its memory back: send it off.
        for accumulator in accumulators { accumulator.handOver() }
        try await shared.budget.takeWhenAvailable(size)
    }

    /// The way of a record and the bytes it may take; throws what can be known at once.
    private func check(_ record: Record, _ topic: String, _ partition: Int32?) throws -> (TopicRoute, Int) {
        let route = try route(topic)
        if let partition { try route.check(partition) }
        if record.key == nil { try shared.daybook.requireNoKeys(of: topic) }
        let size = RecordBatchBuilder.maximumSize(of: record)
        guard size <= ProducerShared.largestRecord else {
            throw DaybookError(
                .recordTooLarge,
                "The record has \(size) bytes; no record may have more than \(ProducerShared.largestRecord)")
        }
        return (route, size)
    }

    /// Topics have changed: one may have been deleted and created again.
    private func forgetOutdated(_ routes: inout Routes, _ generation: Int) {
        routes.generation = generation
        routes.latest = nil
        for (name, route) in routes.current {
            let topic = try? shared.daybook.topic(name)
            if topic?.id != route.topic.id { routes.current[name] = nil }
        }
    }
}

/// One topic, as one producer sees it.
final class TopicRoute: Sendable {
    let topic: Topic
    let accumulators: [Accumulator]
    private let partitioner: any Partitioner
    private let sticky: StickyPartition

    init(
        _ topic: Topic, _ accumulators: [Accumulator], _ sticky: StickyPartition, _ partitioner: any Partitioner
    ) {
        self.topic = topic
        self.accumulators = accumulators
        self.sticky = sticky
        self.partitioner = partitioner
    }

    func check(_ partition: Int32) throws(DaybookError) {
        guard (0..<topic.partitionsCount).contains(partition) else {
            throw DaybookError(
                .unknownPartition,
                "Topic \(topic.name) has partitions 0 to \(topic.partitionsCount - 1), not \(partition)")
        }
    }

    /// Adds a record to a partition; false when its transaction takes no records any more.
    @discardableResult
    func add(
        _ record: Record, _ partition: Int32?, reserved: Int, _ now: Timestamp, scope: TransactionScope? = nil,
        _ acknowledge: Accumulator.Acknowledgement?
    ) -> Bool {
        let count = topic.partitionsCount
        if let chosen = partition ?? partitioner.partition(for: record, topic: topic.name, partitionsCount: count) {
            precondition(
                (0..<count).contains(chosen), "a partitioner returns a number from 0 to the count of partitions")
            return accumulators[Int(chosen)].add(
                record, reserved: reserved, timestamp: now, scope: scope, acknowledge) != .refused
        }
        let current = sticky.current
        let admission = accumulators[Int(current)].add(
            record, reserved: reserved, timestamp: now, scope: scope, acknowledge)
        if admission == .finishedBatch || acknowledge != nil { sticky.leave(current) }
        return admission != .refused
    }
}

/// Where records go that may go anywhere: together to one partition, and to the next one with each batch.
final class StickyPartition: Sendable {
    private let count: Int32
    private let place = Atomic<Int32>(0)

    init(count: Int32) { self.count = count }

    var current: Int32 { place.load(ordering: .relaxed) }

    /// Goes on to the partition after `partition`, unless somebody has gone on already.
    func leave(_ partition: Int32) {
        _ = place.compareExchange(
            expected: partition, desired: (partition + 1) % count, ordering: .relaxed)
    }
}
