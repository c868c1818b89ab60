// The demo's producer: the generated events, in order, each to the partition of its order.
// Runs in the process that is killed, and once more after the recovery.

import Daybook

/// Ingests what is not yet in the log.
struct DemoIngestion {
    let daybook: Daybook
    let records: Int
    let partitions: Int

    struct Outcome {
        var recordsCount = 0
        var payloadBytes = 0
        var seconds = 0.0
    }

    /// After this many events the producer waits for everything to be durable and says so.
    private var acknowledgeEvery: Int { min(5000, records / 10) }

    /// Generates all events and leaves out the first `skipped` of each partition: the log has them. A partition holds its
    /// events in the order of their generation, so what a crash left is exactly a beginning of them.
    func run(
        skipping skipped: [Int32: Int64], acknowledged: (Int) -> Void
    ) async throws -> Outcome {
        var events = ErpEvents()
        var seen: [Int32: Int64] = [:]
        var outcome = Outcome()
        let producer = try daybook.makeProducer(ProducerConfiguration(linger: .milliseconds(50)))
        let progress = Progress(label: "   ingesting", total: records)
        let start = ContinuousClock.now
        for number in 1...records {
            events.next()
            let partition = DefaultPartitioner.partition(forKey: events.key, partitionsCount: Int32(partitions))
            seen[partition, default: 0] += 1
            guard seen[partition, default: 0] > skipped[partition] ?? 0 else { continue }
            outcome.recordsCount += 1
            outcome.payloadBytes += events.key.count + events.value.count
            let record = Record(
                key: events.key, value: events.value, timestamp: Timestamp(milliseconds: events.time))
            try await producer.enqueue(record, to: CrashDemoCommand.topic)
            if outcome.recordsCount % acknowledgeEvery == 0 {
                try await producer.flush()
                acknowledged(outcome.recordsCount)
                progress.update(number)
            }
        }
        try await producer.close()
        progress.finish()
        let (seconds, attoseconds) = start.duration(to: .now).components
        outcome.seconds = Double(seconds) + Double(attoseconds) * 1e-18
        return outcome
    }
}
