// `daybook bench maintenance`: what a durable append waits while the engine compacts and scrubs, beside what it waits when
// nothing else is going on. Quiet and busy rounds take turns, so that both see the same disk.

import ArgumentParser
import Daybook
import Histogram
import Synchronization

/// An open loop: appends are due at fixed moments, and one that comes late is counted from when it was due.
struct MaintenanceBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance",
        abstract: "Compare how long durable appends take with and without maintenance running.")

    @OptionGroup var data: DataOptions
    @Option(help: "Rounds of each kind, in turns.")
    var rounds = 5
    @Option(help: "Appends in each round.")
    var appends = 1000
    @Option(help: "Appends a second.")
    var perSecond = 250
    @Option(help: "Bytes to be compacted in each busy round.", transform: OptionValues.byteCount)
    var maintained: ByteCount = .mebibytes(64)
    @Option(help: "Bytes a second that maintenance may read.", transform: OptionValues.byteCount)
    var rate: ByteCount = HousekeepingConfiguration().bytesPerSecond ?? .mebibytes(32)
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard rounds > 0, appends > 0, perSecond > 0, rate.rawValue > 0, maintained.rawValue > 0 else {
            throw ValidationError("--rounds, --appends, --per-second, --maintained and --rate need at least 1.")
        }
    }

    func run() async throws {
        var configuration = Configuration()
        configuration.housekeeping.isAutomatic = false
        configuration.housekeeping.bytesPerSecond = rate
        let daybook = try await Daybook.open(try data.directory(), configuration: configuration)
        if !daybook.topics.contains(where: { $0.name == BenchTopic.name }) {
            try await daybook.createTopic(BenchTopic.name.description)
        }
        var quiet = Histogram<UInt64>.ofLatencies()
        var busy = Histogram<UInt64>.ofLatencies()
        var maintainedBytes = 0
        for round in 0..<rounds {
            try await fill(daybook, topic: "maintained-\(round)")
            quiet.add(try await appendAll(daybook))
            let isOver = Ending()
            async let maintenance = maintain(daybook, topic: "maintained-\(round)", until: isOver)
            busy.add(try await appendAll(daybook))
            isOver.set()
            maintainedBytes += try await maintenance
            try await daybook.deleteTopic("maintained-\(round)")
        }
        try await daybook.close()
        try print(quiet, busy, maintainedBytes)
    }

    /// Many versions of few keys, in segments small enough that most of them are closed.
    private func fill(_ daybook: Daybook, topic name: String) async throws {
        var topic = TopicConfiguration()
        topic.segmentBytes = .bytes(max(64 << 10, maintained.rawValue / 16))
        topic.retention.policy = .compact
        if daybook.topics.contains(where: { $0.name.description == name }) { try await daybook.deleteTopic(name) }
        try await daybook.createTopic(name, configuration: topic)
        let partition = TopicPartition(topic: try TopicName(name), partition: 0)
        let events = try BenchData.generate(maintained.rawValue / 700, size: nil)
        _ = try ThreadGroup.run(1) { _ in
            var writer = try daybook.makeWriter(partition, durability: .osCache)
            for index in 0..<events.count {
                let key = [UInt8]("key \(index % 5000)".utf8)
                try key.withUnsafeBytes {
                    try writer.append(key: $0, value: events[index].value, timestamp: Timestamp(milliseconds: 1))
                }
            }
            try writer.flush()
        }
        try await daybook.flush()
    }

    /// Compacts, then scrubs again and again; returns the bytes read.
    private func maintain(_ daybook: Daybook, topic: String, until isOver: Ending) async throws -> Int {
        var bytes = 0
        for status in try await daybook.compact(topic).values { bytes += status.bytesRead.rawValue }
        while !isOver.isSet {
            for status in try await daybook.scrub(topic).values { bytes += status.bytes.rawValue }
        }
        return bytes
    }

    private func appendAll(_ daybook: Daybook) async throws -> Histogram<UInt64> {
        let (count, interval) = (appends, Duration.seconds(1) / perSecond)
        let parts = try ThreadGroup.run(1) { _ in
            var latencies = Histogram<UInt64>.ofLatencies()
            var writer = try daybook.makeWriter(BenchTopic.partition(0), durability: .durable)
            let value = [UInt8](repeating: 120, count: 500)
            let start = ContinuousClock.now
            for number in 0..<count {
                let due = start.advanced(by: interval * number)
                Pause.until(due)
                try value.withUnsafeBytes {
                    try writer.append(key: nil, value: $0, timestamp: Timestamp(milliseconds: 1))
                }
                try writer.flush()
                latencies.record(since: due)
            }
            return latencies
        }
        return BenchReport.together(parts)
    }

    private func print(_ quiet: Histogram<UInt64>, _ busy: Histogram<UInt64>, _ bytes: Int) throws {
        let percentiles = [50.0, 90, 99, 99.9, 100]
        func microseconds(_ histogram: Histogram<UInt64>, _ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1000
        }
        if json {
            let values = percentiles.map { percentile -> (key: String, value: JSONValue) in
                (
                    key: BenchReport.name(percentile),
                    value: [
                        "quietMicroseconds": .number(microseconds(quiet, percentile), places: 1),
                        "busyMicroseconds": .number(microseconds(busy, percentile), places: 1),
                    ]
                )
            }
            let object: JSONValue = [
                "benchmark": "maintenance", "appends": .integer(rounds * appends),
                "maintainedBytes": .integer(bytes), "latency": .object(values),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        var table = TextTable(columns: [
            .left("durable append"), .right("quiet"), .right("with maintenance"), .right("ratio"),
        ])
        for percentile in percentiles {
            let (before, after) = (microseconds(quiet, percentile), microseconds(busy, percentile))
            table.addRow([
                BenchReport.name(percentile), "\(Numbers.fixed(before, 0)) µs", "\(Numbers.fixed(after, 0)) µs",
                Numbers.fixed(after / before, 2),
            ])
        }
        try StandardStream.output.writeAll(table.render().utf8)
        try StandardStream.output.writeLine(
            "\(Numbers.grouped(rounds * appends)) appends of each kind, \(perSecond) a second, counted from when they were "
                + "due; maintenance read \(Numbers.bytes(bytes)) at up to \(Numbers.bytes(rate.rawValue)) a second.")
    }
}

/// Set once, seen by another task.
private final class Ending: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
