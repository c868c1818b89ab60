// One run of `consume` beside a writer that goes on between its steps.

import Daybook
import DaybookTesting
import Testing

@testable import DaybookCLI

@Suite struct ConsumeRunTests {
    @Test(.timeLimit(.minutes(1)))
    func `A follower gets what comes between finding its place and beginning to read`() async throws {
        let daybook = try await Daybook.open(try TemporaryDirectory().path)
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer()
        for isolation in [Isolation.committed, .durable, .pageCache] {
            // Ends with the one record it looks for; were that passed over it would wait for ever.
            var run = ConsumeRun(
                daybook: daybook, isolation: isolation, key: Array("\(isolation)".utf8), headers: [], max: 1,
                printer: RecordPrinter(.value, width: 80))
            try await run.place(try daybook.topic("orders").partitions, from: .end, until: nil)
            _ = try await producer.send(Record(key: "\(isolation)", value: "in between"), to: "orders")
            try await run.follow()
        }
        try await daybook.close()
    }
}
