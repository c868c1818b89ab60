// What an engine is asked to do, one operation at a time, as a list that every test of failing calls and crashes goes through.
// A new operation of the engine gets a line here and is then tested with every failure of every call.

import Daybook
import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

/// A daybook on a simulated disk, and what a test knows of its records.
final class Stage {
    static let directory = "/srv/data"
    static let backups = "/srv/backups"
    static let restored = "/srv/restored"

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
    /// By topic, the offset up to which records may be gone, because somebody began to delete them.
    var deletedBefore: [String: Int64] = [:]
    /// By topic, the value that must be the last one under each key, where records may go that others have replaced.
    var newest: [String: [String: String]] = [:]

    init(_ disk: SimulatedDisk = SimulatedDisk()) { self.disk = disk }

    /// The stage on a copy of its disk, without a daybook: that of the original is of another machine.
    func copy() -> Stage {
        let copy = Stage(disk.copy())
        (copy.sent, copy.durableCount, copy.deleting, copy.commits) = (sent, durableCount, deleting, commits)
        (copy.deletedBefore, copy.newest) = (deletedBefore, newest)
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

    /// Sends values under a few keys, durably, one batch each.
    func replace(_ count: Int, in topic: String) async throws {
        let producer = try ready.makeProducer()
        for number in 0..<count {
            let (key, value) = ("key \(number % 4)", "\(number) " + String(repeating: "y", count: 100))
            _ = try await producer.send(Record(key: key, value: value), to: topic)
            newest[topic, default: [:]][key] = value
        }
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

/// A pass of housekeeping that could not do everything, and said so.
struct FailedPass: Error {
    let finding: HousekeepingReport.Finding
    init(_ finding: HousekeepingReport.Finding) { self.finding = finding }
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
    /// What must hold beside the records, when whatever failed is in order again and the directory is open.
    let check: @Sendable (Stage) async throws -> Void

    init(
        _ name: String, prepare: @escaping @Sendable (Stage) async throws -> Void = filled,
        begin: @escaping @Sendable (Stage) async throws -> Void = { try await $0.open() },
        check: @escaping @Sendable (Stage) async throws -> Void = { _ in },
        _ run: @escaping @Sendable (Stage) async throws -> Void
    ) {
        self.check = check
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

    /// Whatever is a snapshot by its name is whole; there is at least the one that was there before.
    private static let expectWholeSnapshots: @Sendable (Stage) async throws -> Void = { stage in
        let fileSystem = stage.disk.processFileSystem
        guard try fileSystem.exists(FilePath(Stage.backups)) else { return }
        for name in try fileSystem.entries(of: FilePath(Stage.backups)) where !name.hasSuffix(".unfinished") {
            guard try fileSystem.status(of: FilePath("\(Stage.backups)/\(name)")).isDirectory else { continue }
            let report = try await Daybook.verify("\(Stage.backups)/\(name)", fileSystem: fileSystem)
            #expect(report.isClean, "\(name): \(report.findings)")
        }
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
        EngineOperation("delete records") { stage in
            stage.deletedBefore["orders"] = 17
            try await stage.ready.deleteRecords(try partition(), before: Offset(17))
        },
        EngineOperation(
            "keep house",
            prepare: { stage in
                try await filled(stage)
                try await stage.open()
                var configuration = small
                configuration.retention.bytes = ByteCount(rawValue: 1000)
                try await stage.createTopic("retained", configuration)
                try await stage.send(25, to: "retained")
                try await stage.close()
            },
            { stage in
                stage.deletedBefore["retained"] = 25
                let report = try await stage.ready.housekeep()
                if let failure = report.findings.first(where: { $0.kind == .failure }) { throw FailedPass(failure) }
                #expect(try await stage.ready.offsets(try partition(of: "retained")).logStartOffset > .zero)
            }),
        EngineOperation(
            "compact",
            prepare: { stage in
                try await filled(stage)
                try await stage.open()
                var configuration = small
                configuration.retention.policy = .compact
                _ = try await stage.ready.createTopic("stock", configuration: configuration)
                try await stage.replace(40, in: "stock")
                try await stage.close()
            },
            { stage in
                let done = try await stage.ready.compact("stock")
                #expect(done.values.contains { $0.recordsDropped > 0 })
            }),
        EngineOperation("scrub") { stage in
            let done = try await stage.ready.scrub()
            #expect(done.values.allSatisfy { $0.damagedSegmentsCount == 0 })
        },
        EngineOperation("back up", check: expectWholeSnapshots) { stage in
            _ = try await stage.ready.backup(to: Stage.backups)
        },
        EngineOperation(
            "back up once more and remove what is old",
            prepare: { stage in
                try await filled(stage)
                try await stage.open()
                _ = try await stage.ready.backup(to: Stage.backups)
                try await stage.send(12)
                try await stage.close()
            }, check: expectWholeSnapshots,
            { stage in
                _ = try await stage.ready.backup(to: Stage.backups, options: BackupOptions(keep: 1))
            }),
        EngineOperation(
            "restore",
            prepare: { stage in
                try await filled(stage)
                try await stage.open()
                _ = try await stage.ready.backup(to: Stage.backups)
                try await stage.close()
            },
            check: { stage in
                guard try stage.disk.processFileSystem.exists(FilePath(Stage.restored)) else { return }
                let restored = try await Daybook.open(
                    Stage.restored, configuration: Configuration().with(disk: stage.disk))
                #expect(try await restored.content(try partition()).values.count == 25)
                try await restored.close()
            },
            { stage in
                _ = try await Daybook.restore(
                    Stage.backups, to: Stage.restored, in: Configuration(ioThreads: 1).with(disk: stage.disk))
            }),
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
