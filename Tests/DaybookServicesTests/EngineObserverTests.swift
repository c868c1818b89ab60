// What an observer hears, and what metrics and logs make of it: each number against what was really done.

import Daybook
import DaybookServices
import DaybookTesting
import Logging
import Metrics
import MetricsTestKit
import Synchronization
import Testing

@Suite("Engine observers")
struct EngineObserverTests {
    private func work(
        _ observer: any EngineObserver, in directory: String, opened: (Daybook) -> Void = { _ in }
    ) async throws {
        var configuration = Configuration()
        configuration.housekeeping.isAutomatic = false
        configuration.observer = observer
        let daybook = try await Daybook.open(directory, configuration: configuration)
        opened(daybook)
        var topic = TopicConfiguration()
        topic.retention.policy = .compact
        topic.retention.dirtyRatio = 0
        topic.segmentBytes = .kibibytes(1)
        try await daybook.createTopic("orders", configuration: topic)
        let producer = try daybook.makeProducer()
        for number in 0..<10 {
            let record = Record(
                key: "secret-key", value: "secret-value \(number) " + String(repeating: "v", count: 300))
            _ = try await producer.send(record, to: "orders")
        }
        _ = try await daybook.read(TopicPartition(topic: TopicName("orders"), partition: 0), from: .zero)
        let orders = try TopicPartition(topic: TopicName("orders"), partition: 0)
        for offset in [5, 11] {
            do {
                let commit = OffsetCommit(Offset(Int64(offset)), metadata: "secret-place")
                try await daybook.commit(group: "warehouse", offsets: [orders: commit])
            } catch {
                #expect(offset == 11, "there are ten records")
            }
        }
        try await daybook.housekeep()
        try await daybook.close()
    }

    @Test func `Metrics count what was appended, flushed, read and found`() async throws {
        let directory = try TemporaryDirectory()
        let metrics = TestMetrics()
        try await work(EngineMetrics(factory: metrics), in: directory.path)
        let topic = [("topic", "orders")]
        #expect(try metrics.expectCounter("daybook_records_appended_total", topic).values.reduce(0, +) == 10)
        #expect(try metrics.expectCounter("daybook_batches_appended_total", topic).values.count == 10)
        let bytes = try metrics.expectCounter("daybook_bytes_appended_total", topic).values.reduce(0, +)
        #expect(bytes > 3_000)
        #expect(try metrics.expectCounter("daybook_bytes_read_total", topic).values.reduce(0, +) == bytes)
        #expect(try metrics.expectTimer("daybook_append_seconds", topic).values.count == 10)
        #expect(try metrics.expectTimer("daybook_flush_seconds", topic).values.count > 0)
        #expect(try metrics.expectTimer("daybook_read_seconds", topic).values.count == 1)
        let group = [("group", "warehouse")]
        #expect(try metrics.expectCounter("daybook_offset_commits_total", group).values == [1])
        #expect(try metrics.expectTimer("daybook_offset_commit_seconds", []).values.count == 1)
        let refused = try metrics.expectCounter(
            "daybook_offset_commits_refused_total", group + [("reason", "divergedHistory")])
        #expect(refused.values == [1])
        let found = try metrics.expectCounter(
            "daybook_housekeeping_findings_total", topic + [("kind", "compacted")])
        #expect(found.values == [1])
    }

    @Test func `A refused batch is counted under its reason`() async throws {
        let metrics = TestMetrics()
        let observer = EngineMetrics(factory: metrics)
        let directory = try TemporaryDirectory()
        var configuration = Configuration()
        configuration.observer = observer
        // More than any disk has.
        configuration.reservedSpace = .bytes(.max)
        let daybook = try await Daybook.open(directory.path, configuration: configuration)
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer()
        await #expect(throws: DaybookError.self) { try await producer.send(Record(key: "k", value: "v"), to: "orders") }
        try await daybook.close()
        let refused = try metrics.expectCounter(
            "daybook_batches_refused_total", [("topic", "orders"), ("reason", "diskFull")])
        #expect(refused.values == [1])
    }

    @Test func `Logs are trace and debug only, and hold neither keys nor values`() async throws {
        let directory = try TemporaryDirectory()
        let lines = Lines()
        var logger = Logger(label: "daybook") { _ in LinesHandler(lines: lines) }
        logger.logLevel = .trace
        try await work(EngineObservers([EngineLog(logger)]), in: directory.path)
        let all = lines.all.withLock { $0 }
        #expect(all.count { $0.hasPrefix("trace batch appended") && $0.contains("orders-0") } == 10)
        #expect(all.count { $0.hasPrefix("trace offsets committed") } == 1)
        #expect(all.count { $0.hasPrefix("debug commit refused") && $0.contains("warehouse") } == 1)
        #expect(all.contains { $0.hasPrefix("debug housekeeping") && $0.contains("compacted") })
        #expect(all.allSatisfy { $0.hasPrefix("trace ") || $0.hasPrefix("debug ") })
        #expect(!all.contains { $0.contains("secret") })
    }

    @Test func `An observer may ask the daybook, because no lock is held while it hears`() async throws {
        let directory = try TemporaryDirectory()
        let observer = AskingObserver()
        try await work(observer, in: directory.path) { daybook in observer.daybook.withLock { $0 = daybook } }
        observer.daybook.withLock { $0 = nil }
        #expect(observer.heard.withLock { $0 } == ["append", "flush", "read", "house"])
    }

    @Test func `Without a backend nothing is kept and nothing fails`() async throws {
        try await work(EngineMetrics(factory: NOOPMetricsHandler.instance), in: TemporaryDirectory().path)
    }
}

/// Takes the lock of every partition whenever it hears something: it would wait for ever for one that is held.
private final class AskingObserver: EngineObserver {
    let daybook = Mutex<Daybook?>(nil)
    let heard = Mutex<Set<String>>([])

    private func ask(_ event: String) {
        #expect(daybook.withLock { $0 }?.failedPartitions.isEmpty ?? true)
        heard.withLock { _ = $0.insert(event) }
    }

    func didAppend(_ append: AppendObservation) { ask("append") }
    func didFlush(_ flush: FlushObservation) { ask("flush") }
    func didRead(_ read: ReadObservation) { ask("read") }
    func didKeepHouse(_ report: HousekeepingReport) { ask("house") }
}

/// What was logged.
private final class Lines: Sendable {
    let all = Mutex<[String]>([])
}

private struct LinesHandler: LogHandler {
    let lines: Lines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: " ")
        lines.all.withLock { $0.append("\(event.level) \(event.message) \(fields)") }
    }
}
