// What a group does not do without end: dead-letter everything, wait for handlers that do not return, hold records back beyond what
// it may. And what retention leaves for it.

import Daybook
import DaybookModel
import DaybookTesting
import Synchronization
import Testing

@testable import DaybookProcessing

@Suite("Limits of groups")
struct GroupLimitsTests {
    private let stage = ProcessingStage()

    private static func partition() throws -> TopicPartition { try #require(TopicPartition(folderName: "orders-0")) }

    private func configuration(_ change: (inout ProcessorConfiguration) -> Void = { _ in }) -> ProcessorConfiguration {
        var configuration = ProcessorConfiguration(group: "g", topics: ["orders"])
        change(&configuration)
        return configuration
    }

    private static func record(_ id: String, key: String) throws -> Record {
        let body = [UInt8](repeating: 1, count: 400)
        return try Event(id: id, source: "/s", type: "t", partitionKey: key, body: body).record()
    }

    private func work<R: Sendable>(
        _ daybook: Daybook, _ configuration: ProcessorConfiguration, _ route: Route,
        until isDone: @escaping @Sendable (GroupStatus) -> Bool,
        then body: @escaping @Sendable (Processor) async throws -> R
    ) async throws -> R {
        let processor = try Processor(daybook, configuration, routes: [route])
        async let end: Void = processor.run()
        let result: Result<R, any Error>
        do {
            try await settle(processor, isDone)
            result = .success(try await body(processor))
        } catch { result = .failure(error) }
        processor.stop()
        try await end
        return try result.get()
    }

    private func settle(_ processor: Processor, _ isDone: (GroupStatus) -> Bool) async throws {
        for _ in 0..<10_000 {
            if let status = try? await processor.status(), isDone(status) { return }
            await stage.loop.pass(.milliseconds(5))
        }
        throw CancellationError()
    }

    // MARK: dead letters

    @Test func `the latest outcomes are counted over the edge of the ring as a list of them is`() {
        var window = OutcomeWindow()
        var all: [Bool] = []
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2500 {
            let isDead = UInt64.random(in: 0..<3, using: &generator) == 0
            window.add(isDead: isDead)
            all.append(isDead)
            for number in [1, 63, 64, 65, 200, 1024] {
                let expected = number <= all.count ? all.suffix(number).filter { $0 }.count : nil
                if window.deadCount(ofLatest: number) != expected {
                    Issue.record("\(number) of \(all.count): \(String(describing: window.deadCount(ofLatest: number)))")
                }
            }
        }
    }

    @Test func `a share of dead letters stops the group although successes come in between, also after a restart`()
        throws
    {
        let stage = stage
        let route = Route("**", to: Downstream("t", concurrency: 1), effect: .transactional) { event, _ in
            if event.id.hasPrefix("bad") { throw EffectFailure.permanent("422") }
            return .done()
        }
        let configuration = configuration {
            $0.deadLetterShare = DeadLetterShare(0.4, ofLatest: 10)
            // What is under way when the share is too large still ends.
            $0.maximumOpenEvents = 10
            $0.snapshotInterval = 3
        }
        try stage.loop.run {
            let daybook = try await stage.open()
            try await daybook.createTopic("orders")
            func publish(_ range: Range<Int>) async throws {
                // In batches of their own: a batch is taken in as a whole.
                for number in range {
                    let record = try Self.record(number % 2 == 0 ? "bad\(number)" : "ok\(number)", key: "k\(number)")
                    _ = try await daybook.append([record], to: try Self.partition())
                }
            }
            try await publish(0..<8)
            try await work(daybook, configuration, route, until: { $0.counts.dead == 4 && $0.openCount == 0 }) {
                processor in
                let stop = try await processor.status().stop
                #expect(stop == nil)
            }
            try await publish(8..<40)
            try await work(daybook, configuration, route, until: { $0.stop != nil }) { processor in
                let status = try await processor.status()
                #expect(status.stop == .deadLetterShare)
                #expect(status.counts.dead < 20)
                try await processor.resume(by: "eva", note: "went on")
                try await settle(processor) { $0.stop != nil && $0.counts.dead > status.counts.dead }
            }
            try await daybook.close()
        }
    }

    // MARK: handlers that do not return

    @Test func `a handler that ignores its cancellation delays the end by the grace, and its outcome does not count`()
        throws
    {
        let stage = stage
        let calls = Mutex(0)
        let route = Route(
            "**", to: Downstream("t", timeout: .seconds(100_000)), effect: .idempotent(window: .seconds(1_000_000))
        ) {
            _, context in
            calls.withLock { $0 += 1 }
            if context.attempt == 1 { await stage.loop.pass(.seconds(1000)) }
            return .done(reference: "of attempt \(context.attempt)")
        }
        let configuration = configuration { $0.stopGrace = .seconds(5) }
        try stage.loop.run {
            let daybook = try await stage.open()
            try await daybook.createTopic("orders")
            _ = try await daybook.append([try Self.record("a", key: "k")], to: try Self.partition())
            let processor = try Processor(daybook, configuration, routes: [route])
            async let end: Void = processor.run()
            while calls.withLock({ $0 }) == 0 { await stage.loop.pass(.milliseconds(5)) }
            let start = stage.loop.clock.elapsed()
            processor.stop()
            try await end
            let passed = stage.loop.clock.elapsed() - start
            #expect(passed >= .seconds(5) && passed < .seconds(6))
            let stored = try await StoredGroup("g", in: daybook)
            #expect(stored.wasClosed && stored.counts.unknown == 1 && stored.counts.succeeded == 0)
            await stage.loop.pass(.seconds(2000))
            #expect(try await StoredGroup("g", in: daybook).counts.succeeded == 0)
            try await work(daybook, configuration, route, until: { $0.counts.succeeded == 1 }) { _ in }
            #expect(calls.withLock { $0 } == 2)
            try await daybook.close()
        }
    }

    // MARK: retention

    private func topic(guardBytes: ByteCount?) -> TopicConfiguration {
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(2)
        topic.retention.bytes = .kibibytes(4)
        topic.retention.guardBytes = guardBytes
        return topic
    }

    @Test(arguments: [1000, 5])
    func `retention leaves what dead letters and parked events point to, until they are decided about`(snapshots: Int)
        throws
    {
        let stage = stage
        let isMended = Mutex(false)
        let route = Route("**", to: Downstream("t"), effect: .transactional) { event, _ in
            if event.id == "e20", !isMended.withLock({ $0 }) { throw EffectFailure.permanent("422") }
            // With something to say each success is an entry, and there are snapshots.
            return .done(reference: "r")
        }
        let configuration = configuration { $0.snapshotInterval = snapshots }
        try stage.loop.run {
            var opening = stage.configuration
            opening.housekeeping.settlingTime = .zero
            let daybook = try await Daybook.open("/data", configuration: opening)
            try await daybook.createTopic("orders", configuration: topic(guardBytes: nil))
            for number in 0..<60 {
                let key = [20, 22].contains(number) ? "held" : "k\(number)"
                _ = try await daybook.append([try Self.record("e\(number)", key: key)], to: try Self.partition())
            }
            try await work(daybook, configuration, route, until: { $0.counts.succeeded == 58 && $0.openCount == 0 }) {
                _ in
            }
            _ = try await daybook.housekeep()
            let start = try await daybook.offsets(try Self.partition()).logStartOffset
            #expect(start <= 20)
            if snapshots == 5 { #expect(start > 0) }
            try await work(daybook, configuration, route, until: { $0.counts.dead == 1 }) { processor in
                let letter = try #require(try await processor.deadLetters().first)
                #expect(letter.type == "t" && !letter.isLost && letter.parked == [22])
                isMended.withLock { $0 = true }
                try await processor.redrive(id: "r", by: "eva", note: "mended")
                try await settle(processor) { $0.counts.succeeded == 60 }
            }
            if snapshots == 5 {
                _ = try await daybook.housekeep()
                let end = try await daybook.offsets(try Self.partition()).logStartOffset
                #expect(end > start)
            }
            try await daybook.close()
        }
    }

    @Test(arguments: [1000, 5])
    func `beyond the limit for what groups hold back a dead letter is lost, and says so`(snapshots: Int) throws {
        let stage = stage
        let route = Route("**", to: Downstream("t"), effect: .transactional) { event, _ in
            if event.id == "e3" { throw EffectFailure.permanent("422") }
            return .done(reference: "r")
        }
        let configuration = configuration { $0.snapshotInterval = snapshots }
        try stage.loop.run {
            var opening = stage.configuration
            opening.housekeeping.settlingTime = .zero
            let daybook = try await Daybook.open("/data", configuration: opening)
            try await daybook.createTopic("orders", configuration: topic(guardBytes: .kibibytes(8)))
            for number in 0..<60 {
                _ = try await daybook.append(
                    [try Self.record("e\(number)", key: "k\(number)")], to: try Self.partition())
            }
            try await work(daybook, configuration, route, until: { $0.counts.succeeded == 59 && $0.openCount == 0 }) {
                _ in
            }
            let report = try await daybook.housekeep()
            #expect(report.findings.map(\.kind).contains(.holdOverridden))
            #expect(try await daybook.offsets(try Self.partition()).logStartOffset > 3)
            try await work(daybook, configuration, route, until: { $0.counts.dead == 1 && $0.openCount == 0 }) {
                processor in
                let letter = try #require(try await processor.deadLetters().first)
                #expect(letter.isLost && letter.reason == .permanent && letter.place.offset == 3)
                #expect(try await processor.status().counts.succeeded == 59)
                try await processor.redrive(id: "r", by: "eva", note: "try")
                try await settle(processor) { $0.counts.dead == 1 && $0.openCount == 0 }
                #expect(try await processor.deadLetters().map(\.reason) == [.lost])
            }
            try await daybook.close()
        }
    }
}
