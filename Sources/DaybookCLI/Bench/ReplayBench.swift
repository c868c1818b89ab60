// `daybook bench replay`: every record that `bench append` left, read, checked, unpacked and decoded.
// It attaches for reading, so that a replay changes nothing and can be repeated.

import ArgumentParser
import Daybook

/// Reads the whole benchmark topic, one thread a partition, from the page cache if it is there.
struct ReplayBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Read every record that bench append left in the directory.")

    @OptionGroup var data: DataOptions

    @Option(help: "Stop after so many records of each partition.")
    var records: Int?

    @Option(help: "Read only so many partitions, from the first on; otherwise all.")
    var partitions: Int?

    @Option(
        name: [.customLong("read"), .customLong("batch")], help: "Bytes that one read asks for.",
        transform: AppendBench.batchSize)
    var read = ByteCount.kibibytes(256)

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let records, records < 1 { throw ValidationError("--records needs a number from 1 upwards.") }
        if let partitions, partitions < 1 { throw ValidationError("--partitions needs a number from 1 upwards.") }
    }

    func run() async throws {
        let daybook = try await Daybook.open(
            try data.directory(), configuration: Configuration(access: .readOnly))
        guard let topic = daybook.topics.first(where: { $0.name == BenchTopic.name }) else {
            throw ValidationError(
                "There is no topic \(BenchTopic.name) in this directory; run bench append there first.")
        }
        let limit = records ?? .max
        let read = read
        let measurement = Measurement(daybook)
        let count = min(partitions ?? .max, Int(topic.partitionsCount))
        let outcomes = try ThreadGroup.run(count) { number in
            try Self.replay(daybook, BenchTopic.partition(number), limit: limit, read: read)
        }
        let measured = measurement.end(daybook)
        let report = BenchReport(
            title: "replay", setting: "reads of \(read)", records: outcomes.reduce(0) { $0 + $1.records },
            payloadBytes: outcomes.reduce(0) { $0 + $1.bytes }, batches: outcomes.reduce(0) { $0 + $1.batches },
            measured: measured)
        try report.print(json: json)
        try await daybook.close()
        // The sum is worthless, but it keeps the compiler from leaving the reads out.
        if outcomes.reduce(0, { $0 &+ $1.touched }) == .max { note("") }
    }

    /// What one reader found.
    struct Outcome: Sendable {
        var records = 0
        var bytes = 0
        var batches = 0
        var touched = 0

        /// Counts a record and touches its bytes.
        @inline(__always)
        mutating func add(_ record: borrowing RecordView) {
            records += 1
            bytes += record.payloadCount
            if let key = record.key { touched &+= ReplayBench.touch(key) }
            if let value = record.value { touched &+= ReplayBench.touch(value) }
        }

        mutating func add(_ other: Outcome) {
            records += other.records
            bytes += other.bytes
            batches += other.batches
            touched &+= other.touched
        }
    }

    private static func replay(
        _ daybook: Daybook, _ partition: TopicPartition, limit: Int, read: ByteCount
    ) throws -> Outcome {
        var reader = try daybook.makeReader(partition)
        var outcome = Outcome()
        while outcome.records < limit {
            let result = try reader.read(maxBytes: read)
            if result.isEmpty { break }
            for case .batch(let batch) in result.elements {
                outcome.batches += 1
                try reader.forEach(in: batch) { outcome.add($0) }
            }
        }
        return outcome
    }

    /// One load from each cache line: proof that the bytes have arrived.
    @inline(__always)
    fileprivate static func touch(_ bytes: RawSpan) -> Int {
        bytes.withUnsafeBytes { buffer in
            var sum = buffer.count
            for place in stride(from: 0, to: buffer.count, by: 64) { sum &+= Int(buffer[place]) }
            return sum
        }
    }
}
