// The housekeeper in a service group: it keeps house while the group runs, and the group can stop whatever it is doing.

import Daybook
import DaybookServices
import DaybookTesting
import Logging
import ServiceLifecycle
import Synchronization
import Testing

@Suite("Housekeeper")
struct HousekeeperTests {
    private func open(_ directory: String, bytesPerSecond: ByteCount?) async throws -> Daybook {
        var configuration = Configuration()
        configuration.housekeeping.isAutomatic = false
        configuration.housekeeping.bytesPerSecond = bytesPerSecond
        let daybook = try await Daybook.open(directory, configuration: configuration)
        var topic = TopicConfiguration()
        topic.segmentBytes = .kibibytes(2)
        topic.retention.policy = .compact
        topic.retention.dirtyRatio = 0
        try await daybook.createTopic("orders", configuration: topic)
        let producer = try daybook.makeProducer()
        for number in 0..<60 {
            let value = "\(number) " + String(repeating: "v", count: 200)
            _ = try await producer.send(Record(key: "k\(number % 3)", value: value), to: "orders")
        }
        return daybook
    }

    @Test func `A group runs passes and ends them when it shuts down`() async throws {
        let directory = try TemporaryDirectory()
        let daybook = try await open(directory.path, bytesPerSecond: nil)
        let (passes, pass) = AsyncStream.makeStream(of: HousekeepingReport.self)
        let housekeeper = Housekeeper(daybook, interval: .milliseconds(1)) { pass.yield($0) }
        let group = ServiceGroup(services: [housekeeper], logger: Logger(label: "test"))
        async let running: Void = group.run()
        var kinds: [HousekeepingReport.Finding.Kind] = []
        var count = 0
        for await report in passes {
            kinds += report.findings.map(\.kind)
            count += 1
            if count == 5 { break }
        }
        #expect(kinds == [.compacted])
        await group.triggerGracefulShutdown()
        try await running
        try await daybook.close()
    }

    @Test func `A group stops although a pass would take for ever`() async throws {
        let directory = try TemporaryDirectory()
        let daybook = try await open(directory.path, bytesPerSecond: .bytes(1))
        let group = ServiceGroup(services: [Housekeeper(daybook)], logger: Logger(label: "test"))
        async let running: Void = group.run()
        // Under way: the compaction has said something, or the group would not have to stop anything.
        while daybook.isHousekeeping == false { await Task.yield() }
        await group.triggerGracefulShutdown()
        try await running
        #expect(daybook.isHousekeeping == false)
        // What was begun can be ended by the next one.
        try await daybook.close()
        #expect(try await Daybook.verify(directory.path).isClean)
    }

    @Test func `A closed daybook ends the service with an error that says so`() async throws {
        let directory = try TemporaryDirectory()
        let daybook = try await open(directory.path, bytesPerSecond: nil)
        try await daybook.close()
        let error = await #expect(throws: DaybookError.self) { try await Housekeeper(daybook).run() }
        #expect(error?.code == .closed)
    }
}
