// Enters orders into the ledger, which here is standard output: each with its place in the log, by which a ledger that remembers
// it would know an order that comes a second time after a crash.

import Daybook
import Dispatch
import ServiceLifecycle

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
                    try await Self.enter(entries)
                    try await consumer.commit(through: batch)
                }
            } catch is CancellationError {
                // It was waiting for more: everything that was handed out has been entered and committed.
            }
        }
    }

    /// Writes to standard output, and returns when all of it has been taken.
    private static func enter(_ entries: String) async throws {
        let data = Array(entries.utf8).withUnsafeBytes { DispatchData(bytes: $0) }
        let failure: Int32 = await withCheckedContinuation { continuation in
            DispatchIO.write(toFileDescriptor: 1, data: data, runningHandlerOn: .global()) { _, failure in
                continuation.resume(returning: failure)
            }
        }
        // What is not entered is not committed.
        if failure != 0 { throw LedgerFailure(systemError: failure) }
    }

    private static func text(_ bytes: [UInt8]?) -> String { String(decoding: bytes ?? [], as: UTF8.self) }
}

/// Nobody keeps the ledger any more.
struct LedgerFailure: Error {
    let systemError: Int32
}
