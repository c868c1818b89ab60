// Enters orders into the ledger, which here is standard output: each with its place in the log, by which a ledger that remembers
// it would know an order that comes a second time after a crash.

import Daybook
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Consumes orders for the group "ledger", and commits what has been entered.
struct Ledger: Service {
    private let daybook: Daybook

    init(_ daybook: Daybook) { self.daybook = daybook }

    func run() async throws {
        let consumer = try await daybook.makeConsumer(group: "ledger", topics: [IngestionExample.topic])
        try await cancelWhenGracefulShutdown {
            do {
                for try await batch in consumer.batches {
                    var entries = ""
                    if let gap = batch.gap { entries += "\(batch.topicPartition) has no records there: \(gap)\n" }
                    for order in try batch.records() {
                        let (number, cents) = (Self.text(order.key), Self.text(order.value))
                        entries += "\(batch.topicPartition)@\(order.offset) \(number) \(cents)\n"
                    }
                    // First the entries, then the commit: a crash in between repeats entries and loses none.
                    Self.enter(entries)
                    try await consumer.commit(through: batch)
                }
            } catch is CancellationError {
                // It was waiting for more: everything that was handed out has been entered and committed.
            }
        }
    }

    /// Writes to standard output, all of it, with nothing left in a buffer of this process.
    private static func enter(_ entries: String) {
        var rest = Array(entries.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            // Nobody keeps this ledger any more: what is not entered must not be committed.
            guard count > 0 else { exit(1) }
            rest = rest.dropFirst(count)
        }
    }

    private static func text(_ bytes: [UInt8]?) -> String { String(decoding: bytes ?? [], as: UTF8.self) }
}
