// What an engine is asked to do, one operation at a time, as a list that every test of failing calls and crashes goes through.
// A new operation of the engine gets a line here and is then tested with every failure of every call.

import Daybook
import DaybookTesting
import SystemPackage
import Testing

/// A daybook on a simulated disk, and what a test knows of its records.
final class Stage {
    static let directory = "/srv/data"

    let disk: SimulatedDisk
    var daybook: Daybook?
    /// Values sent, acknowledged as durable or not, in order, by topic.
    var sent: [String: [String]] = [:]
    /// Per topic, how many of the values sent first must be there after any crash.
    var durableCount: [String: Int] = [:]
    /// Topics that may be gone, because somebody began to delete them.
    var deleting: Set<String> = []
    /// Per group what it may find committed for `orders` and `others`, in the order of its commits; an acknowledged one
    /// leaves no other before it.
    var commits: [String: [[String: Offset]]] = [:]

    init(_ disk: SimulatedDisk = SimulatedDisk()) { self.disk = disk }

    /// The stage on a copy of its disk, without a daybook: that of the original is of another machine.
    func copy() -> Stage {
        let copy = Stage(disk.copy())
        (copy.sent, copy.durableCount, copy.deleting, copy.commits) = (sent, durableCount, deleting, commits)
        return copy
    }

    func open(_ access: Configuration.Access = .readWrite) async throws {
        let configuration = Configuration(access: access, ioThreads: 1, flushThreads: 1)
        daybook = try await Daybook.open(Self.directory, configuration: configuration.with(disk: disk))
    }

    func createTopic(_ name: String, _ configuration: TopicConfiguration = TopicConfiguration()) async throws {
        _ = try await ready.createTopic(name, configuration: configuration)
        sent[name] = []
        durableCount[name] = 0
    }

    /// Sends values one after the other, each as a batch of its own, and notes what was acknowledged.
    func send(_ count: Int, to topic: String = "orders", _ durability: Durability = .durable) async throws {
        let producer = try ready.makeProducer(ProducerConfiguration(durability: durability))
        for _ in 0..<count {
            let value = "\(sent[topic, default: []].count) " + String(repeating: "x", count: 100)
            sent[topic, default: []].append(value)
            _ = try await producer.send(Record(key: nil, value: value), to: topic)
            if durability == .durable { durableCount[topic] = sent[topic]?.count }
        }
    }

    /// Commits the same offset for two topics, or deletes the group, and notes what was acknowledged.
    func commit(_ group: String, _ offset: Offset?) async throws {
        let wish = offset.map { ["orders": $0, "others": $0] } ?? [:]
        commits[group, default: [[:]]].append(wish)
        if let offset {
            let partitions = [try partition(of: "orders"), try partition(of: "others")]
            try await ready.commit(
                group: group, offsets: Dictionary(uniqueKeysWithValues: partitions.map { ($0, OffsetCommit(offset)) }))
        } else {
            try await ready.deleteGroup(group)
        }
        commits[group] = [wish]
    }

    func close() async throws {
        try await daybook?.close()
        daybook = nil
    }

    /// The process ends without closing anything.
    func kill() {
        disk.restartProcess()
        daybook = nil
    }

    /// What a group finds committed, by topic.
    func found(_ group: String) async throws -> [String: Offset] {
        let found = try await ready.committedOffsets(group: group)
        return Dictionary(uniqueKeysWithValues: found.map { ($0.key.topic.description, $0.value.offset) })
    }

    var ready: Daybook {
        get throws { try #require(daybook) }
    }
}

/// One operation: what has to be there before, and what is done.
struct EngineOperation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Makes the disk. Runs once; nothing fails meanwhile.
    let prepare: @Sendable (Stage) async throws -> Void
    /// What is done to it before each run, on a copy; nothing fails meanwhile.
    let begin: @Sendable (Stage) async throws -> Void
    /// What is to be tested.
    let run: @Sendable (Stage) async throws -> Void

    init(
        _ name: String, prepare: @escaping @Sendable (Stage) async throws -> Void = filled,
        begin: @escaping @Sendable (Stage) async throws -> Void = { try await $0.open() },
        _ run: @escaping @Sendable (Stage) async throws -> Void
    ) {
        testDescription = name
        self.prepare = prepare
        self.begin = begin
        self.run = run
    }

    /// Segments of about ten batches.
    private static let small: TopicConfiguration = {
        var configuration = TopicConfiguration()
        configuration.segmentBytes = ByteCount(rawValue: 2000)
        configuration.indexIntervalBytes = ByteCount(rawValue: 500)
        return configuration
    }()

    /// A directory with one topic of several segments, closed properly.
    private static let filled: @Sendable (Stage) async throws -> Void = { stage in
        try await stage.open()
        try await stage.createTopic("orders", small)
        try await stage.send(25)
        try await stage.close()
    }

    /// The same with records that were not flushed; the process was killed.
    private static let killed: @Sendable (Stage) async throws -> Void = { stage in
        try await filled(stage)
        try await stage.open()
        try await stage.send(3)
        try await stage.send(12, .osCache)
        stage.kill()
    }

    /// Two topics, of which two groups have committed something; closed properly.
    private static let committed: @Sendable (Stage) async throws -> Void = { stage in
        try await filled(stage)
        try await stage.open()
        try await stage.createTopic("others", small)
        try await stage.send(15, to: "others")
        for offset in 1...3 { try await stage.commit("warehouse", Offset(Int64(offset))) }
        try await stage.commit("accounting", 5)
        try await stage.close()
    }

    static let all: [EngineOperation] = [
        EngineOperation("open a new directory", prepare: { _ in }, begin: { _ in }) { try await $0.open() },
        EngineOperation("open after a clean end", begin: { _ in }) { try await $0.open() },
        EngineOperation("open after a killed process", prepare: killed, begin: { _ in }) { try await $0.open() },
        EngineOperation(
            "open after a power cut", prepare: killed,
            begin: { stage in
                stage.disk.restart(.onlyLast)
            }, { try await $0.open() }),
        EngineOperation(
            "open after a deletion that was cut short",
            prepare: { stage in
                try await filled(stage)
                try await stage.open()
                try await stage.createTopic("going", small)
                try await stage.send(15, to: "going")
                stage.deleting = ["going"]
                // Somewhere in the midst of taking the files away.
                stage.disk.inject(Fault(.fail(.ioError), [.removeFile], calls: 2..<Int.max))
                await #expect(throws: DaybookError.self) { try await stage.ready.deleteTopic("going") }
                stage.disk.heal()
                stage.kill()
            }, begin: { _ in }, { try await $0.open() }),
        EngineOperation("create a topic") { try await $0.createTopic("more") },
        EngineOperation("alter a topic") { stage in
            _ = try await stage.ready.alterTopic("orders", settings: [("segment.bytes", "3000")])
        },
        EngineOperation("append durably") { try await $0.send(3) },
        EngineOperation("append, then flush") { stage in
            try await stage.send(3, .osCache)
            try await stage.ready.flush()
            stage.durableCount["orders"] = stage.sent["orders"]?.count
        },
        EngineOperation("append and roll") { try await $0.send(25) },
        EngineOperation("read cold") { stage in
            let content = try await stage.ready.content(try partition())
            #expect(content.values == stage.sent["orders"])
            #expect(content.gaps.isEmpty)
        },
        EngineOperation("find an offset by time") { stage in
            let found = try await stage.ready.offset(try partition(), appendedAtOrAfter: Timestamp(milliseconds: 0))
            #expect(found != nil)
        },
        EngineOperation("delete a topic") { stage in
            stage.deleting = ["orders"]
            try await stage.ready.deleteTopic("orders")
        },
        EngineOperation(
            "commit for the first time",
            prepare: { stage in
                try await filled(stage)
                try await stage.open()
                try await stage.createTopic("others", small)
                try await stage.send(15, to: "others")
                try await stage.close()
            }
        ) { try await $0.commit("warehouse", 7) },
        EngineOperation("commit again and again", prepare: committed) { stage in
            for offset in 4...8 { try await stage.commit("warehouse", Offset(Int64(offset))) }
            try await stage.commit("accounting", 2)
        },
        EngineOperation("delete a group", prepare: committed) { try await $0.commit("warehouse", nil) },
        EngineOperation("delete a topic with commits", prepare: committed) { stage in
            stage.deleting = ["others"]
            for (group, wishes) in stage.commits {
                stage.commits[group] = wishes + [wishes[0].filter { $0.key != "others" }]
            }
            try await stage.ready.deleteTopic("others")
            for (group, wishes) in stage.commits { stage.commits[group] = [wishes[1]] }
        },
        EngineOperation("read committed offsets", prepare: committed, begin: { _ in }) { stage in
            try await stage.open(.readOnly)
            for (group, wishes) in stage.commits { #expect(try await stage.found(group) == wishes[0]) }
            try await stage.close()
        },
        EngineOperation(
            "close",
            begin: { stage in
                try await stage.open()
                try await stage.send(4, .osCache)
            },
            { stage in
                try await stage.close()
                stage.durableCount["orders"] = stage.sent["orders"]?.count
            }),
        EngineOperation("attach for reading", begin: { _ in }) { stage in
            try await stage.open(.readOnly)
            #expect(try await stage.ready.content(try partition()).values == stage.sent["orders"])
            try await stage.close()
        },
        EngineOperation("verify", begin: { _ in }) { stage in
            let report = try await Daybook.verify(Stage.directory, fileSystem: stage.disk.processFileSystem)
            #expect(report.isClean)
        },
    ]
}
