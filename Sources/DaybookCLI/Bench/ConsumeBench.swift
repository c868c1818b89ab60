// `daybook bench consume`: every record that `bench append` left, through consumers instead of threads that block.
// To be compared with `bench replay`, which reads the same bytes with nothing in between.

import ArgumentParser
import Daybook

/// Consumes the whole benchmark topic, by one consumer or more, each with a share of the partitions.
struct ConsumeBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Consume every record that bench append left in the directory.")

    @OptionGroup var data: DataOptions

    @Option(help: "How many consumers share the partitions, each in a task of its own.")
    var consumers = 1

    @Option(
        help: "Bytes that each consumer reads ahead, and of one partition at most a quarter of them.",
        transform: AppendBench.batchSize)
    var readAhead: ByteCount?

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if !(1...1000).contains(consumers) { throw ValidationError("--consumers needs a number from 1 to 1000.") }
    }

    func run() async throws {
        let daybook = try await Daybook.open(
            try data.directory(), configuration: Configuration(access: .readOnly))
        guard let topic = daybook.topics.first(where: { $0.name == BenchTopic.name }) else {
            throw ValidationError(
                "There is no topic \(BenchTopic.name) in this directory; run bench append there first.")
        }
        let count = min(consumers, Int(topic.partitionsCount))
        var configuration = ConsumerConfiguration()
        if let readAhead {
            configuration.readAhead = readAhead
            configuration.partitionReadAhead = max(.kibibytes(4), .bytes(readAhead.rawValue / 4))
        }
        let settings = configuration
        let measurement = Measurement(daybook)
        let outcome = try await withThrowingTaskGroup(of: ReplayBench.Outcome.self) { group in
            for number in 0..<count {
                let share = topic.partitions.filter { Int($0.partition) % count == number }
                group.addTask { try await Self.consume(daybook, share, settings) }
            }
            return try await group.reduce(into: ReplayBench.Outcome()) { $0.add($1) }
        }
        let measured = measurement.end(daybook)
        let report = BenchReport(
            title: "consume", setting: count == 1 ? "one consumer" : "\(count) consumers", records: outcome.records,
            payloadBytes: outcome.bytes, batches: outcome.batches, measured: measured)
        try report.print(json: json)
        try await daybook.close()
        // The sum is worthless, but it keeps the compiler from leaving the reads out.
        if outcome.touched == .max { note("") }
    }

    private static func consume(
        _ daybook: Daybook, _ share: [TopicPartition], _ configuration: ConsumerConfiguration
    ) async throws -> ReplayBench.Outcome {
        var outcome = ReplayBench.Outcome()
        var left: [TopicPartition: Offset] = [:]
        for partition in share {
            let offsets = try await daybook.offsets(partition)
            if offsets.logStartOffset < offsets.highWatermark { left[partition] = offsets.highWatermark }
        }
        let consumer = try await daybook.makeConsumer(assigned: share, from: .beginning, configuration: configuration)
        for try await batch in consumer.batches {
            outcome.batches += 1
            try batch.forEach { outcome.add($0) }
            if let end = left[batch.topicPartition], batch.nextOffset >= end {
                left[batch.topicPartition] = nil
                if left.isEmpty { break }
            }
        }
        return outcome
    }
}
