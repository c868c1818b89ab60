// The Swift code of the article "Testing your handlers", compiled and run by `HandlerTests`; `DocumentationTests` compares it
// with the article.

import Daybook
import DaybookTesting
import Synchronization

// sample TestingYourHandlers
/// Writes an invoice for each order. The system it writes to refuses nothing and remembers everything.
struct Invoicing: Sendable {
    let ledger: Ledger
    /// Where a crash would be interesting; does nothing outside of tests.
    var point: @Sendable (String) throws -> Void = { _ in }

    func handle(_ order: Record, at offset: Offset) async throws {
        try point("before-invoice")
        // The number comes from the order and not from a counter, so that the same order writes the same invoice again.
        ledger.write(invoice: offset, for: String(decoding: order.value ?? [], as: UTF8.self))
        try point("after-invoice")
    }
}
// end

/// A ledger outside of the process: it survives every crash.
final class Ledger: Sendable {
    struct Content {
        var invoices: [Offset: String] = [:]
        var writesCount = 0
        /// Where the handler would go on.
        var next = Offset.zero
    }
    private let state = Mutex(Content())

    func write(invoice: Offset, for order: String) {
        state.withLock { content in
            content.invoices[invoice] = order
            content.writesCount += 1
        }
    }

    /// Notes how far the handler has come.
    func note(_ next: Offset) { state.withLock { $0.next = next } }

    var content: Content { state.withLock { $0 } }
}

enum HandlerSamples {
    static func explore() async throws -> CrashExploration {
        // sample TestingYourHandlers
        let orders = TopicPartition(topic: try TopicName("orders"), partition: 0)
        let exploration = try await CrashPoints.explore(crashes: 2) {
            Ledger()
        } run: { ledger, points in
            let daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: points.disk))
            if daybook.topics.isEmpty { try await daybook.createTopic("orders") }
            let producer = try daybook.makeProducer()
            for number in try await daybook.offsets(orders).logEndOffset.rawValue..<3 {
                try points.point("before-order")
                _ = try await producer.send(Record(key: nil, value: "SO-\(number)"), to: "orders")
            }
            let invoicing = Invoicing(ledger: ledger) { try points.point($0) }
            var redelivery = Redelivery(seed: 1)
            let next = try await redelivery.deliver(orders, of: daybook, from: ledger.content.next) { order in
                try await invoicing.handle(order.record, at: order.offset)
            }
            try points.point("before-note")
            ledger.note(next)
            try await daybook.close()
        } check: { ledger, _ in
            guard ledger.content.invoices == [0: "SO-0", 1: "SO-1", 2: "SO-2"] else {
                throw WrongInvoices(ledger.content.invoices)
            }
        }
        print("\(exploration.runs.count) runs, with crashes at \(exploration.names.sorted())")
        // end
        return exploration
    }

    static func failNext(_ disk: SimulatedDisk, _ producer: Producer) async throws {
        // sample TestingYourHandlers
        disk.failNext(.flush)
        do {
            _ = try await producer.send(Record(key: nil, value: "SO-9"), to: "orders")
        } catch let error as DaybookError where error.code == .partitionFailed {
            print("Not acknowledged, and nothing is until the directory is opened again: \(error)")
        }
        // end
    }
}

struct WrongInvoices: Error {
    let found: [Offset: String]
    init(_ found: [Offset: String]) { self.found = found }
}
