// What the tests of transactions share: a judge of what readers of committed records may see, which reads batches and markers
// by itself, and a daybook on one thread in virtual time.

import DaybookRecords
import DaybookStorage
import DaybookTesting
import Synchronization
import Testing

@testable import Daybook

/// The records of a partition, judged by its batches and markers alone.
struct TransactionJudge {
    /// Values of committed records and of those that belong to no transaction, in order.
    private(set) var committed: [String] = []
    private(set) var aborted: [String] = []
    /// Values of records whose transaction has no end.
    private(set) var open: [String] = []
    /// Markers in order.
    private(set) var markers: [ControlRecord.Kind] = []

    init(_ daybook: Daybook, _ topicPartition: TopicPartition, isolation: Isolation = .durable) async throws {
        var pending: [ProducerID: [(offset: Offset, value: String)]] = [:]
        var found: [(offset: Offset, value: String)] = []
        var next = try await daybook.offsets(topicPartition).logStartOffset
        while true {
            let result = try await daybook.read(topicPartition, from: next, isolation: isolation)
            if result.isEmpty { break }
            for batch in result.batches {
                let producer = batch.producer.id
                if batch.isControl {
                    var marker: ControlRecord?
                    try batch.forEach { marker = ControlRecord(key: $0.key, value: $0.value) }
                    let kind = try #require(marker).kind
                    markers.append(kind)
                    let records = pending.removeValue(forKey: producer) ?? []
                    if kind == .commit { found += records } else { aborted += records.map(\.value) }
                } else {
                    let records = try batch.records().map {
                        ($0.offset, String(decoding: $0.record.value ?? [], as: UTF8.self))
                    }
                    if batch.isTransactional { pending[producer, default: []] += records } else { found += records }
                }
            }
            next = result.nextOffset
        }
        committed = found.sorted { $0.offset < $1.offset }.map(\.value)
        open = pending.values.flatMap { $0 }.sorted { $0.offset < $1.offset }.map(\.value)
    }
}

extension Daybook {
    /// What readers of committed records may see of a partition of the topic `orders`, or of another one.
    func committed(_ number: Int32, of topic: String = "orders") async throws -> [String] {
        let topicPartition = TopicPartition(topic: try TopicName(topic), partition: number)
        return try await TransactionJudge(self, topicPartition).committed
    }

    /// Whether no partition holds back its readers.
    var hasOpenTransactions: Bool {
        !state.withLock { $0.partitionsInOrder }.allSatisfy { $0.withLog { $0.openTransactions.isEmpty } }
    }
}

/// Runs `body` with a daybook on `disk`, on one thread and in virtual time, and closes it unless the disk is down.
func onOneThread<R: Sendable>(
    _ disk: SimulatedDisk, seed: UInt64? = nil, partitions: Int = 3, internalPartitions: Int = 8,
    _ body: @escaping @Sendable (Daybook, SimulationLoop) async throws -> R
) throws -> R {
    let loop = SimulationLoop(clock: disk.clock, seed: seed)
    var configuration = Configuration().with(disk: disk)
    configuration.executor = loop
    configuration.housekeeping.isAutomatic = false
    configuration.internalTopicPartitions = internalPartitions
    let settings = configuration
    return try loop.run {
        let daybook = try await Daybook.open("/data", configuration: settings)
        if daybook.topics.isEmpty { try await daybook.createTopic("orders", partitions: partitions) }
        let result = try await body(daybook, loop)
        if !disk.isDown { try await daybook.close() }
        return result
    }
}

/// Something that a test throws on purpose.
struct Deliberate: Error {}
