// The events that `daybook bench processing` handles: a topic of its own, filled before the clock starts.
// What is done with them is `ProcessingBench`'s business.

import Daybook
import DaybookProcessing
import Synchronization
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A topic full of events, and the groups that go through it.
struct ProcessingLoad: Sendable {
    let daybook: Daybook
    let topic: String
    let count: Int

    /// Makes the topic anew with `count` events of `keys` keys, each of which comes in turn. `type` says an event's type.
    init(
        _ daybook: Daybook, topic: String, count: Int, keys: Int, partitions: Int, size: Int,
        type: (Int) -> String = { _ in "crm.order.changed.v1" }
    ) async throws {
        self.daybook = daybook
        self.topic = topic
        self.count = count
        do { try await daybook.deleteTopic(topic) } catch let error as DaybookError where error.code == .unknownTopic {}
        try await daybook.createTopic(topic, partitions: partitions)
        let body = [UInt8](repeating: UInt8(ascii: "x"), count: size)
        let time = Timestamp(milliseconds: 1_767_225_600_000)
        let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
        for number in 0..<count {
            let event = Event(
                id: "\(topic)-\(number)", source: "/crm/eu1", type: type(number), time: time,
                contentType: "application/json", partitionKey: "SO-\(number % keys)",
                sequence: Int64(number / keys + 1), body: body)
            try await producer.enqueue(try event.record(), to: topic)
        }
        try await producer.close()
        try await daybook.flush()
    }

    /// Goes through all events as the one member of a group that commits every thousand records, without waiting.
    func consume(group: String) async throws {
        let consumer = try await daybook.makeConsumer(group: group, topics: [topic])
        var (seen, uncommitted, touched) = (0, 0, 0)
        for try await batch in consumer.batches {
            try batch.forEach { touched &+= $0.value?.byteCount ?? 0 }
            seen += batch.recordsCount
            uncommitted += batch.recordsCount
            if uncommitted >= 1000 {
                uncommitted = 0
                try consumer.enqueueCommit { _ in }
            }
            if seen >= count { break }
        }
        try await consumer.commit()
        await consumer.close()
        // The sum is worthless, but it keeps the compiler from leaving the reads out.
        if touched == .max { note("") }
    }

    /// A processor of a group whose handlers do `work`, for all types of events but those that end in `.late`; `late`, if
    /// there is any, handles these, one at a time. `handled` counts what the handlers have done.
    func processor(
        group: String, _ change: (inout ProcessorConfiguration) -> Void = { _ in }, concurrency: Int = 256,
        handled: Counted, late: (@Sendable () async -> Void)? = nil, _ work: @escaping @Sendable () async throws -> Void
    ) throws -> Processor {
        let downstream = Downstream("bench", concurrency: concurrency, timeout: .seconds(3600))
        var routes = [
            Route("crm.order.changed.v1", to: downstream, effect: .transactional) { _, _ in
                try await work()
                handled.add()
                return .done()
            }
        ]
        if let late {
            let slow = Downstream("late", concurrency: 1, timeout: .seconds(3600))
            routes.append(
                Route("crm.order.late.v1", to: slow, effect: .transactional) { _, _ in
                    await late()
                    return .done()
                })
        }
        var configuration = ProcessorConfiguration(group: group, topics: [topic])
        change(&configuration)
        return try Processor(daybook, configuration, routes: routes)
    }

    /// The journal of a group.
    func journal(of group: String) -> TopicPartition? {
        daybook.topics(includingInternal: true).first { $0.name.description == "__journal-\(group)" }?.partitions.first
    }
}

/// Counts, and says when there were as many as expected.
final class Counted: Sendable {
    private let count = Atomic(0)
    private let expected: Int
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init(_ expected: Int) {
        self.expected = expected
        (stream, continuation) = AsyncStream<Void>.makeStream()
    }

    func add() {
        if count.add(1, ordering: .relaxed).newValue == expected { continuation.finish() }
    }

    /// Returns when the last one has been counted.
    func all() async { for await _ in stream {} }
}

/// Memory of the process.
enum ResidentMemory {
    /// Bytes that it has at the moment; where the system does not say, the most that it has had.
    static var now: Int {
        #if os(Linux)
            if let file = try? FileDescriptor.open("/proc/self/statm", .readOnly) {
                defer { do { try file.close() } catch {} }
                let text = withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { buffer in
                    String(decoding: buffer[..<((try? file.read(into: buffer)) ?? 0)], as: UTF8.self)
                }
                let fields = text.split(separator: " ")
                if fields.count > 1, let pages = Int(fields[1]) { return pages * sysconf(Int32(_SC_PAGESIZE)) }
            }
        #endif
        return most
    }

    /// The most bytes that it has had.
    static var most: Int {
        var usage = rusage()
        #if canImport(Darwin)
            getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss
        #else
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_maxrss * 1024
        #endif
    }
}

/// The time that handlers have waited, together.
final class WaitedTime: Sendable {
    private let nanoseconds = Atomic<Int64>(0)

    var total: Duration { .nanoseconds(nanoseconds.load(ordering: .relaxed)) }

    func add(_ duration: Duration) {
        nanoseconds.add(duration.components.attoseconds / 1_000_000_000, ordering: .relaxed)
    }
}

/// Lets nobody pass until it is opened.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
