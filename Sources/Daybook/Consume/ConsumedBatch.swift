// What a consumer is handed: a batch, or the part of one that it has not had yet, or a gap in its place.
// Who hands it out, and when, is `Fetcher`.

public import DaybookModel
public import DaybookRecords

/// Records of one partition that come together, or the offsets in their place that cannot be read.
public struct ConsumedBatch: Sendable {
    private enum Content {
        case batch(RecordBatch)
        case gap(Gap)
    }

    /// What all parts of a batch have in common. Behind a reference, because a batch is copied a dozen times on its way.
    private final class Whole: Sendable {
        let topicPartition: TopicPartition
        let content: Content
        let lastEpoch: LeaderEpoch?
        let memoryCount: Int

        init(_ topicPartition: TopicPartition, _ content: Content, lastEpoch: LeaderEpoch?, memoryCount: Int) {
            self.topicPartition = topicPartition
            self.content = content
            self.lastEpoch = lastEpoch
            self.memoryCount = memoryCount
        }
    }

    private let whole: Whole
    /// The first offset that this is about, inclusive.
    public private(set) var firstOffset: Offset
    /// Where reading goes on: what to commit when these records are done.
    public private(set) var nextOffset: Offset

    public var topicPartition: TopicPartition { whole.topicPartition }
    /// The incarnation of the log that wrote the record before `nextOffset`, be it there or in a gap; nil where nobody knows.
    var lastEpoch: LeaderEpoch? { whole.lastEpoch }
    /// Bytes of memory that are free when this is gone, and what was read before it.
    var memoryCount: Int { whole.memoryCount }

    /// The batch from `offset` on, which takes `overhead` more bytes than it has.
    init(_ topicPartition: TopicPartition, _ batch: RecordBatch, from offset: Offset, overhead: Int) {
        firstOffset = max(offset, batch.baseOffset)
        nextOffset = batch.nextOffset
        whole = Whole(
            topicPartition, .batch(batch), lastEpoch: batch.leaderEpoch, memoryCount: batch.memoryCount + overhead)
    }

    init(_ topicPartition: TopicPartition, _ gap: Gap, lastEpoch: LeaderEpoch?) {
        firstOffset = gap.baseOffset
        nextOffset = gap.nextOffset
        whole = Whole(topicPartition, .gap(gap), lastEpoch: lastEpoch, memoryCount: 0)
    }

    /// Bytes of the whole batch on disk; nothing for a gap.
    var size: Int { batch?.size ?? 0 }

    private var batch: RecordBatch? { if case .batch(let batch) = whole.content { batch } else { nil } }

    /// The offsets that cannot be read, and why; nil where there are records.
    public var gap: Gap? {
        guard case .gap(let gap) = whole.content else { return nil }
        return Gap(baseOffset: firstOffset, nextOffset: nextOffset, cause: gap.cause)
    }

    /// The incarnation of the log that wrote the records; nil for a gap.
    public var leaderEpoch: LeaderEpoch? { batch?.leaderEpoch }

    /// When the log appended the records: never falls within a partition. `.none` for a gap.
    public var appendTime: Timestamp { batch?.appendTime ?? .none }

    /// How many records `forEach` hands out. O(1), unless compaction has thinned the batch out and only part of it is meant:
    /// then its records are gone through.
    public var recordsCount: Int {
        guard let batch else { return 0 }
        if isWhole(batch) { return batch.recordsCount }
        if batch.isDense { return Int(firstOffset.distance(to: nextOffset)) }
        var count = 0
        // A record that cannot be decoded is none; whoever wants the records is told.
        try? forEach { _ in count += 1 }
        return count
    }

    /// Calls `body` with each record, in order, as borrowed views: no copy and no allocation per record.
    ///
    /// Throws what `body` throws, or `.damaged` at a record that is malformed although its batch's checksum is right: some
    /// other writer made it so.
    public func forEach(_ body: (borrowing RecordView) throws -> Void) throws {
        guard let batch else { return }
        do {
            if isWhole(batch) { return try batch.forEach(body) }
            let (first, next) = (firstOffset, nextOffset)
            try batch.forEach { record in
                if record.offset >= first, record.offset < next { try body(record) }
            }
        } catch let error as RecordBatchError {
            throw DaybookError(
                .damaged, "The batch at offset \(batch.baseOffset) cannot be decoded: \(error)",
                topicPartition: topicPartition,
                cause: error)
        }
    }

    /// Owned copies of the records. Allocates per record: convenient, not fast.
    public func records() throws -> [ConsumedRecord] { try records { _ in true } }

    /// Owned copies of the records for which `isWanted` returns true.
    func records(where isWanted: (borrowing RecordView) -> Bool) throws -> [ConsumedRecord] {
        guard let batch else { return [] }
        var records: [ConsumedRecord] = []
        try forEach { if isWanted($0) { records.append(ConsumedRecord($0, of: batch, topicPartition)) } }
        return records
    }

    private func isWhole(_ batch: RecordBatch) -> Bool {
        firstOffset <= batch.baseOffset && nextOffset >= batch.nextOffset
    }

    // MARK: parts

    /// What is left behind the offsets below `offset`, which lies within.
    func dropping(before offset: Offset) -> ConsumedBatch {
        var rest = self
        rest.firstOffset = offset
        return rest
    }

    /// The first `count` records and the rest; nil for either where there is nothing of it.
    func split(after count: Int) -> (first: ConsumedBatch?, rest: ConsumedBatch?) {
        guard let batch, recordsCount > count else { return (self, nil) }
        guard count > 0 else { return (nil, self) }
        var end = firstOffset.advanced(by: Int64(count))
        if !batch.isDense {
            var left = count
            // What cannot be decoded is found out again by whoever gets this part.
            try? forEach { record in
                if left > 0 { end = record.offset.advanced(by: 1) }
                left -= 1
            }
        }
        var first = self
        first.nextOffset = end
        return (first, dropping(before: end))
    }
}

/// One record with its place, owned.
public struct ConsumedRecord: Sendable {
    public let topicPartition: TopicPartition
    public let offset: Offset
    public let record: Record
    /// When the log appended it: never falls within a partition.
    public let appendTime: Timestamp
    public let leaderEpoch: LeaderEpoch
    /// What could not be read between the record before this one and this one; nearly always empty.
    public internal(set) var gaps: [Gap] = []

    init(_ view: borrowing RecordView, of batch: RecordBatch, _ topicPartition: TopicPartition) {
        self.topicPartition = topicPartition
        offset = view.offset
        record = view.record()
        appendTime = batch.appendTime
        leaderEpoch = batch.leaderEpoch
    }

    /// Chooses the partition and names the business object; nil for none.
    public var key: [UInt8]? { record.key }
    /// The payload; nil is a tombstone.
    public var value: [UInt8]? { record.value }
    public var headers: [RecordHeader] { record.headers }
    public var timestamp: Timestamp { record.timestamp ?? .none }
    /// What to commit when this record is done.
    public var nextOffset: Offset { offset.advanced(by: 1) }
}
