// `daybook bench append`: as many records as possible, by one thread a partition or through the producer.
// What is timed is the appending alone: the records are in memory before, the last flush comes after.

import ArgumentParser
import Daybook

/// Appends all records and measures what that took.
struct AppendBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "append", abstract: "Append records as fast as one thread a partition can.")

    /// Which way records take.
    enum Way: String, ExpressibleByArgument, CaseIterable {
        case partition, producer
    }

    @OptionGroup var options: BenchOptions

    @Option(help: "Bytes of records in a batch, before compression.", transform: AppendBench.batchSize)
    var batch = ByteCount.kibibytes(64)

    @Option(
        help: "durable (each batch is flushed), osCache (nothing is flushed while the clock runs) or buffered.",
        transform: OptionValues.durability)
    var durability = Durability.osCache

    @Option(help: "partition: threads that encode and write themselves; producer: records enqueued one by one.")
    var via = Way.partition

    @Flag(help: "With --via producer: without a producer id, so that a batch that comes twice is not recognised.")
    var plain = false

    func validate() throws {
        if durability == .buffered && via == .partition {
            throw ValidationError("A buffered promise is the producer's: add --via producer.")
        }
        if plain && via == .partition {
            throw ValidationError("Only a producer has an id that it can do without: add --via producer.")
        }
    }

    func run() async throws {
        let data = try options.load(standardCount: 500_000)
        let daybook = try await options.open(durability: durability)
        var report = BenchReport(
            title: "append", setting: "\(options.compression), \(batch), \(durability.rawValue), via \(via.rawValue)",
            records: data.count, payloadBytes: data.payloadBytes, batches: 0,
            measured: Measurement(daybook).end(daybook))
        let sizeBefore = try await BenchTopic.size(in: daybook)
        switch via {
        case .partition:
            let measurement = Measurement(daybook)
            let (partitions, batch, compression, durability) = (
                options.partitions, batch, options.compression, durability
            )
            let outcomes = try ThreadGroup.run(partitions) { number in
                try BenchSender(
                    data: data, number: number, count: partitions, partition: BenchTopic.partition(number),
                    batchSize: batch, batchRecords: nil, compression: compression, durability: durability
                ).run(daybook)
            }
            report.measured = measurement.end(daybook)
            report.batches = outcomes.reduce(0) { $0 + $1.batches }
            if durability == .durable { report.latencies = BenchReport.together(outcomes.map(\.latencies)) }
        case .producer:
            let producer = try daybook.makeProducer(
                ProducerConfiguration(
                    batchSize: batch, compression: options.compression, durability: durability, isIdempotent: !plain))
            let measurement = Measurement(daybook)
            let summary = try await enqueue(data, producer)
            report.measured = measurement.end(daybook)
            report.batches = summary.batchesCount
        }
        report.appendedBytes = try await BenchTopic.size(in: daybook) - sizeBefore
        try report.print(json: options.json)
        try await daybook.close()
    }

    private func enqueue(_ data: BenchData, _ producer: Producer) async throws -> FlushSummary {
        let timestamp = Timestamp(milliseconds: 1_767_225_600_000)
        for index in 0..<data.count {
            let (key, value) = data[index]
            try await producer.enqueue(
                Record(key: [UInt8](key), value: [UInt8](value), timestamp: timestamp), to: BenchTopic.name.description)
        }
        return try await producer.flush()
    }

    /// Reads an amount such as 64KiB.
    static func batchSize(_ text: String) throws -> ByteCount {
        guard let size = ByteCount(parsing: text), (1...(1 << 30)).contains(size.rawValue) else {
            throw ValidationError("\"\(text)\" is no batch size; write 64KiB or 1MiB for instance, at most 1GiB.")
        }
        return size
    }
}
