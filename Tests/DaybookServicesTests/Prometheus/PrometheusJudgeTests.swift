// `promtool`, which comes with Prometheus, reads what a working daybook's metrics come out as and finds nothing to say; and
// each of those metrics has a description of its own.

import Daybook
import DaybookServices
import DaybookTesting
import Foundation
import Testing

@Suite("Prometheus and its judge")
struct PrometheusJudgeTests {
    /// The text of a daybook that has appended, read, committed, kept house, refused and lagged.
    private func exposition() async throws -> String {
        let registry = PrometheusRegistry()
        let directory = try TemporaryDirectory()
        var configuration = Configuration()
        configuration.observer = EngineMetrics(factory: registry)
        let daybook = try await Daybook.open(directory.path, configuration: configuration)
        try await daybook.createTopic("orders")
        let producer = try daybook.makeProducer()
        _ = try await producer.send(Record(key: "k", value: "v"), to: "orders")
        let orders = try daybook.topic("orders").partitions[0]
        _ = try await daybook.read(orders, from: .zero)
        try await daybook.commit(group: "warehouse", offsets: [orders: OffsetCommit(0)])
        await #expect(throws: DaybookError.self) {
            try await daybook.commit(group: "warehouse", offsets: [orders: OffsetCommit(9)])
        }
        let transactional = try await daybook.makeTransactionalProducer(id: "mover")
        try await transactional.transaction { transaction in
            _ = try await transaction.send(Record(key: "k", value: "w"), to: "orders")
        }
        let consumer = try await daybook.makeConsumer(group: "billing", topics: ["orders"])
        _ = try await consumer.poll(timeout: .seconds(60))
        try await GroupLag(daybook, factory: registry).measure()
        try await daybook.housekeep()
        try await daybook.close()
        withExtendedLifetime(consumer) {}
        return registry.exposition()
    }

    @Test func `Every metric of a working daybook is described`() async throws {
        let text = try await exposition()
        #expect(text.split(separator: "\n").count { $0.hasPrefix("# TYPE ") } >= 20)
        #expect(!text.contains("No description was given"))
    }

    @Test(.enabled(if: Promtool.path != nil, Promtool.absence))
    func `promtool has nothing against the metrics of a working daybook`() async throws {
        let text = try await exposition()
        #expect(try await Promtool.check(metrics: text) == "")
        #expect(try await Promtool.check(metrics: "a_total{x=1} 1\n") != "", "the judge can find fault")
    }
}

/// The judge, in a process of its own.
private enum Promtool {
    /// From the folder that DAYBOOK_PROMETHEUS names; nil where there is none.
    static let path = ProcessInfo.processInfo.environment["DAYBOOK_PROMETHEUS"].map { $0 + "/promtool" }
        .flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
    static let absence: Comment = "DAYBOOK_PROMETHEUS names no folder with promtool (tools/test prepares one)"

    /// What it says of a text; nothing when it is satisfied.
    static func check(metrics text: String) async throws -> String {
        let folder = try TemporaryDirectory()
        let (input, output) = (folder.path + "/metrics", folder.path + "/said")
        try Data(text.utf8).write(to: URL(filePath: input))
        try Data().write(to: URL(filePath: output))
        let process = Process()
        process.executableURL = URL(filePath: try #require(path))
        process.arguments = ["check", "metrics"]
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: input))
        let said = try FileHandle(forWritingTo: URL(filePath: output))
        process.standardOutput = said
        process.standardError = said
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        let words = try String(contentsOf: URL(filePath: output), encoding: .utf8)
        return process.terminationStatus == 0 ? words : "status \(process.terminationStatus): \(words)"
    }
}
