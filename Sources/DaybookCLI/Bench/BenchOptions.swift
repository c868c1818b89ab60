// What the benchmarks have in common: where, with which records, how many partitions, and the topic they use.
// How many bytes a batch has and what is promised differ from benchmark to benchmark and stand there.

import ArgumentParser
import Daybook

/// Options of `bench append` and `bench durable`.
struct BenchOptions: ParsableArguments {
    @OptionGroup var data: DataOptions

    @Option(help: "How many records to append.")
    var records: Int?

    @Option(help: "Bytes of each value; otherwise generated ERP events of 200 bytes to 2 KiB.")
    var size: Int?

    @Option(help: "Take the records from this file: [u32le key length][key][u32le value length][value], repeated.")
    var dataFile: String?

    @Option(help: "How many partitions; each is written by a thread of its own.")
    var partitions = 1

    @Option(help: "none, lz4, zstd, or one with a level, such as zstd:3.", transform: OptionValues.compression)
    var compression = Compression.none

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let records, records < 1 { throw ValidationError("--records needs a number from 1 upwards.") }
        if let size, !(1...(64 << 20)).contains(size) {
            throw ValidationError("--size needs a number from 1 to 67108864.")
        }
        if !(1...10_000).contains(partitions) { throw ValidationError("--partitions needs a number from 1 to 10000.") }
        if size != nil && dataFile != nil { throw ValidationError("Give --size or --data-file, not both.") }
    }

    /// The records, in memory.
    func load(standardCount: Int) throws -> BenchData {
        if let dataFile {
            let loaded = try BenchData.load(dataFile, limit: records ?? .max)
            guard loaded.count > 0 else { throw ValidationError("The data file \(dataFile) holds no records.") }
            return loaded
        }
        return try BenchData.generate(records ?? standardCount, size: size)
    }

    /// Opens the directory and makes or adapts the topic of the benchmarks.
    ///
    /// Without a durable promise nothing is flushed while the clock runs: what is measured is the promise asked for. The
    /// flush comes when the directory is closed, so that `replay` finds everything.
    func open(durability: Durability) async throws -> Daybook {
        let daybook = try await Daybook.open(try data.directory())
        var configuration = TopicConfiguration(compression: compression)
        if durability != .durable { configuration.flushInterval = .seconds(3600) }
        if let existing = daybook.topics.first(where: { $0.name == BenchTopic.name }) {
            guard Int(existing.partitionsCount) == partitions else {
                try await daybook.close()
                throw ValidationError(
                    "The topic \(BenchTopic.name) in this directory has \(existing.partitionsCount) partitions, not "
                        + "\(partitions); use another directory or the same number.")
            }
            let names = ["compression.type", "compression.lz4.level", "compression.zstd.level", "flush.ms"]
            let settings = TopicConfigurationTable.settings.filter { names.contains($0.name) }
                .map { ($0.name, $0.text(configuration)) }
            try await daybook.alterTopic(BenchTopic.name.description, settings: settings)
        } else {
            try await daybook.createTopic(
                BenchTopic.name.description, partitions: partitions, configuration: configuration)
        }
        return daybook
    }
}

/// The topic that the benchmarks write and read.
enum BenchTopic {
    /// A literal that obeys the rules for names.
    static let name: TopicName = {
        guard let name = try? TopicName("bench") else { preconditionFailure("bench is a valid topic name") }
        return name
    }()

    /// Bytes of all partitions.
    static func size(in daybook: Daybook) async throws -> Int {
        var size = 0
        for partition in try daybook.topic(name.description).partitions {
            size += try await daybook.offsets(partition).size.rawValue
        }
        return size
    }

    static func partition(_ number: Int) -> TopicPartition { TopicPartition(topic: name, partition: Int32(number)) }
}
