// One thread of a benchmark that appends: its share of the records, in batches, to one partition.
// `bench append` has one a partition, `bench durable` many.

import Daybook
import Histogram

/// Appends the `number`-th of `count` equal shares of the records.
struct BenchSender: Sendable {
    let data: BenchData
    let number: Int
    let count: Int
    let partition: TopicPartition
    /// A batch is closed at this many bytes of records before compression, …
    let batchSize: ByteCount
    /// … or at this many records, if that is given.
    let batchRecords: Int?
    let compression: Compression
    let durability: Durability

    /// What one sender did.
    struct Outcome: Sendable {
        var batches = 0
        /// How long each batch took until it was durable; empty for weaker promises, which return at once.
        var latencies = Histogram<UInt64>.ofLatencies()
    }

    func run(_ daybook: Daybook) throws -> Outcome {
        var writer = try daybook.makeWriter(
            partition, batchSize: batchSize, compression: compression, durability: durability)
        var outcome = Outcome()
        let timestamp = Timestamp(milliseconds: 1_767_225_600_000)
        let isDurable = durability == .durable
        var inBatch = 0
        for index in data.count * number / count..<data.count * (number + 1) / count {
            let (key, value) = data[index]
            // Only who waits for the disk has a latency worth the look at the clock.
            let start = isDurable ? ContinuousClock.now : nil
            let before = writer.batchesCount
            try writer.append(key: key, value: value, timestamp: timestamp)
            inBatch = writer.batchesCount > before ? 1 : inBatch + 1
            if inBatch == batchRecords {
                try writer.flush()
                inBatch = 0
            }
            if let start, writer.batchesCount > before { outcome.latencies.record(since: start) }
        }
        let start = ContinuousClock.now
        if try writer.flush() != nil, isDurable { outcome.latencies.record(since: start) }
        outcome.batches = writer.batchesCount
        return outcome
    }
}
