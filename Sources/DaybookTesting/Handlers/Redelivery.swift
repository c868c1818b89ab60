// Delivery as a consumer may meet it: in order, but again and again from some earlier record. What a handler has to bear that
// is called at least once for each record.

public import Daybook
public import DaybookModel
public import DaybookRecords

/// A record as a handler gets it.
public struct Delivery: Sendable {
    public let topicPartition: TopicPartition
    public let offset: Offset
    public let record: Record
}

/// Delivers a partition's records with repetitions that a seed decides.
///
/// Every record is delivered at least once, and never before the one before it was. Now and then delivery goes back by up to
/// `window` records and goes on from there, as after a restart that lost the note of what was done.
public struct Redelivery: Sendable {
    private var random: SeededGenerator
    private let rate: Double
    private let window: Int
    /// How many deliveries were repetitions.
    public private(set) var repetitionsCount = 0

    /// `rate`, from 0 to 1, is how likely delivery goes back after a record; `window` is how many records, 1 upwards.
    public init(seed: UInt64 = 0, rate: Double = 0.3, window: Int = 5) {
        precondition((0...1).contains(rate), "\(rate) is no probability; use one from 0 to 1")
        precondition(window > 0, "going back by \(window) records is not going back; use a window of 1 or more")
        random = SeededGenerator(seed: seed)
        self.rate = rate
        self.window = window
    }

    /// Delivers everything durable from `offset` on to `handler`, one record at a time. Returns the offset to go on from.
    ///
    /// Throws what the handler throws, at once, and what reading throws. Holds all records in memory.
    @discardableResult
    public mutating func deliver(
        _ topicPartition: TopicPartition, of daybook: Daybook, from offset: Offset = .zero,
        isolation: isolated (any Actor)? = #isolation,
        to handler: (Delivery) async throws -> Void
    ) async throws -> Offset {
        var deliveries: [Delivery] = []
        var next = offset
        while case let result = try await daybook.read(topicPartition, from: next), !result.isEmpty {
            for batch in result.batches {
                deliveries += try batch.records().filter { $0.offset >= next }
                    .map { Delivery(topicPartition: topicPartition, offset: $0.offset, record: $0.record) }
            }
            next = result.nextOffset
        }
        var index = 0
        var furthest = 0
        while index < deliveries.count {
            try await handler(deliveries[index])
            if index < furthest { repetitionsCount += 1 }
            index += 1
            // Never back from a record that was delivered already: so each goes back at most once, and it ends.
            if index > furthest, Double.random(in: 0..<1, using: &random) < rate {
                furthest = index
                index = max(0, index - Int.random(in: 1...window, using: &random))
            }
        }
        return next
    }
}
