// What the parts of one producer share: memory, codec contexts, counts, and the way from a topic's name to the
// accumulators of its partitions.

internal import DaybookModel
internal import DaybookRecords
internal import Synchronization

/// The insides of a producer.
final class ProducerShared: Sendable {
    let daybook: Daybook
    let configuration: ProducerConfiguration
    let budget: MemoryBudget
    let compressors = CompressorPool()
    let progress = ProducerProgress()
    let isClosed = Atomic(false)
    private let routes = Mutex<Routes>(Routes())

    private struct Routes {
        var current: [String: TopicRoute] = [:]
        /// Every route ever made, so that a flush misses none whose topic has been looked up anew since.
        var all: [TopicRoute] = []
    }

    /// No record may be larger, compressed or not: a reader must be able to unpack it within its limits.
    static let largestRecord = 128 << 20

    init(_ daybook: Daybook, _ configuration: ProducerConfiguration) {
        self.daybook = daybook
        self.configuration = configuration
        budget = MemoryBudget(capacity: configuration.bufferMemory.rawValue)
    }

    var now: Timestamp { daybook.services.clock.now() }

    var accumulators: [Accumulator] { routes.withLock { $0.all }.flatMap(\.accumulators) }

    /// The way to a topic's partitions. One lock and one look-up; made at the first record.
    func route(_ name: String) throws -> TopicRoute {
        if let route = routes.withLock({ $0.current[name] }) { return route }
        let topic = try daybook.topic(name)
        let partitions = try topic.partitions.map { try daybook.partition($0) }
        let sticky = StickyPartition(count: topic.partitionsCount)
        let accumulators = partitions.map { Accumulator($0, topic, sticky, self) }
        let route = TopicRoute(topic, accumulators, sticky, configuration.partitioner)
        return routes.withLock { routes in
            // Another task may have been quicker; two routes to one topic would break the order.
            if let existing = routes.current[name] { return existing }
            routes.current[name] = route
            routes.all.append(route)
            return route
        }
    }

    /// After a failure topics are looked up anew: one may have been deleted and created again.
    func forgetRoutes() {
        routes.withLock { routes in
            for (name, route) in routes.current {
                let topic = try? daybook.topic(name)
                if topic?.id != route.topic.id { routes.current[name] = nil }
            }
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

    func add(
        _ record: Record, _ partition: Int32?, reserved: Int, _ now: Timestamp,
        _ acknowledge: Accumulator.Acknowledgement?
    ) {
        let count = topic.partitionsCount
        if let chosen = partition ?? partitioner.partition(for: record, topic: topic.name, partitionsCount: count) {
            precondition(
                (0..<count).contains(chosen), "a partitioner returns a number from 0 to the count of partitions")
            _ = accumulators[Int(chosen)].add(record, reserved: reserved, timestamp: now, acknowledge)
            return
        }
        let current = sticky.current
        let isFinished = accumulators[Int(current)].add(record, reserved: reserved, timestamp: now, acknowledge)
        if isFinished || acknowledge != nil { sticky.leave(current) }
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

/// Counts what has been handed over and what became of it.
final class ProducerProgress: Sendable {
    private struct State {
        var summary = FlushSummary()
        var lostRecordsCount = 0
        var firstFailure: DaybookError?
    }
    private let state = Mutex(State())

    func end(_ result: Result<BatchReceipt, DaybookError>, unawaitedCount: Int, bytes: Int) {
        state.withLock { state in
            switch result {
            case .success(let receipt): state.summary.add(receipt, bytes: bytes)
            case .failure(let error):
                guard unawaitedCount > 0 else { return }
                state.lostRecordsCount += unawaitedCount
                state.firstFailure = state.firstFailure ?? error
            }
        }
    }

    /// What there is so far; begins anew.
    func take() throws(FlushFailure) -> FlushSummary {
        let taken = state.withLock { state in
            defer { state = State() }
            return state
        }
        guard let cause = taken.firstFailure else { return taken.summary }
        throw FlushFailure(summary: taken.summary, lostRecordsCount: taken.lostRecordsCount, cause: cause)
    }
}
