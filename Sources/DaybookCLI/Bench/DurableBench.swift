// `daybook bench durable`: many senders that each wait until what they sent is on the disk.
// Shows what group commit is worth: many waiting senders share one flush.

import ArgumentParser
import Daybook

/// Senders that append a batch, wait until it is durable, and go on: a closed loop of each sender.
struct DurableBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "durable", abstract: "Append from many senders that each wait until their batch is on the disk.")

    @OptionGroup var options: BenchOptions

    @Option(help: "How many senders there are at once; each is a thread.")
    var senders = 64

    @Option(
        help: "How many records each sender appends before it waits for the disk; 100, unless --batch is given.")
    var batchRecords: Int?

    @Option(help: "Bytes of records in a batch, before compression.", transform: AppendBench.batchSize)
    var batch: ByteCount?

    /// The limits of a batch: records, bytes, or whichever comes first.
    private var limits: (records: Int?, bytes: ByteCount) {
        (batchRecords ?? (batch == nil ? 100 : nil), batch ?? .mebibytes(8))
    }

    func validate() throws {
        if !(1...4096).contains(senders) { throw ValidationError("--senders needs a number from 1 to 4096.") }
        if let batchRecords, !(1...1_000_000).contains(batchRecords) {
            throw ValidationError("--batch-records needs a number from 1 to 1000000.")
        }
    }

    func run() async throws {
        let data = try options.load(standardCount: 200_000)
        let daybook = try await options.open(durability: .durable)
        let sizeBefore = try await BenchTopic.size(in: daybook)
        let (senders, partitions, compression, limits) = (senders, options.partitions, options.compression, limits)
        let measurement = Measurement(daybook)
        let outcomes = try ThreadGroup.run(senders) { number in
            try BenchSender(
                data: data, number: number, count: senders, partition: BenchTopic.partition(number % partitions),
                batchSize: limits.bytes, batchRecords: limits.records, compression: compression, durability: .durable
            ).run(daybook)
        }
        let measured = measurement.end(daybook)
        let batches = outcomes.reduce(0) { $0 + $1.batches }
        let batchesPerFlush = Double(batches) / Double(max(1, measured.flushes))
        let size = limits.records.map { "\($0) records" } ?? "\(limits.bytes)"
        let report = BenchReport(
            title: "durable", setting: "\(compression), \(senders) senders, batches of \(size)",
            records: data.count, payloadBytes: data.payloadBytes,
            appendedBytes: try await BenchTopic.size(in: daybook) - sizeBefore, batches: batches, measured: measured,
            latencies: BenchReport.together(outcomes.map(\.latencies)),
            extras: [
                ("batchesPerFlush", .number(batchesPerFlush, places: 2), Numbers.fixed(batchesPerFlush, 2))
            ])
        try report.print(json: options.json)
        try await daybook.close()
    }
}
