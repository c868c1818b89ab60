// The kit for users' own handlers: crash points, the runner, repeated delivery, the disk that fails when it is told to.

import Daybook
import DaybookFiles
import DaybookTesting
import SystemPackage
import Testing

@Suite struct HandlerTests {
    @Test func `The article's test crashes at every point, twice too, and its handler bears it`() async throws {
        let exploration = try await HandlerSamples.explore()
        #expect(exploration.names == ["before-order", "before-invoice", "after-invoice", "before-note"])
        #expect(exploration.runs.first == [])
        #expect(exploration.runs.contains { $0.count == 1 } && exploration.runs.contains { $0.count == 2 })
        #expect(Set(exploration.runs).count == exploration.runs.count, "no run twice")
        for name in exploration.names { #expect(exploration.runs.contains { $0.first?.name == name }) }
    }

    @Test func `A handler that does not bear a crash or a repetition is found out, with the place and the seed`()
        async throws
    {
        /// Counts instead of remembering what it counted.
        final class Counter {
            var count = 0
            var isDone = false
        }
        // Errors of `check` come out with what led to them.
        let failure = await #expect(throws: CrashExplorationFailure.self) {
            try await CrashPoints.explore(seed: 5) {
                Counter()
            } run: { counter, points in
                if counter.isDone { return }
                counter.count += 1
                try points.point("counted")
                counter.isDone = true
            } check: { counter, _ in
                if counter.count != 1 { throw WrongInvoices([:]) }
            }
        }
        #expect(failure?.crashes.map(\.description) == ["counted"])
        #expect(failure?.seed == 6)
        #expect(failure?.cause is WrongInvoices)
    }

    @Test func `At a crash point the disk stops too, and so do all other points`() throws {
        let disk = SimulatedDisk()
        let first = CrashPoints(disk: disk)
        try first.point("a")
        try first.point("a")
        #expect(first.reached.map(\.description) == ["a", "a (passage 1)"])
        let points = CrashPoints(disk: disk, crashingAt: [first.reached[1]])
        try points.point("a")
        try points.point("b")
        #expect(!disk.isDown)
        #expect(throws: SimulatedCrash.self) { try points.point("a") }
        #expect(points.crash?.place == first.reached[1])
        #expect(disk.isDown)
        #expect(throws: try #require(points.crash)) { try points.point("b") }
        #expect(points.reached.map(\.name) == ["a", "b", "a"])
    }

    @Test func `A run that passes other places the second time is an error of the test`() async throws {
        final class Calls { var count = 0 }
        let calls = Calls()
        let failure = await #expect(throws: CrashExplorationFailure.self) {
            try await CrashPoints.explore {
            } run: { _, points in
                calls.count += 1
                try points.point("run \(calls.count)")
            } check: { _, _ in
            }
        }
        #expect(failure?.cause is CrashPointMissed)
    }

    @Test func `Repeated delivery brings every record, in order, again and again, the same for the same seed`()
        async throws
    {
        let disk = SimulatedDisk()
        let daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer()
        for number in 0..<40 { _ = try await producer.send(Record(key: nil, value: "\(number)"), to: "orders") }
        func offsets(_ seed: UInt64, rate: Double = 0.3, from: Offset = .zero) async throws -> [Int64] {
            var found: [Int64] = []
            var redelivery = Redelivery(seed: seed, rate: rate, window: 4)
            let next = try await redelivery.deliver(try partition(), of: daybook, from: from) { delivery in
                #expect(delivery.record.value == Array("\(delivery.offset)".utf8))
                found.append(delivery.offset.rawValue)
            }
            #expect(next == 40)
            #expect(redelivery.repetitionsCount == found.count - Set(found).count)
            return found
        }
        #expect(try await offsets(1, rate: 0) == Array(0..<40))
        #expect(try await offsets(1, rate: 0, from: 35) == Array(35..<40))
        let found = try await offsets(1)
        #expect(try await offsets(1) == found)
        #expect(try await offsets(2) != found)
        #expect(found.count > 45)
        #expect(Set(found) == Set(0..<40))
        for (earlier, later) in zip(found, found.dropFirst()) {
            #expect(later == earlier + 1 || (earlier - 3...earlier).contains(later))
        }
        await #expect(throws: WrongInvoices.self) {
            var redelivery = Redelivery()
            try await redelivery.deliver(try partition(), of: daybook) { _ in throw WrongInvoices([:]) }
        }
        try await daybook.close()
    }

    @Test func `C20 a disk that is told to fail fails once, and nothing is acknowledged that it gave up`() async throws
    {
        let disk = SimulatedDisk()
        var daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer()
        try await HandlerSamples.failNext(disk, producer)
        await #expect(throws: DaybookError.self) {
            try await producer.send(Record(key: nil, value: "SO-10"), to: "orders")
        }
        disk.restart(.everything)
        daybook = try await Daybook.open("/data", configuration: Configuration().with(disk: disk))
        #expect(try await daybook.content(try partition(), isolation: .pageCache).values == [])
        try await daybook.close()
    }

    @Test(arguments: DiskCall.allCases, DiskFailure.allCases)
    func `Each call that is told to fail does so, the next ones do not`(_ call: DiskCall, _ failure: DiskFailure) throws
    {
        let disk = SimulatedDisk()
        let file = try disk.open("/a", .create)
        disk.failNext(call, failure, count: 2)
        func make() throws {
            switch call {
            case .open: _ = try disk.open("/a", .read)
            case .read:
                _ = try withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { buffer in
                    Result { try file.read(into: buffer, at: .zero) }
                }.get()
            case .write: try file.truncate(to: 10)
            case .flush: try file.flush()
            case .changeNames: try disk.createDirectory("/d")
            case .flushNames: try disk.flushDirectory("/")
            }
        }
        #expect(throws: (any Error).self) { try make() }
        #expect(throws: (any Error).self) { try make() }
        try make()
    }
}
