// Takes orders in: one a line, its number and its amount in cents, with a tab between them. What it says is durable is.
// What becomes of them is `Ledger`'s business.

import Daybook
import Dispatch
import ServiceLifecycle

/// Reads orders and sends them, many at a time, until there are no more or the service shuts down.
struct Intake: Service {
    private let daybook: Daybook

    init(_ daybook: Daybook) { self.daybook = daybook }

    func run() async throws {
        // Orders that come within ten milliseconds of each other share a batch and a flush.
        let producer = try daybook.makeProducer(ProducerConfiguration(linger: .milliseconds(10)))
        let input = StandardInput()
        var refused = 0
        for await line in input.lines.cancelOnGracefulShutdown() {
            if let order = Order(line) {
                // The key keeps an order's records in one partition, in order. This waits only when memory is short.
                try await producer.enqueue(
                    Record(key: order.number, value: "\(order.cents)"), to: IngestionExample.topic)
            } else {
                refused += 1
            }
            input.hasBeenTaken()
        }
        let summary = try await producer.close()
        print("\(summary.recordsCount) orders are durable, \(refused) lines were none")
        // The others work until the service shuts down.
        try await gracefulShutdown()
    }
}

/// An order as it comes in.
struct Order {
    let number: String
    let cents: Int

    /// Nil for a line that is none.
    init?(_ line: String) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count == 2, !fields[0].isEmpty, let cents = Int(fields[1]) else { return nil }
        (number, self.cents) = (String(fields[0]), cents)
    }
}

/// The lines of standard input, read by a thread of their own, because reading blocks; no more than a thousand ahead.
final class StandardInput: Sendable {
    let lines: AsyncStream<String>
    private let room = DispatchSemaphore(value: 0)

    init() {
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        for _ in 0..<1000 { room.signal() }
        DispatchQueue(label: "standard input").async { [room] in
            while let line = readLine() {
                room.wait()
                continuation.yield(line)
            }
            continuation.finish()
        }
    }

    /// A line has been dealt with: another one may be read.
    func hasBeenTaken() { room.signal() }
}
