// Commands on a data directory, carried out by the process that has it open and here: the same answers, the same errors; and what
// becomes of the socket when directories open, close and crash.

import Daybook
import DaybookFiles
import DaybookTesting
import Foundation
import Synchronization
import SystemPackage
import Testing

@Suite struct AdministrationTests {
    /// Runs `body` on a directory with some records, once where a process has it open, which is this one, and once where none
    /// has; returns what it returned.
    private func bothWays<R>(_ body: (Administration) async throws -> R) async throws -> (live: R, direct: R) {
        var results: [R] = []
        for isLive in [true, false] {
            try await withDirectory { directory in
                // Nobody else may compact meanwhile, however long a busy machine takes.
                var configuration = Configuration()
                configuration.housekeeping.isAutomatic = false
                let daybook = try await Daybook.open(directory, configuration: configuration)
                try await stage(daybook)
                if !isLive { try await daybook.close() }
                let administration = try await Administration.open(directory)
                #expect((administration.live != nil) == isLive && (administration.daybook == nil) == isLive)
                results.append(try await body(administration))
                try await administration.close()
                if isLive { try await daybook.close() }
                #expect(!FileManager.default.fileExists(atPath: directory + "/control"))
            }
        }
        return (results[0], results[1])
    }

    private func stage(_ daybook: Daybook) async throws {
        var configuration = TopicConfiguration()
        configuration.segmentBytes = .bytes(1024)
        configuration.retention.policy = .compact
        try await daybook.createTopic("orders", partitions: 2, configuration: configuration)
        let producer = try daybook.makeProducer(ProducerConfiguration(batchSize: .bytes(300)))
        for number in 0..<200 {
            try await producer.enqueue(
                Record(key: "k\(number % 10)", value: "value \(number)"), to: "orders", partition: Int32(number % 2))
        }
        try await producer.close()
    }

    @Test func `Every command comes to the same, there and here`() async throws {
        let (live, direct) = try await bothWays { administration -> [String] in
            var told: [String] = []
            let topic = try await administration.perform(
                CreateTopic("new.topic", partitions: 3, settings: ["flush.ms": "7"]))
            told.append("\(topic.name) \(topic.partitionsCount) \(topic.configuration.flushInterval)")
            let altered = try await administration.perform(
                AlterTopic("new.topic", settings: ["retention.ms": "5000", "cleanup.policy": "compact,delete"]))
            told.append("\(altered.configuration)")
            told.append("\(try await administration.perform(DeleteTopic("new.topic")))")
            for isRehearsal in [true, false] {
                let deleted = try await administration.perform(
                    DeleteRecords(topic: "orders", partition: 1, before: .offset(33), isRehearsal: isRehearsal))
                told.append("\(deleted)")
            }
            for isRehearsal in [true, false] {
                let reset = try await administration.perform(
                    ResetOffsets("warehouse", to: .offset(40), topics: ["orders"], isRehearsal: isRehearsal))
                told.append("\(reset.moves.map(\.new)) \(reset.isApplied)")
            }
            let gone = try await administration.perform(
                DeleteGroup("warehouse", partitions: [try TopicPartition(topic: TopicName("orders"), partition: 1)]))
            told.append("\(gone.mapValues(\.offset))")
            let compacted = try await administration.perform(CompactTopic("orders", memory: .kibibytes(1)))
            told.append("\(compacted.sorted { $0.key < $1.key })")
            let scrubbed = try await administration.perform(ScrubTopics(rateLimit: .gibibytes(1)))
            told.append(
                "\(scrubbed.sorted { $0.key < $1.key }.map { [$0.value.segmentsCount, $0.value.bytes.rawValue] })")
            let rest = try await administration.perform(
                DeleteRecords(topic: "orders", before: .time(.init(milliseconds: .max))))
            told.append("\(rest)")
            _ = try await administration.perform(FlushTopics())
            let description = try await administration.perform(DescribeDaybook())
            told.append("\(description)")
            return told
        }
        #expect(live == direct)
        #expect(live.count == 12 && live[8].contains("recordsDropped"))
    }

    @Test func `Every error is the same, there and here`() async throws {
        let (live, direct) = try await bothWays { administration -> [String] in
            func error(_ command: some ControlCommand) async -> String {
                do {
                    return "none: \(try await administration.perform(command))"
                } catch let error as DaybookError {
                    return "\(error.code)|\(error.message)|\(error.topicPartition as Any)|\(error.offset as Any)"
                } catch {
                    return "another: \(error)"
                }
            }
            return [
                await error(CreateTopic("orders")), await error(CreateTopic("a/b")),
                await error(CreateTopic("many", partitions: 0)), await error(CreateTopic("x", settings: ["a": "b"])),
                await error(AlterTopic("orders", settings: ["flush.ms": "never"])), await error(DeleteTopic("nothing")),
                await error(DeleteRecords(topic: "orders", partition: 0, before: .offset(1000))),
                await error(DeleteRecords(topic: "orders", partition: 9, before: .offset(1))),
                await error(DeleteRecords(topic: "orders", before: .offset(1))),
                await error(CompactTopic("nothing")), await error(CompactTopic("orders", memory: .bytes(0))),
                await error(ScrubTopics(rateLimit: .bytes(0))),
            ]
        }
        #expect(live == direct)
        #expect(live.allSatisfy { !$0.hasPrefix("none") && !$0.hasPrefix("another") }, "\(live)")
    }

    @Test func `Layers above add verbs, which are found there and here`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            daybook.control.handle("redrive") { request in
                request.report(["done": 1])
                return ["verb": .string(request.verb), "id": .string(try request.arguments.field("id"))]
            }
            let remote = try await Administration.open(directory)
            let reports = Mutex<[ControlValue]>([])
            for administration in [remote, Administration(daybook)] {
                let answer = try await administration.perform("redrive", ["id": "ticket-4711"]) { value in
                    reports.withLock { $0.append(value) }
                }
                #expect(answer == ["verb": "redrive", "id": "ticket-4711"])
                let error = await #expect(throws: DaybookError.self) { try await administration.perform("redrive", []) }
                #expect(error?.code == .invalidRequest)
            }
            #expect(reports.withLock { $0 } == [["done": 1], ["done": 1]])
            daybook.control.stopHandling("redrive")
            for administration in [remote, Administration(daybook)] {
                let error = await #expect(throws: DaybookError.self) { try await administration.perform("redrive") }
                #expect(error?.code == .unknownCommand && error?.message.contains("redrive") == true)
            }
            try await remote.close()
            try await daybook.close()
        }
    }

    @Test func `A verb has one handler at a time`() async {
        await #expect(processExitsWith: .failure) {
            let daybook = try await Daybook.open(try TemporaryDirectory().path)
            for _ in 0..<2 { daybook.control.handle("redrive") { _ in nil } }
        }
    }

    @Test func `Handlers are let go when the daybook closes`() async throws {
        final class Processor: Sendable {}
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            weak var processor: Processor?
            do {
                let strong = Processor()
                processor = strong
                daybook.control.handle("redrive") { _ in withExtendedLifetime((strong, daybook)) { nil } }
            }
            #expect(processor != nil)
            try await daybook.close()
            #expect(processor == nil)
        }
    }

    // MARK: in the middle

    @Test func `A writer that closes in the middle of a command says so, and nothing waits`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            try await stage(daybook)
            let administration = try await Administration.open(directory)
            let begun = Gate()
            let compacting = Task {
                try await administration.perform(CompactTopic("orders", rateLimit: .bytes(1))) { _ in begun.open() }
            }
            await begun.wait()
            try await daybook.close()
            let error = await #expect(throws: DaybookError.self) { try await compacting.value }
            #expect(error?.code == .closed || error?.code == .other, "\(String(describing: error))")
            try await administration.close()
            let again = try await Administration.open(directory)
            #expect(again.live == nil)
            #expect(try await again.perform(CompactTopic("orders")).count == 2)
            try await again.close()
        }
    }

    @Test func `Whoever gives up ends the command, and the daybook goes on`() async throws {
        let (live, direct) = try await bothWays { administration -> [String] in
            let begun = Gate()
            let compacting = Task {
                try await administration.perform(CompactTopic("orders", rateLimit: .bytes(1))) { _ in begun.open() }
            }
            await begun.wait()
            compacting.cancel()
            await #expect(throws: CancellationError.self) { try await compacting.value }
            let other = administration.live == nil ? administration : nil
            return try await other?.perform(CompactTopic("orders")).keys.sorted().map(\.description) ?? [
                "orders-0", "orders-1",
            ]
        }
        #expect(live == direct)
    }

    @Test func `A command that was given up leaves the maintenance to the next one`() async throws {
        try await withDirectory { directory in
            let daybook = try await Daybook.open(directory)
            try await stage(daybook)
            for _ in 0..<3 {
                let administration = try await Administration.open(directory)
                let begun = Gate()
                let scrubbing = Task {
                    try await administration.perform(ScrubTopics(rateLimit: .bytes(1))) { _ in begun.open() }
                }
                await begun.wait()
                scrubbing.cancel()
                await #expect(throws: CancellationError.self) { try await scrubbing.value }
            }
            #expect(try await daybook.scrub().count == 2)
            try await daybook.close()
        }
    }
}
