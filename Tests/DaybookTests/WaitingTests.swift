// Waiting for something to read: who is called, when, and that nobody is at work meanwhile.

@testable import Daybook
import DaybookTesting
import Synchronization
import Testing

/// Notes down who was called, in order.
private final class Calls: Sendable {
    private let names = Mutex<[String]>([])
    var all: [String] { names.withLock { $0 } }

    func note(_ name: String) -> @Sendable (DaybookError?) -> Void {
        { error in self.names.withLock { $0.append(name + (error.map { " \($0.code)" } ?? "")) } }
    }
}

@Suite struct WaitingTests {
    private static let record = Record(key: "k", value: "v")

    @Test func `A durable reader is called by the flush and a reader of the page cache by the append`() throws {
        var topic = TopicConfiguration()
        topic.flushInterval = .seconds(10)
        let steps = try onLoop(topic: topic) { daybook, loop in
            let orders = try daybook.partition(partition())
            let calls = Calls()
            orders.whenReadable(behind: 0, isolation: .durable, calls.note("durable"))
            orders.whenReadable(behind: 0, isolation: .pageCache, calls.note("page cache"))
            orders.whenReadable(behind: 1, isolation: .pageCache, calls.note("second"))
            let producer = try daybook.makeProducer(ProducerConfiguration(durability: .osCache))
            var steps = [calls.all]
            _ = try await producer.send(Self.record, to: "orders")
            await loop.settle()
            steps.append(calls.all)
            try await daybook.flush()
            await loop.settle()
            steps.append(calls.all)
            _ = try await producer.send(Self.record, to: "orders")
            await loop.settle()
            steps.append(calls.all)
            return steps
        }
        #expect(steps[0] == [])
        #expect(steps[1] == ["page cache"])
        #expect(steps[2] == ["page cache", "durable"])
        #expect(steps[3] == ["page cache", "durable", "second"])
    }

    @Test func `What can be read already is told without waiting, and once`() throws {
        let calls = try onLoop { daybook, loop in
            _ = try await daybook.makeProducer().send(Self.record, to: "orders")
            let calls = Calls()
            try daybook.partition(partition()).whenReadable(behind: 0, isolation: .durable, calls.note("reader"))
            #expect(calls.all.isEmpty, "never within the call itself")
            await loop.settle()
            _ = try await daybook.makeProducer().send(Self.record, to: "orders")
            await loop.settle()
            return calls.all
        }
        #expect(calls == ["reader"])
    }

    @Test func `Who has given up waiting is not called, others are`() throws {
        let calls = try onLoop { daybook, loop in
            let orders = try daybook.partition(partition())
            let calls = Calls()
            let tokens = (0..<20).map { orders.whenReadable(behind: 0, isolation: .durable, calls.note("\($0)")) }
            for number in 0..<20 where number % 3 != 0 { orders.forget(tokens[number]) }
            _ = try await daybook.makeProducer().send(Self.record, to: "orders")
            await loop.settle()
            return calls.all
        }
        #expect(calls == ["0", "3", "6", "9", "12", "15", "18"])
    }

    @Test func `Closing and deleting tell those who wait, and those who come later, which of the two it was`() throws {
        let (deleted, closed) = try onLoop(partitions: 2) { daybook, loop in
            let (deleted, closed) = (Calls(), Calls())
            try await daybook.createTopic("invoices")
            let invoices = try daybook.partition(partition(of: "invoices"))
            invoices.whenReadable(behind: 0, isolation: .durable, deleted.note("waiting"))
            let orders = try daybook.partition(partition(1))
            orders.whenReadable(behind: 0, isolation: .pageCache, closed.note("waiting"))
            try await daybook.deleteTopic("invoices")
            invoices.whenReadable(behind: 0, isolation: .pageCache, deleted.note("late"))
            await loop.settle()
            #expect(closed.all.isEmpty)
            try await daybook.close()
            orders.whenReadable(behind: 0, isolation: .durable, closed.note("late"))
            await loop.settle()
            return (deleted.all, closed.all)
        }
        #expect(deleted == ["waiting unknownTopic", "late unknownTopic"])
        #expect(closed == ["waiting closed", "late closed"])
    }

    @Test func `A thousand who wait cost nothing for as long as nothing happens`() throws {
        let (idle, woken) = try onLoop { daybook, loop in
            let orders = try daybook.partition(partition())
            let calls = Calls()
            for _ in 0..<1000 { orders.whenReadable(behind: 0, isolation: .durable, calls.note("x")) }
            await loop.settle()
            let before = loop.jobsCount
            await loop.pass(.seconds(3600))
            let idle = loop.jobsCount - before
            _ = try await daybook.makeProducer().send(Self.record, to: "orders")
            await loop.settle()
            return (idle, calls.all.count)
        }
        // The job that ends the pass, and the task that goes on behind it.
        #expect(idle <= 2)
        #expect(woken == 1000)
    }

    @Test func `A reader beside the process that writes looks less and less often, and not at all when nobody waits`()
        throws
    {
        try onLoop { writer, loop in
            var settings = writer.configuration
            settings.access = .readOnly
            let reader = try await Daybook.open("/data", configuration: settings)
            let orders = try reader.partition(partition())
            let calls = Calls()
            let token = orders.whenReadable(behind: 0, isolation: .durable, calls.note("reader"))
            await loop.pass(.seconds(1))
            let before = loop.jobsCount
            await loop.pass(.seconds(10))
            // A timer and a look every 100 ms.
            #expect((100...220).contains(loop.jobsCount - before), "\(loop.jobsCount - before) jobs")
            _ = try await writer.makeProducer().send(Self.record, to: "orders")
            await loop.pass(.milliseconds(250))
            #expect(calls.all == ["reader"])
            let again = orders.whenReadable(behind: 1, isolation: .durable, calls.note("again"))
            #expect(again != token)
            orders.forget(again)
            await loop.pass(.seconds(1))
            let idle = loop.jobsCount
            await loop.pass(.seconds(3600))
            #expect(loop.jobsCount - idle <= 2)
            #expect(calls.all == ["reader"])
            try await reader.close()
        }
    }
}
