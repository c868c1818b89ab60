// What a partition remembers of one producer: enough to tell a repeated batch from a new one, to refuse a producer that has
// been replaced, and to know where its open transaction begins. The rules are in `ProducerStateTable`.

package import DaybookModel
package import DaybookRecords

/// A batch that a producer has written, as far as a repetition of it must be answered.
package struct ProducedBatch: Hashable, Sendable {
    /// Sequence number of the first record.
    package let baseSequence: Int32
    /// Last offset − base offset, which is also the distance between first and last sequence number.
    package let lastDelta: Int32
    package let baseOffset: Offset
    package let appendTime: Timestamp

    package init(baseSequence: Int32, lastDelta: Int32, baseOffset: Offset, appendTime: Timestamp) {
        self.baseSequence = baseSequence
        self.lastDelta = lastDelta
        self.baseOffset = baseOffset
        self.appendTime = appendTime
    }

    package var lastSequence: Int32 { SequenceNumber.advance(baseSequence, by: lastDelta) }
    package var lastOffset: Offset { baseOffset.advanced(by: Int64(lastDelta)) }
    package var nextOffset: Offset { baseOffset.advanced(by: Int64(lastDelta) + 1) }
}

/// Sequence numbers go from 0 to 2³¹ − 1 and then begin at 0 again, as Kafka's do.
package enum SequenceNumber {
    /// The number `distance` ≥ 0 records after `sequence`.
    package static func advance(_ sequence: Int32, by distance: Int32) -> Int32 {
        (sequence &+ distance) & .max
    }

    /// Whether the numbers from `base` on, `lastDelta` + 1 of them, all come before `next` on the circle: half of the circle
    /// is the past of a number.
    package static func isPast(_ base: Int32, lastDelta: Int32, before next: Int32) -> Bool {
        let distance = (next &- base) & .max
        return distance > lastDelta && distance < 1 << 30
    }
}

/// The last batches of a producer in one epoch, at most five: Kafka's producers have at most five in flight.
package struct RecentBatches: Hashable, Sendable, CustomStringConvertible {
    package static let capacity = 5
    private var slots = InlineArray<5, ProducedBatch>(
        repeating: ProducedBatch(baseSequence: 0, lastDelta: 0, baseOffset: .zero, appendTime: .none))
    package private(set) var count = 0
    /// The slot of the newest one.
    private var newest = capacity - 1

    package init() {}

    package var last: ProducedBatch? { count > 0 ? slots[newest] : nil }

    /// From the oldest to the newest.
    package subscript(index: Int) -> ProducedBatch {
        precondition(index >= 0 && index < count, "there are \(count) batches")
        return slots[(newest + Self.capacity + 1 - count + index) % Self.capacity]
    }

    package var indices: Range<Int> { 0..<count }

    /// Adds the newest one; the oldest goes when there are too many.
    package mutating func append(_ batch: ProducedBatch) {
        newest = newest + 1 < Self.capacity ? newest + 1 : 0
        slots[newest] = batch
        if count < Self.capacity { count += 1 }
    }

    /// Forgets all of them.
    package mutating func removeAll() { count = 0 }

    package var description: String {
        indices.map { "\(self[$0].baseSequence)+\(self[$0].lastDelta)@\(self[$0].baseOffset)" }.joined(separator: " ")
    }

    package static func == (a: RecentBatches, b: RecentBatches) -> Bool {
        a.count == b.count && a.indices.allSatisfy { a[$0] == b[$0] }
    }

    package func hash(into hasher: inout Hasher) {
        for index in indices { hasher.combine(self[index]) }
    }
}

/// What is known of one producer at a place in the log.
package struct ProducerState: Hashable, Sendable, CustomStringConvertible {
    package let id: ProducerID
    /// Of its last batch or marker.
    package var epoch: Int16
    /// Of its last transaction marker; −1 before the first one.
    package var coordinatorEpoch: Int32 = -1
    /// The first offset of its open transaction; nil when none is open.
    package var transactionStart: Offset?
    /// The append time of its last batch or marker.
    package var lastTime: Timestamp
    /// The last batches of this epoch.
    package var batches = RecentBatches()

    package init(id: ProducerID, epoch: Int16, lastTime: Timestamp) {
        self.id = id
        self.epoch = epoch
        self.lastTime = lastTime
    }

    package var description: String {
        let start = transactionStart.map { ", open from \($0)" } ?? ""
        return
            "producer \(id.rawValue), epoch \(epoch), coordinator \(coordinatorEpoch), \(lastTime)\(start): \(batches)"
    }
}

/// A transaction that has begun in a partition and not ended there.
package struct OpenTransaction: Hashable, Sendable {
    package let producer: ProducerID
    package let epoch: Int16
    package let firstOffset: Offset
    /// When the producer was last heard of here.
    package let lastTime: Timestamp
}

/// A transaction that a marker has ended.
package struct EndedTransaction: Hashable, Sendable {
    package let producer: ProducerID
    package let kind: ControlRecord.Kind
    package let firstOffset: Offset
    package let markerOffset: Offset
}

/// The offsets of an aborted transaction: every transactional batch of the producer from the first to the last offset,
/// which is that of the marker, belongs to it.
package struct AbortedTransaction: Hashable, Sendable {
    package let producer: ProducerID
    package let firstOffset: Offset
    package let lastOffset: Offset

    package init(producer: ProducerID, firstOffset: Offset, lastOffset: Offset) {
        self.producer = producer
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
    }

    /// Nil for one that was committed.
    package init?(_ ended: EndedTransaction) {
        guard ended.kind == .abort else { return nil }
        self.init(producer: ended.producer, firstOffset: ended.firstOffset, lastOffset: ended.markerOffset)
    }
}
