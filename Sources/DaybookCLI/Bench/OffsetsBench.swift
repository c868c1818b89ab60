// `daybook bench offsets`: how long a process with many groups takes from opening the directory to knowing all committed offsets,
// and how many commits a second become durable. Fills the directory first where it does not hold the groups yet.

import ArgumentParser
import Daybook

/// Opens a directory with the committed offsets of many groups, and commits.
struct OffsetsBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offsets", abstract: "Open a directory with many committed offsets, and commit some more.",
        discussion: """
            The offsets are committed for a topic with that many partitions, in several passes, because the log of commits that \
            is read at the start holds old ones as well until it is compacted. The directory must hold nothing else: the groups \
            stay in it.
            """)

    @OptionGroup var data: DataOptions
    @Option(help: "How many groups.")
    var groups = 1000
    @Option(help: "How many partitions each of them has committed.")
    var partitions = 100
    @Option(help: "How often each group commits all of them before the directory is opened.")
    var passes = 1
    @Option(help: "How many commits of one partition each are measured, waiting for each and waiting for all.")
    var commits = 2000
    @Option(help: "How many groups commit at once when nobody waits for another.")
    var committers = 64
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard groups > 0, (1...10_000).contains(partitions), passes > 0, commits > 0, committers > 0 else {
            throw ValidationError("All numbers of bench offsets begin at 1; there are at most 10000 partitions.")
        }
    }

    func run() async throws {
        let directory = try data.directory()
        try await fill(directory)
        let start = ContinuousClock.now
        let daybook = try await Daybook.open(directory)
        let opened = ContinuousClock.now
        var found = 0
        for group in 0..<groups { found += try await daybook.committedOffsets(group: Self.name(group)).count }
        let known = ContinuousClock.now
        let logBytes = try await size(daybook)
        let alone = try await commit(daybook, groups: 1)
        let together = try await commit(daybook, groups: committers)
        try await daybook.close()
        try print(
            Figures(
                found: found, logBytes: logBytes, open: start.duration(to: opened), read: opened.duration(to: known),
                alone: alone, together: together))
    }

    private static func name(_ group: Int) -> String { "group \(group)" }

    /// Commits everything as often as asked for, unless the directory holds the last group's offsets already.
    private func fill(_ directory: String) async throws {
        let daybook = try await Daybook.open(directory)
        if let other = daybook.topics.first(where: { $0.name != BenchTopic.name }) {
            try await daybook.close()
            throw ValidationError(
                "This directory holds the topic \(other.name), and the benchmark would leave \(groups) groups beside it; name "
                    + "a directory of its own with --data.")
        }
        if daybook.topics.contains(where: { $0.name == BenchTopic.name }) {
            let count = try daybook.topic(BenchTopic.name.description).partitionsCount
            guard Int(count) == partitions else {
                try await daybook.close()
                throw ValidationError(
                    "The topic \(BenchTopic.name) in this directory has \(count) partitions, not \(partitions); use another "
                        + "directory or the same number.")
            }
        } else {
            try await daybook.createTopic(BenchTopic.name.description, partitions: partitions)
        }
        if try await daybook.committedOffsets(group: Self.name(groups - 1)).isEmpty {
            let offsets = Dictionary(
                uniqueKeysWithValues: (0..<partitions).map { (BenchTopic.partition($0), OffsetCommit(0)) })
            for _ in 0..<passes {
                try await concurrently(groups) { try await daybook.commit(group: Self.name($0), offsets: offsets) }
            }
        }
        try await daybook.close()
    }

    private func size(_ daybook: Daybook) async throws -> Int {
        var size = 0
        for topic in daybook.topics(includingInternal: true) where topic.isInternal {
            for partition in topic.partitions { size += try await daybook.offsets(partition).size.rawValue }
        }
        return size
    }

    /// Commits a second, by so many groups at once, each of which waits for its own.
    private func commit(_ daybook: Daybook, groups count: Int) async throws -> Double {
        let each = max(1, commits / count)
        let partition = BenchTopic.partition(0)
        let start = ContinuousClock.now
        try await concurrently(count) { group in
            for _ in 0..<each {
                try await daybook.commit(group: Self.name(group), offsets: [partition: OffsetCommit(0)])
            }
        }
        return Double(each * count) / (start.duration(to: .now) / .seconds(1))
    }

    private func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<count { tasks.addTask { try await body(number) } }
            try await tasks.waitForAll()
        }
    }

    /// What was measured.
    private struct Figures {
        var found: Int
        var logBytes: Int
        var open: Duration
        var read: Duration
        /// Commits a second.
        var alone: Double
        var together: Double
    }

    private func print(_ figures: Figures) throws {
        let (open, read) = (figures.open / .milliseconds(1), figures.read / .milliseconds(1))
        if json {
            let object: JSONValue = [
                "benchmark": "offsets", "groups": .integer(groups), "committedOffsets": .integer(figures.found),
                "logBytes": .integer(figures.logBytes), "openMilliseconds": .number(open, places: 1),
                "readMilliseconds": .number(read, places: 1), "commitsPerSecond": .number(figures.alone, places: 0),
                "committers": .integer(committers), "commitsPerSecondTogether": .number(figures.together, places: 0),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        var table = TextTable(columns: [.left("committed offsets"), .right("\(counted(groups, "group"))")])
        table.addRow(["found", Numbers.grouped(figures.found)])
        table.addRow(["log of commits", Numbers.bytes(figures.logBytes)])
        table.addRow(["open, ms", Numbers.fixed(open, 1)])
        table.addRow(["read and ask, ms", Numbers.fixed(read, 1)])
        table.addRow(["commits a second, one group", Numbers.grouped(Int(figures.alone))])
        table.addRow(["commits a second, \(counted(committers, "group"))", Numbers.grouped(Int(figures.together))])
        try StandardStream.output.writeAll(table.render().utf8)
    }
}
