// `daybook bench transactions`: the same records through the producer without idempotence, with it, with a flush as often as a
// transaction ends, and in transactions. They take turns in one process, into the same topic, so that all see the same machine.

import ArgumentParser
import Daybook

/// What exactly-once costs over a producer that promises less.
struct TransactionBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transactions",
        abstract: "Compare records sent plainly, idempotently and in transactions, side by side.")

    /// A way of sending, each one with a stronger promise than the one before.
    enum Way: String, CaseIterable {
        case plain, idempotent
        /// As many records as a transaction has, and a flush that is waited for: the same bytes and batches on the disk.
        case flushed
        case transactions
    }

    @OptionGroup var options: BenchOptions
    @Option(help: "Records of a transaction.")
    var transaction = 1000
    @Option(help: "How often each way has its turn.")
    var rounds = 5
    @Option(help: "Bytes of records in a batch, before compression.", transform: AppendBench.batchSize)
    var batch = ByteCount.kibibytes(64)
    @Option(help: "durable or osCache.", transform: OptionValues.durability)
    var durability = Durability.osCache

    func validate() throws {
        guard rounds > 0, transaction > 0 else { throw ValidationError("--rounds and --transaction need at least 1.") }
        if durability == .buffered {
            throw ValidationError("A transaction cannot be buffered: use durable or osCache.")
        }
    }

    func run() async throws {
        let data = try options.load(standardCount: 100_000)
        let daybook = try await options.open(durability: durability)
        var results: [Way: [Measurement.Result]] = [:]
        for round in 0..<rounds {
            // Each begins as often as the others: what one leaves to be written back is not always the same one's burden.
            for index in Way.allCases.indices {
                let way = Way.allCases[(index + round) % Way.allCases.count]
                results[way, default: []].append(try await measure(way, data, daybook))
                try await daybook.flush()
            }
        }
        try await daybook.close()
        try print(results, records: data.count)
    }

    private func measure(_ way: Way, _ data: BenchData, _ daybook: Daybook) async throws -> Measurement.Result {
        let configuration = ProducerConfiguration(
            batchSize: batch, compression: options.compression, durability: way == .flushed ? .durable : durability,
            isIdempotent: way != .plain)
        guard way == .transactions else {
            let producer = try daybook.makeProducer(configuration)
            let measurement = Measurement(daybook)
            for index in 0..<data.count {
                try await producer.enqueue(record(index, data), to: BenchTopic.name.description)
                if way == .flushed, (index + 1) % transaction == 0 { try await producer.flush() }
            }
            try await producer.close()
            return measurement.end(daybook)
        }
        let producer = try await daybook.makeTransactionalProducer(id: "bench", configuration)
        let measurement = Measurement(daybook)
        for start in stride(from: 0, to: data.count, by: transaction) {
            let current = try await producer.begin()
            for index in start..<min(data.count, start + transaction) {
                try await current.send(record(index, data), to: BenchTopic.name.description)
            }
            try await current.commit()
        }
        let measured = measurement.end(daybook)
        await producer.close()
        return measured
    }

    private func record(_ index: Int, _ data: BenchData) -> Record {
        let (key, value) = data[index]
        return Record(key: [UInt8](key), value: [UInt8](value), timestamp: Timestamp(milliseconds: 1_767_225_600_000))
    }

    // MARK: result

    /// CPU of one record in microseconds and records a second, each the median of all rounds.
    private func median(_ results: [Measurement.Result], records: Int) -> (cpu: Double, perSecond: Double) {
        let cpu = results.map { $0.cpuSeconds * 1e6 / Double(records) }.sorted()
        let speed = results.map { Double(records) / $0.seconds }.sorted()
        return (cpu[cpu.count / 2], speed[speed.count / 2])
    }

    private func print(_ results: [Way: [Measurement.Result]], records: Int) throws {
        let medians = Way.allCases.map { ($0, median(results[$0] ?? [], records: records)) }
        if options.json {
            let ways = medians.map { way, median -> (key: String, value: JSONValue) in
                (
                    key: way.rawValue,
                    value: [
                        "cpuMicrosecondsPerRecord": .number(median.cpu, places: 4),
                        "recordsPerSecond": .number(median.perSecond, places: 1),
                    ]
                )
            }
            let object: JSONValue = [
                "benchmark": "transactions", "records": .integer(records), "rounds": .integer(rounds),
                "recordsOfTransaction": .integer(transaction), "ways": .object(ways),
            ]
            return try StandardStream.output.writeLine(object.text)
        }
        var table = TextTable(columns: [
            .left("records sent"), .right("CPU µs per record"), .right("to the one above"),
            .right("records per second"),
        ])
        for (index, (way, median)) in medians.enumerated() {
            let ratio = index == 0 ? "" : Numbers.fixed(median.cpu / medians[index - 1].1.cpu, 3)
            table.addRow([
                way.rawValue, Numbers.fixed(median.cpu, 3), ratio, Numbers.grouped(Int(median.perSecond)),
            ])
        }
        try StandardStream.output.writeAll(table.render().utf8)
    }
}
