// `daybook bench latency`: from the sending of one durable record until a consumer that waits for it has it, side by side
// with a bare write and flush of as many bytes: nothing can be faster than that.

import ArgumentParser
import Daybook
import DaybookFiles
import Histogram
import SystemPackage

/// One record at a time, from a producer to a consumer.
struct LatencyBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "Send durable records one by one and measure until a waiting consumer has each of them.")

    @OptionGroup var data: DataOptions

    @Option(help: "How many records to send.")
    var records = 2000

    @Option(help: "Bytes of each value.")
    var size = 200

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if records < 1 { throw ValidationError("--records needs a number from 1 upwards.") }
        if !(1...(1 << 20)).contains(size) { throw ValidationError("--size needs a number from 1 to 1048576.") }
    }

    private static let topic = "bench-latency"

    func run() async throws {
        let directory = try data.directory()
        let daybook = try await Daybook.open(directory)
        if !daybook.topics.contains(where: { $0.name.description == Self.topic }) {
            try await daybook.createTopic(Self.topic)
        }
        let topicPartition = try daybook.topic(Self.topic).partitions[0]
        let consumer = try await daybook.makeConsumer(assigned: [topicPartition], from: .end)
        let producer = try daybook.makeProducer()
        let bare = try BareFlush(FilePath(directory).appending("bench-latency.tmp"), size: size + 80)
        let value = [UInt8](repeating: 0x61, count: size)
        var (floor, acknowledged, consumed) = (
            Histogram<UInt64>.ofLatencies(), Histogram<UInt64>.ofLatencies(), Histogram<UInt64>.ofLatencies()
        )
        let measurement = Measurement(daybook)
        for _ in 0..<records {
            // In turn, so that both meet the same disk.
            floor.record(try ThreadGroup.run(1) { _ in try bare.run() }[0])
            async let arrival = Self.next(consumer)
            let start = ContinuousClock.now
            _ = try await producer.send(Record(key: nil, value: value), to: Self.topic)
            acknowledged.record(since: start)
            consumed.record(start.duration(to: try await arrival))
        }
        let measured = measurement.end(daybook)
        try bare.remove()
        let ratio = Double(consumed.valueAtPercentile(50)) / Double(max(1, floor.valueAtPercentile(50)))
        func microseconds(_ histogram: Histogram<UInt64>, _ percentile: Double) -> Double {
            Double(histogram.valueAtPercentile(percentile)) / 1000
        }
        var extras: [(name: String, value: JSONValue, text: String)] = []
        for (name, histogram) in [("bareFlush", floor), ("acknowledged", acknowledged)] {
            for percentile in [50.0, 99] {
                let time = microseconds(histogram, percentile)
                extras.append(
                    (
                        "\(name) \(BenchReport.name(percentile))", .number(time, places: 1),
                        "\(Numbers.fixed(time, 0)) µs"
                    ))
            }
        }
        extras.append(("p50 over bare flush", .number(ratio, places: 3), Numbers.fixed(ratio, 3)))
        let report = BenchReport(
            title: "latency", setting: "one record at a time, until a consumer has it", records: records,
            payloadBytes: records * size, batches: records, measured: measured, latencies: consumed, extras: extras)
        try report.print(json: json)
        try await daybook.close()
    }

    /// When the consumer had the next record.
    private static func next(_ consumer: Consumer) async throws -> ContinuousClock.Instant {
        while try await consumer.poll(max: 1, timeout: .seconds(10)).isEmpty {}
        return .now
    }
}

/// A file to which bytes are appended and flushed.
private final class BareFlush: Sendable {
    private let path: FilePath
    private let fileSystem = PosixFileSystem()
    private let file: any File
    private let bytes: [UInt8]

    init(_ path: FilePath, size: Int) throws {
        self.path = path
        file = try fileSystem.open(path, .create)
        bytes = [UInt8](repeating: 0x62, count: size)
    }

    /// How long one write and one flush take.
    func run() throws -> Duration {
        let end = Position(try file.status().size)
        let start = ContinuousClock.now
        try bytes.withUnsafeBytes { _ = try file.write($0, at: end) }
        try file.flush()
        return start.duration(to: .now)
    }

    func remove() throws {
        try file.close()
        try fileSystem.removeFile(path)
    }
}
