// Decisions of people: by way of the processor that has the group, and on the journal of a group that nobody has; what the next
// process makes of them; and replacements, which take the turn of what they replace.

import Daybook
import DaybookModel
import DaybookTesting
import Synchronization
import Testing

@testable import DaybookProcessing

/// Handlers that fail as long as they are told to, and what they have done.
private final class Desk: Sendable {
    private let state = Mutex((failing: Set<String>(), done: [String](), failure: EffectFailure.permanent("422")))

    var done: [String] { state.withLock { $0.done } }

    func fail(_ ids: Set<String>, _ failure: EffectFailure = .permanent("422")) {
        state.withLock { ($0.failing, $0.failure) = (ids, failure) }
    }

    var route: Route {
        Route("order.*", to: Downstream("desk"), effect: .transactional) { event, context in
            try self.state.withLock { state in
                let body = event.body.map { String(decoding: $0, as: UTF8.self) } ?? ""
                if state.failing.contains(event.id), body.isEmpty { throw state.failure }
                state.done.append(event.id + body)
                return .done()
            }
        }
    }
}

@Suite("Decisions about groups")
struct GroupDecisionTests {
    private let stage = ProcessingStage()
    private let desk = Desk()

    private static func place(_ offset: Int64) throws -> EventPlace {
        EventPlace(try #require(TopicPartition(folderName: "orders-0")), Offset(offset))
    }

    /// One event each: id `e0`, `e1` …; the type ends with the key.
    private static func publish(_ daybook: Daybook, _ keys: [String]) async throws {
        if (try? daybook.topic("orders")) == nil { try await daybook.createTopic("orders") }
        let records = try keys.enumerated().map { number, key in
            try Event(id: "e\(number)", source: "/s", type: "order.\(key)", partitionKey: key, body: []).record()
        }
        _ = try await daybook.append(records, to: try place(0).topicPartition)
    }

    private func configuration(_ group: String = "g", snapshots: Int = 1000) -> ProcessorConfiguration {
        var configuration = ProcessorConfiguration(group: group, topics: ["orders"])
        configuration.snapshotInterval = snapshots
        return configuration
    }

    /// Runs a processor of the group until it is where `isDone` says, does `body` then, and ends it properly.
    @discardableResult
    private func work<R: Sendable>(
        _ daybook: Daybook, _ configuration: ProcessorConfiguration? = nil,
        until isDone: @escaping @Sendable (GroupStatus) -> Bool,
        then body: @escaping @Sendable (Processor) async throws -> R
    ) async throws -> R {
        let processor = try Processor(daybook, configuration ?? self.configuration(), routes: [desk.route])
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

    private static func decide(
        _ daybook: Daybook, _ operation: GroupDecision.Operation, note: String = "tax id corrected"
    ) async throws -> GroupDecision.Outcome {
        try await GroupAdministration(Administration(daybook), group: "g")
            .decide(GroupDecision(operation, by: "eva", note: note))
    }

    @Test(arguments: [true, false])
    func `what a filter means is redriven in order, once for each id, with a processor at work and without one`(
        isAtWork: Bool
    ) throws {
        let (desk, stage) = (desk, stage)
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, ["a", "b", "a", "c", "b"])
            desk.fail(["e0", "e1", "e3"])
            let decide: @Sendable () async throws -> Void = {
                let filter = DeadLetterFilter(reason: .permanent, types: "order.a")
                let outcome = try await Self.decide(daybook, .redrive(id: "r", filter))
                #expect(outcome.places == [try Self.place(0)])
                #expect(outcome.parkedCount == 1)
                let again = try await Self.decide(daybook, .redrive(id: "r", DeadLetterFilter()))
                #expect(!again.hasChanged && again.places.isEmpty)
                let skipped = try await Self.decide(daybook, .skip([try Self.place(1)]))
                #expect(skipped.places == [try Self.place(1)])
                let error = await #expect(throws: ProcessingError.self) {
                    try await Self.decide(daybook, .skip([try Self.place(3), try Self.place(77)]))
                }
                #expect(error?.code == .unknownEvent && error?.place?.offset == 77)
            }
            let isSettled: @Sendable (GroupStatus) -> Bool = { $0.counts.dead == 3 && $0.openCount == 0 }
            try await work(daybook, until: isSettled) { _ in
                desk.fail([])
                if isAtWork { try await decide() }
            }
            if !isAtWork { try await decide() }
            try await work(daybook, until: { $0.counts.succeeded == 3 && $0.openCount == 0 }) { processor in
                let left = try await processor.deadLetters()
                #expect(left.map(\.place) == [try Self.place(3)])
                #expect(left.map(\.type) == ["order.c"])
                #expect(left.first?.since != nil)
                #expect(try await processor.status().counts.otherwiseSkipped == 1)
            }
            #expect(desk.done.filter { $0 != "e4" } == ["e0", "e2"])
            #expect(desk.done.count == 3)
            try await daybook.close()
        }
    }

    @Test(arguments: [true, false], [1000, 2])
    func `a replacement takes the turn of what it replaces, and other groups pass it over`(
        isAtWork: Bool, snapshots: Int
    ) throws {
        let (desk, stage) = (desk, stage)
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, ["a", "a", "b", "a"])
            desk.fail(["e0"])
            let configuration = configuration(snapshots: snapshots)
            let replace: @Sendable () async throws -> Void = {
                // Held, so that the replacement waits in its place for the next process.
                _ = try await Self.decide(daybook, .hold(key: Array("a".utf8), of: try Self.place(0).topicPartition))
                let event = Event(id: "e0", source: "/s", type: "order.a", body: Array("!".utf8))
                let outcome = try await Self.decide(daybook, .replace(try Self.place(0), with: event))
                #expect(try outcome.replacement == Self.place(4))
                let error = await #expect(throws: ProcessingError.self) {
                    try await Self.decide(daybook, .replace(try Self.place(0), with: event))
                }
                #expect(error?.code == .unknownEvent)
            }
            let isSettled: @Sendable (GroupStatus) -> Bool = { $0.counts.dead == 1 && $0.counts.parked == 2 }
            try await work(daybook, configuration, until: isSettled) { _ in
                var other = Event(id: "e0", source: "/s", type: "order.a", partitionKey: "b")
                other.body = [1]
                let event = other
                let error = await #expect(throws: ProcessingError.self) {
                    try await Self.decide(daybook, .replace(try Self.place(0), with: event))
                }
                #expect(error?.code == .invalidReplacement)
                if isAtWork { try await replace() }
            }
            if !isAtWork { try await replace() }
            let stored = try await StoredGroup("g", in: daybook)
            let lane = try #require(try await stored.lanes(of: Array("a".utf8)).first)
            #expect(lane.events.map(\.place.offset) == [4, 1, 3])
            #expect(lane.hold?.by == "eva")
            #expect(stored.counts.otherwiseSkipped == 1)
            let isDone: @Sendable (GroupStatus) -> Bool = { $0.counts.succeeded == 4 && $0.openCount == 0 }
            try await work(daybook, configuration, until: { $0.counts.succeeded == 1 }) { _ in
                _ = try await Self.decide(daybook, .release(key: Array("a".utf8), of: try Self.place(0).topicPartition))
            }
            try await work(daybook, configuration, until: isDone) { processor in
                let status = try await processor.status()
                #expect(status.committed.values.first == 5)
            }
            #expect(desk.done == ["e2", "e0!", "e1", "e3"])
            desk.fail([])
            try await work(daybook, self.configuration("other"), until: { $0.committed.values.first == 5 }) {
                processor in
                let counts = try await processor.status().counts
                #expect(counts.succeeded == 4)
                #expect(counts.otherwiseSkipped == 1)
            }
            #expect(desk.done.count == 8)
            try await daybook.close()
        }
    }

    @Test func `a replacement that fails is a dead letter like any other, redriven in its turn`() throws {
        let (desk, stage) = (desk, stage)
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, ["a", "a", "a"])
            desk.fail(["e0", "e9"])
            let isSettled: @Sendable (GroupStatus) -> Bool = { $0.counts.dead == 1 && $0.counts.parked == 2 }
            try await work(daybook, until: isSettled) { processor in
                let event = Event(id: "e9", source: "/s", type: "order.a", body: [])
                let place = try await processor.replace(try Self.place(0), with: event, by: "eva", note: "try")
                #expect(place.offset == 3)
                try await settle(processor) { isSettled($0) && $0.counts.otherwiseSkipped == 1 }
                #expect(try await processor.deadLetters().map(\.parked) == [[1, 2]])
            }
            desk.fail([])
            try await work(daybook, until: isSettled) { processor in
                try await processor.redrive(id: "r", by: "eva", note: "fixed")
                try await settle(processor) { $0.counts.succeeded == 3 }
            }
            #expect(desk.done == ["e9", "e1", "e2"])
            try await daybook.close()
        }
    }

    @Test(arguments: [true, false])
    func `what is due in an hour is tried now when somebody says so`(isAtWork: Bool) throws {
        let (desk, stage) = (desk, stage)
        try stage.loop.run {
            let daybook = try await stage.open()
            try await Self.publish(daybook, ["a", "a"])
            desk.fail(["e0"], .throttled(after: .seconds(1800), "429"))
            let lane = (key: Array("a".utf8), partition: try Self.place(0).topicPartition)
            let retry: @Sendable () async throws -> Void = {
                desk.fail([])
                let outcome = try await Self.decide(daybook, .retry(key: lane.key, of: lane.partition))
                #expect(outcome.places == [try Self.place(0)])
                await #expect(throws: ProcessingError.self) {
                    try await Self.decide(daybook, .retry(key: Array("z".utf8), of: lane.partition))
                }
            }
            try await work(daybook, until: { $0.counts.retried == 1 }) { _ in if isAtWork { try await retry() } }
            if !isAtWork { try await retry() }
            let start = stage.loop.clock.elapsed()
            try await work(daybook, until: { $0.counts.succeeded == 2 }) { _ in }
            #expect(stage.loop.clock.elapsed() - start < .seconds(60))
            #expect(desk.done == ["e0", "e1"])
            try await daybook.close()
        }
    }

    @Test func `a decision by hand is no sign of life of the process that died before it`() throws {
        var state = GroupState(effectsCapacity: 1)
        let partition = try Self.place(0).topicPartition
        func page(_ epoch: Int64, _ time: Int64, _ entries: [JournalEntry]) -> JournalPage {
            JournalPage(epoch: epoch, time: Timestamp(milliseconds: time), entries: entries)
        }
        _ = try state.apply(page(1, 1000, [.opened, .partition(number: 0, partition, from: .zero)]))
        let lane = Lane(Place(0, .zero), key: [1])
        let byHand = page(1, 9000, [.byHand, .lane(lane, isHeld: true, by: "eva", note: "n")])
        _ = try state.apply(try JournalPage(decoding: byHand.encoded()))
        #expect(state.lastTime == Timestamp(milliseconds: 9000))
        #expect(state.lastLife == Timestamp(milliseconds: 1000))
        #expect(!state.wasClosed)
        #expect(state.holds[lane]?.since == Timestamp(milliseconds: 9000))
    }

    @Test func `decisions keep everything on their way to another process`() throws {
        let place = try Self.place(7)
        var event = Event(id: "e", source: "/s", type: "t", partitionKey: "ключ", sequence: 3, body: [0, 255, 10])
        event.extensions = ["tenant": "x y"]
        let filter = DeadLetterFilter(
            topic: "orders", reason: .conflict, types: "a.*", key: [0, 254], places: [place])
        let operations: [GroupDecision.Operation] = [
            .redrive(id: "r", filter), .redrive(id: "r", DeadLetterFilter()), .skip([place]),
            .replace(place, with: event), .hold(key: [1], of: place.topicPartition),
            .release(key: [], of: place.topicPartition), .retry(key: [200], of: place.topicPartition), .resume,
        ]
        for operation in operations {
            let decision = GroupDecision(operation, by: "eva", note: "n")
            #expect(try GroupDecision(controlValue: decision.controlValue) == decision)
        }
        var outcome = GroupDecision.Outcome()
        (outcome.places, outcome.parkedCount, outcome.replacement) = ([place], 4, place)
        #expect(try GroupDecision.Outcome(answer: outcome.controlValue) == outcome)
    }
}
