// The Swift code of the article "Consuming with groups", compiled and run by `GroupSampleTests`; `DocumentationTests` compares it
// with the article.

import Daybook

/// Where the article's records go.
actor Warehouse {
    private(set) var picked: [Offset] = []
    /// After so many it has had enough.
    private let capacity: Int
    struct Full: Error {}

    init(capacity: Int) { self.capacity = capacity }

    func pick(_ record: ConsumedRecord) throws {
        if picked.count == capacity { throw Full() }
        picked.append(record.offset)
    }
}

/// What the article's records add up to.
struct Totals {
    private(set) var count = 0
    let limit: Int
    struct Reached: Error {}

    init(limit: Int) { self.limit = limit }

    mutating func add(_ record: borrowing RecordView) throws {
        if count == limit { throw Reached() }
        count += 1
    }
}

enum GroupSamples {
    static func work(for warehouse: Warehouse, _ daybook: Daybook) async throws {
        // sample ConsumingWithGroups
        let consumer = try await daybook.makeConsumer(group: "warehouse", topics: ["orders"])
        for try await batch in consumer.batches {
            if let gap = batch.gap { print("\(batch.topicPartition): \(gap)") }
            for record in try batch.records() { try await warehouse.pick(record) }
            try await consumer.commit(through: batch)
        }
        // end
    }

    static func share(among count: Int, _ warehouse: Warehouse, _ daybook: Daybook) async throws {
        // sample ConsumingWithGroups
        let member = GroupMemberConfiguration(
            onRevoked: { consumer, partitions in
                try await consumer.commit()  // everything that it has been handed is done
                print("these go to somebody else: \(partitions)")
            },
            onLost: { _, partitions in print("somebody else has had these for some time: \(partitions)") })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for _ in 0..<count {
                tasks.addTask {
                    let consumer = try await daybook.makeConsumer(
                        group: "warehouse", topics: ["orders"], member: member)
                    for try await batch in consumer.batches {
                        for record in try batch.records() { try await warehouse.pick(record) }
                    }
                }
            }
            try await tasks.waitForAll()
        }
        // end
    }

    static func addUp(_ consumer: Consumer, _ totals: inout Totals) async throws {
        // sample ConsumingWithGroups
        var seen = 0
        for try await batch in consumer.batches {
            try batch.forEach { record in try totals.add(record) }
            seen += batch.recordsCount
            if seen >= 1000 {
                try consumer.enqueueCommit { error in
                    if let error { print("not committed, the next one tries again: \(error)") }
                }
                seen = 0
            }
        }
        // end
    }

    static func audit(since yesterday: Timestamp, _ daybook: Daybook) async throws -> Consumer {
        // sample ConsumingWithGroups
        let orders = try daybook.topic("orders").partitions
        let audit = try await daybook.makeConsumer(
            assigned: orders, group: "audit", configuration: ConsumerConfiguration(offsetReset: .latest))
        print(audit.positions, audit.committed)

        try await audit.seek(to: .appendTime(yesterday))
        for batch in try await audit.poll(max: 100, timeout: .seconds(1)) {
            print(batch.firstOffset, batch.recordsCount)
        }
        // end
        return audit
    }

    static func look(since yesterday: Timestamp, _ daybook: Daybook) async throws {
        // sample ConsumingWithGroups
        for try await record in daybook.replay("orders", from: .appendTime(yesterday), until: .now, key: "SO-1") {
            print(record.offset, record.timestamp)
        }
        // end
    }

    static func goOn(_ consumer: Consumer) async throws {
        // sample ConsumingWithGroups
        do {
            for batch in try await consumer.poll(timeout: .seconds(1)) { print(batch.recordsCount) }
        } catch let error as DaybookError where error.code == .divergedHistory {
            guard let topicPartition = error.topicPartition, let divergence = error.divergence else { throw error }
            print("The log is another one from offset \(divergence) on: undo what was made of the records behind it")
            try await consumer.seek(topicPartition, to: .offset(divergence))
        }
        // end
    }
}
