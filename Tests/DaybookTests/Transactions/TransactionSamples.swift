// The Swift code of the article "Exactly once", compiled and run by `DocumentationTests` and `TransactionSampleTests`: what stands
// between "// sample DOCUMENT" and "// end" must stand there, in this order.

import Daybook
import Testing

/// What the samples of the article need around them.
enum TransactionSamples {
    /// The sum of all numbers in a partition.
    private static func sum(of partition: TopicPartition, upTo limit: Offset, _ daybook: Daybook) async throws -> Int {
        try await daybook.content(partition).records.filter { $0.offset < limit }
            .reduce(0) { $0 + (Int(String(decoding: $1.record.value ?? [], as: UTF8.self)) ?? 0) }
    }

    static func appendTotal(_ partition: TopicPartition, _ daybook: Daybook) async throws {
        // sample ExactlyOnce
        let next = try await daybook.offsets(partition).highWatermark
        let total = try await sum(of: partition, upTo: next, daybook)
        do {
            try await daybook.append([Record(key: "total", value: "\(total)")], to: partition, expecting: next)
        } catch let error as DaybookError where error.code == .offsetConflict {
            print("Somebody was quicker: \(error)")  // read on to `error.offset` and decide anew
        }
        // end
    }

    static func invoice(_ daybook: Daybook) async throws -> TransactionalProducer {
        // sample ExactlyOnce
        let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
        try await producer.transaction { transaction in
            try await transaction.send(Record(key: "SO-1", value: #"{"status":"invoiced"}"#), to: "orders")
            try await transaction.send(Record(key: "RE-7", value: #"{"order":"SO-1","total":12}"#), to: "invoices")
        }
        // end
        return producer
    }

    static func send(_ records: [Record], _ producer: TransactionalProducer) async throws {
        // sample ExactlyOnce
        let transaction = try await producer.begin()
        do {
            for record in records { try await transaction.send(record, to: "orders") }
            let summary = try await transaction.commit()
            print("\(summary.recordsCount) records can be read")
        } catch {
            await transaction.abort()
            throw error
        }
        // end
    }

    private static func invoice(for order: ConsumedRecord) -> Record { order.record }

    static func process(_ daybook: Daybook) async throws -> Int {
        var total = 0
        // sample ExactlyOnce
        let consumer = try await daybook.makeConsumer(group: "invoicing", topics: ["orders"])
        let producer = try await daybook.makeTransactionalProducer(id: "invoicing")
        while true {
            let count = try await producer.process(consumer) { transaction, batches in
                let records = try batches.flatMap { try $0.records() }
                for order in records { try await transaction.send(invoice(for: order), to: "invoices") }
                return records.count
            }
            guard let count else { break }  // nothing has come for a second
            total += count
        }
        // end
        await consumer.close()
        return total
    }
}

@Suite struct TransactionSampleTests {
    @Test func `The samples of the article on exactly once do what they say`() async throws {
        try await withDaybook { daybook in
            try await daybook.createTopic("invoices")
            let orders = try partition()
            for number in 1...3 { try await daybook.append([Record(key: "k", value: "\(number)")], to: orders) }
            try await TransactionSamples.appendTotal(orders, daybook)
            #expect(try await daybook.committed(0) == ["1", "2", "3", "6"])
            #expect(try await TransactionSamples.process(daybook) == 4)
            #expect(try await daybook.committed(0, of: "invoices") == ["1", "2", "3", "6"])
            #expect(try await daybook.committedOffsets(group: "invoicing")[orders]?.offset == 4)
            #expect(try await TransactionSamples.process(daybook) == 0)
            let producer = try await TransactionSamples.invoice(daybook)
            #expect(try await daybook.committed(0).last == #"{"status":"invoiced"}"#)
            #expect(try await daybook.committed(0, of: "invoices").last == #"{"order":"SO-1","total":12}"#)
            try await TransactionSamples.send([Record(key: "k", value: "7"), Record(key: "k", value: "8")], producer)
            #expect(try await daybook.committed(0).suffix(2) == ["7", "8"])
            try await daybook.alterTopic("orders", settings: [("cleanup.policy", "compact")])
            await expect(code: .invalidRecord) {
                try await TransactionSamples.send(
                    [Record(key: "k", value: "9"), Record(key: nil, value: "x")], producer)
            }
            #expect(try await daybook.committed(0).last == "8")
            #expect(!daybook.hasOpenTransactions)
        }
    }
}
