// `daybook bench durable`: many senders that each wait until what they sent is on the disk.
// Shows what group commit is worth: many waiting senders share one flush.

import ArgumentParser
import Daybook
import Histogram

/// Senders that append a batch, wait until it is durable, and go on: a closed loop of each sender.
struct DurableBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "durable", abstract: "Append from many senders that each wait until their batch is on the disk.")

    @OptionGroup var options: BenchOptions

    @Option(help: "How many senders there are at once; each is a thread.")
    var senders = 64

    @Option(help: "How many records each sender appends before it waits for the disk.")
    var batchRecords = 100

    func validate() throws {
        if !(1...4096).contains(senders) { throw ValidationError("--senders needs a number from 1 to 4096.") }
        if !(1...1_000_000).contains(batchRecords) {
            throw ValidationError("--batch-records needs a number from 1 to 1000000.")
        }
    }

    func run() async throws {
        let data = try options.load(standardCount: 200_000)
        let daybook = try await options.open(durability: .durable)
        let sizeBefore = try await BenchTopic.size(in: daybook)
        let measurement = Measurement(daybook)
        let outcomes = try ThreadGroup.run(senders) { try send(data, sender: $0, to: daybook) }
        let measured = measurement.end(daybook)
        var latencies = Histogram<UInt64>.ofLatencies()
        for outcome in outcomes { latencies.add(outcome.latencies) }
        let batches = outcomes.reduce(0) { $0 + $1.batches }
        let report = BenchReport(
            title: "durable", setting: "\(options.compression), \(senders) senders, batches of \(batchRecords) records",
            records: data.count, payloadBytes: data.payloadBytes,
            appendedBytes: try await BenchTopic.size(in: daybook) - sizeBefore, batches: batches, measured: measured,
            latencies: latencies,
            extras: [
                (
                    "batchesPerFlush", .number(Double(batches) / Double(max(1, measured.flushes)), places: 2),
                    Numbers.fixed(Double(batches) / Double(max(1, measured.flushes)), 2)
                )
            ])
        try report.print(json: options.json)
        try await daybook.close()
    }

    private func send(
        _ data: BenchData, sender: Int, to daybook: Daybook
    ) throws -> (batches: Int, latencies: Histogram<UInt64>) {
        // Room for the batch whatever its records measure: it is closed by the count.
        var writer = try daybook.makeWriter(
            BenchTopic.partition(sender % options.partitions), batchSize: .mebibytes(8),
            compression: options.compression, durability: .durable)
        var latencies = Histogram<UInt64>.ofLatencies()
        let share = data.count * sender / senders..<data.count * (sender + 1) / senders
        let timestamp = Timestamp(milliseconds: 1_767_225_600_000)
        for start in stride(from: share.lowerBound, to: share.upperBound, by: batchRecords) {
            for index in start..<min(start + batchRecords, share.upperBound) {
                let (key, value) = data[index]
                try writer.append(key: key, value: value, timestamp: timestamp)
            }
            let before = ContinuousClock.now
            try writer.flush()
            latencies.record(since: before)
        }
        return (writer.batchesCount, latencies)
    }
}
