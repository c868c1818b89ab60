// The crash table, row by row, on the simulated disk: what a process leaves that loses its power at the worst moment, and what
// the next one makes of it. The outside world goes on meanwhile.

import Daybook
import DaybookModel
import DaybookRecords
import DaybookTesting
import Synchronization
import Testing

@testable import DaybookProcessing

/// An outside system that remembers what it was told.
private final class Target: Sendable {
    struct State {
        var effects: [String] = []
        var inbox: Set<String> = []
        var calls = 0
    }
    let state = Mutex(State())

    var effects: [String] { state.withLock { $0.effects } }
    var calls: Int { state.withLock { $0.calls } }

    /// `knowsKeys`: an effect key has its effect once.
    func call(_ context: EventContext, knowsKeys: Bool) -> HandlerResult {
        state.withLock { state in
            state.calls += 1
            if !state.inbox.insert(context.effectKey).inserted, knowsKeys { return .alreadyDone() }
            state.effects.append(context.effectKey)
            return .done()
        }
    }

    func find(_ context: EventContext) -> ProbeResult {
        state.withLock { $0.inbox.contains(context.effectKey) ? .found(reference: "found") : .absent }
    }

    func route(_ kind: Kind) -> Route {
        let effect: EffectClass =
            switch kind {
            case .transactional: .transactional
            case .idempotent: .idempotent(window: .seconds(3600))
            case .probeable: .probeable(settle: .seconds(2)) { self.find($1) }
            case .manual: .manual
            }
        return Route("**", to: Downstream("target"), effect: effect) { _, context in
            self.call(context, knowsKeys: kind == .transactional || kind == .idempotent)
        }
    }

    enum Kind: CaseIterable { case transactional, idempotent, probeable, manual }
}

@Suite("Crash table")
struct CrashTableTests {
    private static func publish(_ daybook: Daybook, _ count: Int, key: String = "k", from first: Int = 0) async throws {
        if (try? daybook.topic("orders")) == nil { try await daybook.createTopic("orders") }
        let topicPartition = TopicPartition(topic: try TopicName("orders"), partition: 0)
        let end = try await daybook.offsets(topicPartition).highWatermark
        guard end < Offset(Int64(first + count)) else { return }
        for number in first..<(first + count) {
            let event = Event(id: "e\(number)", source: "/s", type: "t", partitionKey: key, body: [UInt8(number)])
            _ = try await daybook.append([event.record()], to: topicPartition, expecting: Offset(Int64(number)))
        }
    }

    private static func processor(_ daybook: Daybook, _ route: Route, _ crash: Crash? = nil, snapshots: Int = 1000)
        throws -> Processor
    {
        var configuration = ProcessorConfiguration(group: "g", topics: ["orders"])
        configuration.snapshotInterval = snapshots
        crash?.install(&configuration)
        return try Processor(daybook, configuration, routes: [route])
    }

    /// Runs a processor until `isDone`, and returns what `read` sees then.
    private static func run<R: Sendable>(
        _ processor: Processor, _ loop: SimulationLoop, until isDone: @escaping @Sendable (GroupStatus) -> Bool,
        then read: @escaping @Sendable (Processor) async throws -> R
    ) async throws -> R {
        try await withThrowingTaskGroup(of: R?.self) { group in
            group.addTask {
                try await processor.run()
                return nil
            }
            group.addTask {
                defer { processor.stop() }
                while true {
                    if let status = try? await processor.status(), isDone(status) { break }
                    try Task.checkCancellation()
                    await loop.pass(.milliseconds(50))
                }
                return try await read(processor)
            }
            var result: R?
            for try await value in group { result = value ?? result }
            guard let result else { throw CancellationError() }
            return result
        }
    }

    private static func run(_ processor: Processor, _ loop: SimulationLoop, to end: Int64) async throws -> GroupStatus {
        try await run(
            processor, loop, until: { $0.openCount == 0 && $0.committed.values.allSatisfy { $0 == Offset(end) } }
        ) {
            try await $0.status()
        }
    }

    @Test func `appended, not acknowledged: what the producer sends again is a duplicate`() throws {
        let stage = ProcessingStage()
        let target = Target()
        let status = try stage.loop.run {
            let daybook = try await stage.open()
            try await daybook.createTopic("orders")
            let topicPartition = TopicPartition(topic: try TopicName("orders"), partition: 0)
            let record = try Event(id: "e", source: "/s", type: "t", partitionKey: "k", body: [1]).record()
            for _ in 0..<2 { _ = try await daybook.append([record], to: topicPartition) }
            let status = try await Self.run(try Self.processor(daybook, target.route(.manual)), stage.loop, to: 2)
            #expect(try await daybook.committedOffsets(group: "g")[topicPartition]?.offset == 2)
            try await daybook.close()
            return status
        }
        #expect(status.counts.succeeded == 1)
        #expect(status.counts.duplicates == 1)
        #expect(target.calls == 1)
    }

    @Test(arguments: [Target.Kind.probeable, .manual])
    private func `intent durable, call not sent`(kind: Target.Kind) throws {
        let stage = ProcessingStage()
        let target = Target()
        let crash = Crash(stage.disk) { _, moment in
            moment.isDurable && moment.entries.contains(.changed(Place(0, 0), .attempting))
        }
        let status = try stage.livingThrough(crash) { daybook in
            try await Self.publish(daybook, 1)
            return try await Self.run(try Self.processor(daybook, target.route(kind), crash), stage.loop, to: 1)
        }
        #expect(crash.happenedCount == 1)
        #expect(status.counts.unknown == 1)
        // Nobody can be asked about a manual effect: it is set aside, not repeated.
        #expect(status.counts.succeeded == (kind == .probeable ? 1 : 0))
        #expect(status.counts.dead == (kind == .manual ? 1 : 0))
        #expect(target.effects.count == (kind == .probeable ? 1 : 0))
    }

    @Test(arguments: Target.Kind.allCases, [PowerCut.nothing, .everything, .onlyFirst, .onlyLast])
    private func `outcome in the page cache, power lost: its row is one of the two beside it`(
        kind: Target.Kind, cut: PowerCut
    ) throws {
        var adopted = 0
        for steps in 0..<16 {
            let stage = ProcessingStage(seed: UInt64(steps))
            let target = Target()
            let crash = Crash(stage.disk, after: steps, of: stage.loop) { _, moment in
                !moment.isDurable && moment.entries.contains { if case .succeeded = $0 { true } else { false } }
            }
            let status = try stage.livingThrough(crash, cut: cut) { daybook in
                try await Self.publish(daybook, 1)
                return try await Self.run(try Self.processor(daybook, target.route(kind), crash), stage.loop, to: 1)
            }
            #expect(target.effects == ["/s|e0"], "\(steps) steps")
            #expect(status.counts.succeeded + status.counts.dead == 1, "\(steps) steps")
            adopted += status.counts.adopted + status.counts.dead
        }
        // Some power cuts came too early for the outcome, and some too late to matter.
        #expect((1..<16).contains(adopted))
    }

    @Test(arguments: Target.Kind.allCases, [PowerCut.nothing, .everything])
    private func `effect done, outcome not durable`(kind: Target.Kind, cut: PowerCut) throws {
        let stage = ProcessingStage()
        let target = Target()
        let crash = Crash(stage.disk) { _, moment in
            !moment.isDurable && moment.entries.contains { if case .succeeded = $0 { true } else { false } }
        }
        let status = try stage.livingThrough(crash, cut: cut) { daybook in
            try await Self.publish(daybook, 1)
            return try await Self.run(try Self.processor(daybook, target.route(kind), crash), stage.loop, to: 1)
        }
        #expect(crash.happenedCount == 1)
        #expect(target.effects == ["/s|e0"])
        switch kind {
        case .manual:
            #expect(status.counts.dead == 1)
        case .transactional, .idempotent, .probeable:
            #expect(status.counts.succeeded == 1)
            #expect(status.counts.adopted == 1)
        }
        #expect(target.calls == (kind == .probeable || kind == .manual ? 1 : 2))
    }

    @Test func `outcome durable: it is not repeated, and what is derived from it is derived again`() throws {
        let stage = ProcessingStage()
        let target = Target()
        let crash = Crash(stage.disk) { _, moment in
            moment.isDurable && moment.entries.contains(.succeeded(partition: 0, Offset(2)..<Offset(3)))
        }
        let status = try stage.livingThrough(crash) { daybook in
            try await Self.publish(daybook, 5)
            return try await Self.run(try Self.processor(daybook, target.route(.manual), crash), stage.loop, to: 5)
        }
        #expect(crash.happenedCount == 1)
        #expect(status.counts.succeeded == 5)
        #expect(target.effects == (0..<5).map { "/s|e\($0)" })
    }

    @Test(arguments: [false, true])
    func `during a snapshot: the one before it and what came after it`(isDurable: Bool) throws {
        let stage = ProcessingStage()
        let target = Target()
        let snapshots = Mutex(0)
        let crash = Crash(stage.disk) { _, moment in
            guard moment.isSnapshot, moment.isDurable == isDurable else { return false }
            return snapshots.withLock {
                $0 += 1; return $0 == 2
            }
        }
        let status = try stage.livingThrough(crash) { daybook in
            try await Self.publish(daybook, 12)
            return try await Self.run(
                try Self.processor(daybook, target.route(.manual), crash, snapshots: 4), stage.loop, to: 12)
        }
        #expect(crash.happenedCount == 1)
        #expect(status.counts.succeeded == 12)
        #expect(target.effects == (0..<12).map { "/s|e\($0)" })
    }

    @Test func `in the middle of a redrive: it goes on where its outcomes end, and the same id does nothing`() throws {
        let stage = ProcessingStage()
        let target = Target()
        let isFixed = Mutex(false)
        let route = Route("**", to: Downstream("target"), effect: .transactional) { event, context in
            if !isFixed.withLock({ $0 }), event.id == "e0" { throw EffectFailure.permanent("422") }
            return target.call(context, knowsKeys: true)
        }
        let crash = Crash(stage.disk) { _, moment in
            moment.isDurable && moment.entries.contains(.succeeded(partition: 0, Offset(1)..<Offset(2)))
        }
        let (again, status) = try stage.livingThrough(crash) { daybook in
            try await Self.publish(daybook, 4)
            let processor = try Self.processor(daybook, route, crash)
            let isDone: @Sendable (GroupStatus) -> Bool = { $0.openCount == 0 && $0.committed.values.first == 4 }
            return try await Self.run(processor, stage.loop, until: isDone) { processor in
                if !isFixed.withLock({ $0 }) {
                    let dead = try await processor.deadLetters()
                    #expect(dead.map(\.reason) == [.permanent])
                    #expect(dead.map(\.parked) == [[1, 2, 3]])
                    #expect(dead.first?.note?.text == "422")
                    isFixed.withLock { $0 = true }
                }
                var again = try await processor.redrive(id: "r1", by: "eva", note: "fixed")
                if again { again = try await processor.redrive(id: "r1", by: "eva", note: "fixed") }
                while try await !isDone(processor.status()) {
                    try Task.checkCancellation()
                    await stage.loop.pass(.milliseconds(10))
                }
                return (again, try await processor.status())
            }
        }
        #expect(crash.happenedCount == 1)
        #expect(!again)
        #expect(status.counts.succeeded == 4)
        #expect(status.counts.dead + status.counts.parked == 0)
        #expect(target.effects == (0..<4).map { "/s|e\($0)" })
    }

    @Test func `an old process that is still running is refused, and what it had under way does not count`() throws {
        let stage = ProcessingStage()
        let target = Target()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, 1)
            let slow = Route("**", to: Downstream("target"), effect: .transactional) { _, context in
                await stage.loop.pass(.seconds(10))
                return target.call(context, knowsKeys: true)
            }
            let old = try Self.processor(daybook, slow)
            async let end: ProcessingError.Code? = {
                do { try await old.run() } catch { return (error as? ProcessingError)?.code }
                return nil
            }()
            while (try? await old.status())?.openCount != 1 { await stage.loop.pass(.milliseconds(10)) }
            let status = try await Self.run(
                try Self.processor(daybook, target.route(.transactional)), stage.loop, to: 1)
            #expect(status.counts.succeeded == 1)
            #expect(await end == .fenced)
            #expect(target.effects.count == 1)
            try await daybook.close()
        }
    }

    @Test func `a journal that tells of events which the log does not have dispatches nothing, and says where`() throws
    {
        let stage = ProcessingStage()
        let target = Target()
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, 2)
            _ = try await Self.run(try Self.processor(daybook, target.route(.manual)), stage.loop, to: 2)
            let journal = try await daybook.journal("g")
            let epoch: Int64 = 1
            let page = JournalPage(
                epoch: epoch, time: daybook.now, entries: [.succeeded(partition: 0, Offset(2)..<Offset(5))])
            _ = try await journal.append([page.encoded()], expecting: journal.offsets.upperBound)
            let error = await #expect(throws: ProcessingError.self) {
                try await Self.processor(daybook, target.route(.manual)).run()
            }
            #expect(error?.code == .diverged)
            #expect(error?.place?.offset == 2)
            #expect(target.calls == 2)
            try await daybook.close()
        }
    }

    @Test func `the clock is set back: what is due stays due, and what is waited for comes`() throws {
        let stage = ProcessingStage()
        let calls = Mutex(0)
        let route = Route("**", to: Downstream("target"), effect: .transactional) { _, _ in
            let isFirst = calls.withLock {
                $0 += 1; return $0 == 1
            }
            if isFirst { throw EffectFailure.throttled(after: .seconds(30), "429") }
            return .done()
        }
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, 1)
            let processor = try Self.processor(daybook, route)
            let start = stage.loop.clock.elapsed()
            _ = try await Self.run(processor, stage.loop, until: { $0.counts.retried == 1 }) { _ in
                stage.disk.clock.set(to: Timestamp(milliseconds: 1_000_000))
                while try await processor.status().openCount > 0 { await stage.loop.pass(.milliseconds(100)) }
            }
            let passed = stage.loop.clock.elapsed() - start
            #expect(passed >= .seconds(30))
            #expect(passed < .seconds(32))
            try await daybook.close()
        }
    }
}
