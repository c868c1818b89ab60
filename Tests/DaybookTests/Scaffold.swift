// What the engine's tests share: directories that go away, records from text, and reading a partition to its end.

import Daybook
import DaybookTesting

/// Runs `body` with a folder of its own, which is removed afterwards.
func withDirectory<R>(_ body: (String) async throws -> R) async throws -> R {
    let directory = try TemporaryDirectory()
    defer { try? directory.remove() }
    return try await body(directory.path)
}

/// Opens a daybook in a folder of its own with a topic `orders`, and closes it afterwards.
func withDaybook<R>(
    partitions: Int = 1, topic: TopicConfiguration = TopicConfiguration(),
    _ configuration: Configuration = Configuration(),
    _ body: (Daybook) async throws -> R
) async throws -> R {
    try await withDirectory { directory in
        let daybook = try await Daybook.open(directory, configuration: configuration)
        try await daybook.createTopic("orders", partitions: partitions, configuration: topic)
        let result = try await body(daybook)
        try await daybook.close()
        return result
    }
}

/// A partition of the topic `orders`, or of another one.
func partition(_ number: Int32 = 0, of topic: String = "orders") throws -> TopicPartition {
    TopicPartition(topic: try TopicName(topic), partition: number)
}

/// Everything readable in a partition, in order.
struct Content {
    var records: [(offset: Offset, record: Record)] = []
    var gaps: [Gap] = []

    var values: [String] { records.map { String(decoding: $0.record.value ?? [], as: UTF8.self) } }
    var offsets: [Int64] { records.map(\.offset.rawValue) }
}

extension Daybook {
    /// Reads from `offset` to the limit of `isolation`.
    func content(
        _ partition: TopicPartition, from offset: Offset = 0, isolation: Isolation = .committed,
        maxBytes: ByteCount = .mebibytes(1)
    ) async throws -> Content {
        var content = Content()
        var next = offset
        while true {
            let result = try await read(partition, from: next, maxBytes: maxBytes, isolation: isolation)
            if result.isEmpty { return content }
            for batch in result.batches {
                content.records += try batch.records().filter { $0.offset >= next }
            }
            content.gaps += result.gaps
            next = result.nextOffset
        }
    }
}

/// Polls a condition that another thread brings about, giving way in between; false when it takes too long. That is long
/// enough for an instrumented process on a busy machine: only a test that fails waits for it. Beside many other tests a turn
/// may come seldom, so it asks a number of times before it lets the clock decide.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    let start = ContinuousClock.now
    var asked = 0
    while asked < 100 || start.duration(to: .now) < .seconds(300) {
        if try await condition() { return true }
        asked += 1
        await Task.yield()
    }
    return false
}
