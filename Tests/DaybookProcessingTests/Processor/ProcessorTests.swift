// A processor at work without crashes: many keys at once, bounded memory, operations of people, a proper end, and what the next
// process finds. Crashes are in `CrashTableTests`.

import Daybook
import DaybookModel
import DaybookTesting
import Synchronization
import Testing

@testable import DaybookProcessing

@Suite("Processors")
struct ProcessorTests {
    private static let partition = TopicPartition(folderName: "orders-0")

    private static func publish(_ daybook: Daybook, _ keys: [String]) async throws {
        if (try? daybook.topic("orders")) == nil { try await daybook.createTopic("orders") }
        let partition = try #require(partition)
        let start = try await daybook.offsets(partition).highWatermark.rawValue
        let records = try keys.enumerated().map { number, key in
            try Event(id: "e\(start + Int64(number))", source: "/s", type: "order.changed", partitionKey: key, body: [])
                .record()
        }
        _ = try await daybook.append(records, to: partition)
    }

    private static func configuration(_ change: (inout ProcessorConfiguration) -> Void = { _ in })
        -> ProcessorConfiguration
    {
        var configuration = ProcessorConfiguration(group: "g", topics: ["orders"])
        change(&configuration)
        return configuration
    }

    /// Runs a processor beside `body`, which is done when it returns.
    private static func beside<R: Sendable>(
        _ processor: Processor, _ body: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        async let end: Void = processor.run()
        let result: Result<R, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        processor.stop()
        try await end
        return try result.get()
    }

    private static func settled(_ processor: Processor, _ loop: SimulationLoop, _ isDone: (GroupStatus) -> Bool)
        async throws -> GroupStatus
    {
        for _ in 0..<100_000 {
            if let status = try? await processor.status(), isDone(status) { return status }
            await loop.pass(.milliseconds(5))
        }
        throw CancellationError()
    }

    @Test func `hundreds of keys of one partition are handled at once, each in its order, on real threads`()
        async throws
    {
        let directory = try TemporaryDirectory()
        let daybook = try await Daybook.open("\(directory.path)/data")
        let keys = (0..<4000).map { "k\($0 % 400)" }
        try await Self.publish(daybook, keys)
        let meeting = Meeting(of: 300)
        let seen = Mutex<[String: [Int64]]>([:])
        let (signal, finished) = AsyncStream<Void>.makeStream()
        // On a busy machine a call may take long, and none is to be made a second time for that.
        let downstream = Downstream("t", concurrency: 350, timeout: .seconds(3_600))
        let route = Route("order.*", to: downstream, effect: .transactional) { event, context in
            await meeting.join()
            let count = seen.withLock { seen in
                seen[event.partitionKey ?? "", default: []].append(context.place.offset.rawValue)
                return seen.values.reduce(0) { $0 + $1.count }
            }
            if count == keys.count { finished.finish() }
            return .done()
        }
        let processor = try Processor(daybook, Self.configuration(), routes: [route])
        try await Self.beside(processor) { for await _ in signal {} }
        let status = try await processor.status()
        #expect(status.counts.succeeded == 4000)
        #expect(seen.withLock { $0.values.allSatisfy { $0 == $0.sorted() } })
        let partition = try #require(Self.partition)
        #expect(try await daybook.committedOffsets(group: "g")[partition]?.offset == 4000)
        try await daybook.close()
    }

    @Test func `what is open is bounded, and everything is handled all the same`() throws {
        let stage = ProcessingStage()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, (0..<700).map { "k\($0)" })
            let isOpen = Mutex(false)
            let route = Route("**", to: Downstream("t", concurrency: 1000), effect: .pure) { _, _ in
                while !isOpen.withLock({ $0 }) { await stage.loop.pass(.milliseconds(10)) }
                return .done()
            }
            let processor = try Processor(daybook, Self.configuration { $0.maximumOpenEvents = 60 }, routes: [route])
            try await Self.beside(processor) {
                await stage.loop.pass(.seconds(5))
                #expect(try await processor.status().openCount == 60)
                isOpen.withLock { $0 = true }
                _ = try await Self.settled(processor, stage.loop) { $0.counts.succeeded == 700 }
            }
            try await daybook.close()
        }
    }

    @Test func `a stop lets what is under way end, and leaves no doubt`() throws {
        let stage = ProcessingStage()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, ["a", "a"])
            let calls = Mutex(0)
            let route = Route("**", to: Downstream("t"), effect: .manual) { _, _ in
                calls.withLock { $0 += 1 }
                await stage.loop.pass(.seconds(5))
                return .done(reference: "R")
            }
            let first = try Processor(daybook, Self.configuration(), routes: [route])
            try await Self.beside(first) {
                _ = try await Self.settled(first, stage.loop) { _ in calls.withLock { $0 == 1 } }
            }
            #expect(try await first.status().counts.succeeded == 1)
            #expect(calls.withLock { $0 } == 1)
            await #expect(throws: ProcessingError.self) { try await first.run() }

            let second = try Processor(daybook, Self.configuration(), routes: [route])
            let status = try await Self.beside(second) {
                try await Self.settled(second, stage.loop) { $0.openCount == 0 && $0.counts.succeeded == 2 }
            }
            #expect(status.counts.unknown == 0)
            try await daybook.close()
        }
    }

    @Test func `people hold, release, skip and resume, and it all survives a restart with snapshots`() throws {
        let stage = ProcessingStage()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, ["a", "b", "a", "c", "a"])
            let partition = try #require(Self.partition)
            let configuration = Self.configuration {
                $0.snapshotInterval = 1
                $0.lanePolicy = .stopGroup
            }
            let route = Route("**", to: Downstream("t"), effect: .pure) { event, _ in
                if event.id == "e0" { throw EffectFailure.permanent("no") }
                return .done()
            }
            let first = try Processor(daybook, configuration, routes: [route])
            let before = try await Self.beside(first) {
                let stopped = try await Self.settled(first, stage.loop) { $0.stop == .policy }
                #expect(stopped.counts.dead == 1)
                try await first.hold(key: Array("a".utf8), of: partition, by: "eva", note: "call first")
                await #expect(throws: ProcessingError.self) {
                    try await first.redrive(id: "r", [EventPlace(partition, 77)], by: "eva", note: "")
                }
                try await first.skip(EventPlace(partition, 0), by: "eva", note: "cancelled by phone")
                try await first.resume(by: "eva", note: "go on")
                return try await Self.settled(first, stage.loop) { $0.counts.succeeded == 2 }
            }
            #expect(before.openCount == 2)
            let second = try Processor(daybook, configuration, routes: [route])
            let after = try await Self.beside(second) {
                let again = try await Self.settled(second, stage.loop) { $0.openCount == 2 }
                #expect(again.counts == before.counts)
                #expect(again.stop == nil)
                try await second.release(key: Array("a".utf8), of: partition, by: "eva", note: "")
                return try await Self.settled(second, stage.loop) { $0.openCount == 0 && $0.counts.succeeded == 4 }
            }
            #expect(after.committed[partition] == 5)
            #expect(after.counts.otherwiseSkipped == 1)
            let journal = try await daybook.journal("g")
            #expect(journal.offsets.lowerBound > 0)
            try await daybook.close()
        }
    }

    @Test func `a plain success costs at most eight bytes of journal, batches and records included`() throws {
        let stage = ProcessingStage()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, (0..<6000).map { "k\($0 * 7919 % 1500)" })
            let route = Route("**", to: Downstream("t", concurrency: 256), effect: .pure) { event, _ in
                await stage.loop.pass(.milliseconds(1 + event.id.utf8.reduce(0) { $0 + Int($1) } % 7))
                return .done()
            }
            let processor = try Processor(daybook, Self.configuration(), routes: [route])
            try await Self.beside(processor) {
                _ = try await Self.settled(processor, stage.loop) { $0.counts.succeeded == 6000 }
            }
            let journal = try await daybook.journal("g")
            #expect(try await daybook.offsets(journal.topicPartition).size.rawValue <= 6000 * 8)
            try await daybook.close()
        }
    }

    @Test func `settings that make no sense are refused, and journals are nobody else's topics`() throws {
        let stage = ProcessingStage()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, ["a"])
            let route = Route("**", to: Downstream("t"), effect: .pure) { _, _ in .done() }
            let other = Route("**", to: Downstream("t", concurrency: 1), effect: .pure) { _, _ in .done() }
            for (configuration, routes) in [
                (Self.configuration { $0.group = "" }, [route]), (Self.configuration { $0.topics = [] }, [route]),
                (Self.configuration { $0.maximumOpenEvents = 0 }, [route]), (Self.configuration(), []),
                (Self.configuration(), [route, other]),
            ] {
                let error = #expect(throws: ProcessingError.self) {
                    try Processor(daybook, configuration, routes: routes)
                }
                #expect(error?.code == .invalidConfiguration)
            }
            _ = try await daybook.journal("g")
            #expect(!daybook.topics.map(\.name.description).contains("__journal-g"))
            await #expect(throws: DaybookError.self) { try await daybook.createTopic("__journal-x") }
            await #expect(throws: DaybookError.self) { try await daybook.deleteTopic("__journal-g") }
            let producer = try daybook.makeProducer()
            await #expect(throws: DaybookError.self) {
                _ = try await producer.send(Record(key: nil, value: "x"), to: "__journal-g")
            }
            try await daybook.close()
        }
    }
}

/// Lets nobody go on until so many have come.
private actor Meeting {
    private let size: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var isOver = false

    init(of size: Int) { self.size = size }

    func join() async {
        if isOver { return }
        if waiting.count + 1 == size {
            isOver = true
            for continuation in waiting { continuation.resume() }
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }
}
