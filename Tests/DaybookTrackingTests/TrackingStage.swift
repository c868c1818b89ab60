// A simulated disk, a loop in virtual time and a folder for databases, which are real: what processors do, and what trackers make
// of it. Servers of PostgreSQL's are in `PostgresServer`.

import Daybook
import DaybookModel
import DaybookProcessing
import DaybookScenario
import DaybookTesting
import Testing

@testable import DaybookTracking

struct TrackingStage: Sendable {
    let disk: SimulatedDisk
    let loop: SimulationLoop
    let folder: TemporaryDirectory

    init(seed: UInt64 = 1) throws {
        disk = SimulatedDisk(seed: seed, clock: ManualClock())
        loop = SimulationLoop(clock: disk.clock, seed: seed)
        folder = try TemporaryDirectory()
    }

    func open() async throws -> Daybook {
        var configuration = Configuration().with(disk: disk)
        configuration.executor = loop
        configuration.housekeeping.isAutomatic = false
        configuration.hasControlSocket = false
        return try await Daybook.open("/data", configuration: configuration)
    }

    /// A file of SQLite's that is not there yet, unless that name was used before.
    func file(_ name: String) -> SQLDatabase { .sqlite("\(folder.path)/\(name).sqlite") }

    /// All rows, in the order of pages.
    func rows(_ database: SQLDatabase, _ filter: TrackingFilter = TrackingFilter()) throws -> [TrackedEvent] {
        let conditions = filter.conditions
        return try database.session(.readOnly).rows(
            SQLStatement(
                "SELECT \(TrackingSchema.columns.joined(separator: ", ")) FROM daybook_tracking\(conditions.clause) "
                    + "ORDER BY group_name, topic, partition, record_offset", conditions.values)
        ).map { row in try TrackedEvent(row) }
    }

    /// How many rows of a group have each status.
    func statuses(_ database: SQLDatabase, _ group: String) throws -> [TrackedStatus: Int] {
        Dictionary(grouping: try rows(database).filter { $0.group == group }, by: \.status).mapValues(\.count)
    }

    /// What a tracker makes of everything from the beginning, in a database of its own.
    func built(_ daybook: Daybook, _ name: String) async throws -> [TrackedEvent] {
        let database = file(name)
        try await Tracker(daybook, database: database).catchUp()
        return try rows(database)
    }

    func scenario(
        _ orders: some Sequence<Int>, outage: Range<Duration> = .seconds(30)..<Duration.seconds(75),
        configure: @escaping @Sendable (inout ProcessorConfiguration) -> Void = { _ in }
    ) throws -> ErpScenario {
        let loop = loop
        return try ErpScenario(
            orders: orders, clock: ScenarioClock(now: { loop.clock.elapsed() }, wait: { await loop.pass($0) }),
            outage: outage, configure: configure)
    }

    /// Publishes events, each with its key, to one partition.
    func publish(_ daybook: Daybook, _ keys: [String], type: String = "order.changed") async throws {
        if (try? daybook.topic("orders")) == nil { try await daybook.createTopic("orders") }
        let partition = try #require(TopicPartition(folderName: "orders-0"))
        let start = try await daybook.offsets(partition).highWatermark.rawValue
        let records = try keys.enumerated().map { number, key in
            try Event(
                id: "e\(start + Int64(number))", source: "/s", type: type, partitionKey: key, sequence: nil,
                correlationID: "c-\(key)", body: [1]
            ).record()
        }
        _ = try await daybook.append(records, to: partition)
    }

    /// Runs a processor beside `body`, which is done when it returns.
    @discardableResult
    func beside<R: Sendable>(
        _ processor: Processor, _ body: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        async let end: Void = processor.run()
        let result: Result<R, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        processor.stop()
        try await end
        return try result.get()
    }

    /// Waits until a processor stands as it should.
    @discardableResult
    func settled(_ processor: Processor, _ isDone: (GroupStatus) -> Bool) async throws -> GroupStatus {
        for _ in 0..<100_000 {
            if let status = try? await processor.status(), isDone(status) { return status }
            await loop.pass(.milliseconds(5))
        }
        throw CancellationError()
    }
}

/// The outcomes of a group, as rows and as counts.
func expectSame(_ statuses: [TrackedStatus: Int], _ counts: GroupCounts, _ group: String) {
    #expect(statuses[.succeeded, default: 0] == counts.succeeded, "\(group)")
    #expect(statuses[.skipped, default: 0] == counts.duplicates + counts.otherwiseSkipped, "\(group)")
    #expect(statuses[.dead, default: 0] == counts.dead, "\(group)")
    #expect(statuses[.parked, default: 0] == counts.parked, "\(group)")
}
