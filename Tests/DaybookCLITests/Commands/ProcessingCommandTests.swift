// `daybook dead-letters` and `daybook lanes`, beside a processor at work in this very process and on a directory that nobody has
// open: the same command lines, the same effect.

import Daybook
import DaybookModel
import DaybookProcessing
import Foundation
import Synchronization
import Testing

@Suite("Operating processing groups")
struct ProcessingCommandTests {
    /// A group `accounting` of which the orders `bad-…` fail until that is mended.
    private final class Service: Sendable {
        let daybook: Daybook
        let processor: Processor
        private let end: Task<Void, any Error>
        let flag = Flag()
        let log = Log()

        init(_ command: Command) async throws {
            daybook = try await Daybook.open(command.data)
            if daybook.topics.isEmpty { try await daybook.createTopic("orders") }
            let (isMended, done) = (flag, log)
            let route = Route("order.*", to: Downstream("books"), effect: .transactional) { event, _ in
                if event.id.hasPrefix("late"), !isMended.isSet {
                    throw EffectFailure.throttled(after: .seconds(1800), "429 later")
                }
                if event.id.hasPrefix("bad"), !isMended.isSet { throw EffectFailure.permanent("422 bad tax id") }
                done.add(event.id + "=" + String(decoding: event.body ?? [], as: UTF8.self))
                return .done()
            }
            let processor = try Processor(
                daybook, ProcessorConfiguration(group: "accounting", topics: ["orders"]), routes: [route])
            self.processor = processor
            end = Task { try await processor.run() }
        }

        func settle(_ isDone: (GroupStatus) -> Bool) async throws {
            let start = ContinuousClock.now
            while start.duration(to: .now) < .seconds(60) {
                if let status = try? await processor.status(), isDone(status) { return }
                await Task.yield()
            }
            Issue.record("it did not happen within a minute")
        }

        func stop() async throws {
            processor.stop()
            try await end.value
        }

        func close() async throws {
            try await stop()
            try await daybook.close()
        }
    }

    private final class Flag: Sendable {
        private let value = Mutex(false)
        var isSet: Bool { value.withLock { $0 } }
        func set() { value.withLock { $0 = true } }
    }

    private final class Log: Sendable {
        private let value = Mutex<[String]>([])
        var lines: [String] { value.withLock { $0 } }
        func add(_ line: String) { value.withLock { $0.append(line) } }
    }

    private func publish(_ daybook: Daybook, _ orders: [(id: String, key: String)]) async throws {
        let records = try orders.map {
            try Event(id: $0.id, source: "/crm", type: "order.placed", partitionKey: $0.key, body: Array("{}".utf8))
                .record()
        }
        _ = try await daybook.append(records, to: try #require(TopicPartition(folderName: "orders-0")))
    }

    private static let orders = [
        ("bad-1", "a"), ("ok-1", "a"), ("bad-2", "b"), ("ok-2", "c"), ("bad-3", "d"), ("late-1", "e"), ("ok-3", "e"),
    ]

    /// Everything that one does with a group, in an order in which it makes sense; what is printed.
    private func operate(_ command: Command) throws -> [String] {
        var printed: [String] = []
        func run(_ arguments: String..., status: Int32 = 0) throws {
            let outcome = try command.run(arguments)
            #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
            let text = "\(arguments): \(outcome.output)\(outcome.errors)"
            printed.append(text.replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/, with: "TIME"))
        }
        let who = ["--by", "eva", "--note", "ticket 7"]
        func decide(_ arguments: String..., status: Int32 = 0) throws {
            let outcome = try command.run(arguments + who)
            #expect(outcome.status == status, "\(arguments): \(outcome.errors)")
            let text = "\(arguments): \(outcome.output)\(outcome.errors)"
            printed.append(text.replacing(command.path, with: "FOLDER"))
        }
        try run("dead-letters", "list")
        try run("dead-letters", "list", "--json", "--group", "accounting", "--type", "order.*")
        try run("dead-letters", "list", "--reason", "conflict")
        try run("dead-letters", "list", "--group", "nobody", status: 1)
        try run("dead-letters", "show", "orders-0:0", "--json")
        try run("dead-letters", "show", "orders-0:0")
        try run("dead-letters", "show", "orders-0:3", status: 1)
        try run("dead-letters", "show", "orders:3", status: 64)
        try run("lanes", "list")
        try run("lanes", "show", "e")
        try run("lanes", "show", "e", "--json")
        try decide("lanes", "hold", "q")
        try decide("lanes", "release", "q", "--json")
        try decide("lanes", "hold", "q", "--topic", "nothing", status: 1)
        try decide("lanes", "retry", "a", status: 1)
        try decide("dead-letters", "redrive", "--key", "a", "--dry-run")
        try decide("dead-letters", "redrive", "orders-0:3", "--id", "r", status: 1)
        try decide("dead-letters", "redrive", status: 64)
        try run("dead-letters", "redrive", "--all", status: 64)
        try decide("dead-letters", "redrive", "--key", "a", "--id", "r", "--json")
        try decide("dead-letters", "redrive", "--all", "--id", "r")
        try decide("dead-letters", "skip", "orders-0:2")
        try decide("dead-letters", "skip", "--key", "zzz")
        try decide("dead-letters", "replace", "orders-0:4", "--body", try command.file("body", "{\"tax\":1}"))
        try decide("lanes", "retry", "e")
        try decide("lanes", "resume")
        return printed
    }

    @Test func `a group is operated beside its processor and without one by the same commands`() async throws {
        var printed: [[String]] = []
        for isLive in [true, false] {
            let command = try Command()
            let service = try await Service(command)
            try await publish(service.daybook, Self.orders.map { (id: $0.0, key: $0.1) })
            try await service.close()
            let first = try await Service(command)
            try await first.settle { $0.counts.dead == 3 && $0.counts.retried == 1 && $0.counts.succeeded == 1 }
            if !isLive { try await first.close() }
            // What is redriven fails no more.
            first.flag.set()
            printed.append(try await command.aside { try operate($0) })
            let last = isLive ? first : try await Service(command)
            last.flag.set()
            try await last.settle { $0.counts.succeeded == 6 && $0.openCount == 0 && $0.counts.dead == 0 }
            #expect(
                Set(last.log.lines).isSuperset(of: ["bad-1={}", "ok-1={}", "bad-3={\"tax\":1}", "late-1={}", "ok-3={}"])
            )
            #expect(last.log.lines.filter { $0.hasPrefix("bad-2") }.isEmpty)
            try await last.close()
            try await command.aside { try $0.succeed("verify") }
        }
        for (live, direct) in zip(printed[0], printed[1]) { #expect(live == direct) }
    }

    @Test func `where a process has the directory and no processor of the group, that is said`() async throws {
        let command = try Command()
        let service = try await Service(command)
        try await publish(service.daybook, [(id: "bad-1", key: "a")])
        try await service.stop()
        let text = try await command.aside {
            try $0.fail("dead-letters", "redrive", "--all", "--by", "eva", "--note", "n")
        }
        #expect(text.contains("no processor of group accounting"))
        #expect(try command.succeed("dead-letters", "list", "--json").output.hasPrefix("["))
        try await service.daybook.close()
    }
}
