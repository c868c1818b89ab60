// The article "Consuming with groups" does what it says.

import Daybook
import DaybookTesting
import Testing

@Suite struct GroupSampleTests {
    @Test func `Who dies in the middle of a batch gets it again, and nothing before it`() async throws {
        try await withDaybook { daybook in
            let first = Warehouse(capacity: 25)
            let producer = try daybook.makeProducer()
            for number in 0..<30 {
                _ = try await producer.send(Record(key: "SO-\(number % 3)", value: "{}"), to: "orders", partition: 0)
            }
            await #expect(throws: Warehouse.Full.self) { try await GroupSamples.work(for: first, daybook) }
            let committed = try await daybook.committedOffsets(group: "warehouse")[partition()]?.offset
            let second = Warehouse(capacity: 1)
            await #expect(throws: Warehouse.Full.self) { try await GroupSamples.work(for: second, daybook) }
            #expect(await second.picked == [committed ?? .zero])
            #expect(await first.picked == (0..<25).map { Offset($0) } && (committed ?? .zero) <= 25)
        }
    }

    @Test func `Members that share the work pick every order, until one of them has no room`() async throws {
        try await withDaybook(partitions: 4) { daybook in
            let warehouse = Warehouse(capacity: 40)
            let producer = try daybook.makeProducer()
            for number in 0..<41 {
                try await producer.enqueue(Record(key: nil, value: "{}"), to: "orders", partition: Int32(number % 4))
            }
            try await producer.flush()
            await #expect(throws: Warehouse.Full.self) {
                try await GroupSamples.share(among: 3, warehouse, daybook)
            }
            #expect(await warehouse.picked.count == 40)
            #expect(try await daybook.describeGroup("warehouse").members.isEmpty)
        }
    }

    @Test func `The other samples run`() async throws {
        try await withDaybook { daybook in
            let producer = try daybook.makeProducer()
            for number in 0..<2500 {
                try await producer.enqueue(Record(key: "SO-1", value: "\(number)"), to: "orders", partition: 0)
            }
            try await producer.flush()
            let last = try await producer.send(Record(key: "SO-1", value: "last"), to: "orders", partition: 0)
            let consumer = try await daybook.makeConsumer(group: "totals", topics: ["orders"])
            var totals = Totals(limit: 2400)
            do {
                try await GroupSamples.addUp(consumer, &totals)
                Issue.record("it goes on until there is enough")
            } catch is Totals.Reached {}
            #expect(totals.count == 2400)
            try await consumer.commit()
            let audit = try await GroupSamples.audit(since: .none, daybook)
            #expect(try audit.committed.isEmpty && audit.positions[partition()] == 100)
            try await GroupSamples.look(since: last.appendTime, daybook)
            try await GroupSamples.goOn(audit)
        }
    }
}
