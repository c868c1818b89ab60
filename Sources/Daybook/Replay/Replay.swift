// Records of the past, once, from one place to another: no group, no position that anybody keeps. Reading ahead, gaps and order
// are those of a consumer, because it is one that reads.

public import DaybookModel
public import DaybookRecords

/// Which records a replay hands out.
struct ReplayFilter: Sendable {
    let key: [UInt8]?
    let headers: [RecordHeader]
    let condition: (@Sendable (borrowing RecordView) -> Bool)?

    func matches(_ record: borrowing RecordView) -> Bool {
        if let key, !record.hasKey(key) { return false }
        for header in headers where !record.hasHeader(header) { return false }
        return condition?(record) ?? true
    }
}

/// The records of some partitions between two places, as a sequence that ends by itself: see `Daybook.replay`.
///
/// Each iteration begins anew. It can be left at any record; what it holds goes with it.
public struct Replay: AsyncSequence, Sendable {
    let daybook: Daybook
    let partitions: @Sendable () throws -> [TopicPartition]
    let start: LogPlace
    let end: LogPlace
    let filter: ReplayFilter
    let isolation: Isolation

    /// Where somebody is in the replay.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let replay: Replay
        private var run: ReplayRun?
        private var records: [ConsumedRecord] = []
        private var index = 0

        fileprivate init(_ replay: Replay) { self.replay = replay }

        /// Throws `.unknownTopic`, `.unknownPartition`, `.offsetOutOfRange` for an offset that a partition has not reached,
        /// and what reading throws.
        public mutating func next() async throws -> ConsumedRecord? {
            if run == nil { run = try await ReplayRun(replay) }
            while index == records.count {
                guard let more = try await run?.next() else { return nil }
                (records, index) = (more, 0)
            }
            index += 1
            return records[index - 1]
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}

/// One iteration of a replay.
final class ReplayRun {
    private let consumer: Consumer
    private let filter: ReplayFilter
    /// Where the partitions end that have not got there.
    private var ends: [TopicPartition: Offset] = [:]
    private var gaps: [TopicPartition: [Gap]] = [:]

    init(_ replay: Replay) async throws {
        filter = replay.filter
        let configuration = ConsumerConfiguration(isolation: replay.isolation)
        consumer = Consumer(replay.daybook, configuration)
        let partitions = try replay.partitions().map { try replay.daybook.partition($0) }
        let ranges = try await replay.daybook.services.io.run { () throws(DaybookError) in
            var ranges: [(Fetcher.Assignment, end: Offset)] = []
            for partition in partitions {
                // The end first: what is appended meanwhile belongs to it or not, but never to the beginning only.
                let end = try partition.replayEnd(replay.end, replay.isolation)
                let start = try partition.offsetBlocking(of: replay.start, isolation: replay.isolation)
                ranges.append((Fetcher.Assignment(partition: partition, offset: start, epoch: nil), end))
            }
            return ranges
        }
        for (assignment, end) in ranges where assignment.offset < end {
            ends[assignment.partition.topicPartition] = end
            consumer.fetcher.assign([assignment])
        }
    }

    /// The matching records of the next batch, perhaps none; nil when every partition has come to its end.
    func next() async throws -> [ConsumedRecord]? {
        guard !ends.isEmpty, let batch = try await consumer.fetcher.next() else { return nil }
        let topicPartition = batch.topicPartition
        guard let end = ends[topicPartition] else { return [] }
        if batch.nextOffset >= end {
            ends[topicPartition] = nil
            consumer.fetcher.revoke([topicPartition])
        }
        if let gap = batch.gap {
            gaps[topicPartition, default: []].append(gap)
            return []
        }
        var records = try batch.records { $0.offset < end && filter.matches($0) }
        if !records.isEmpty { records[0].gaps = gaps.removeValue(forKey: topicPartition) ?? [] }
        return records
    }
}

extension Partition {
    /// Where a replay ends, exclusive: never behind what can be read now. Blocks.
    fileprivate func replayEnd(_ place: LogPlace, _ isolation: Isolation) throws(DaybookError) -> Offset {
        let now = try offsetBlocking(of: .end, isolation: isolation)
        if case .offset(let offset) = place { return min(offset, now) }
        return min(try offsetBlocking(of: place, isolation: isolation), now)
    }
}

extension Daybook {
    /// The records of a topic from `start` up to `end`, without any group: each once, those of a partition in the order of
    /// their offsets, and the partitions in turn. Ends at `end` as it is when the first record is asked for, or where nothing
    /// more can be read by then; it waits for nothing.
    ///
    /// With `key`, records with that key only; with `headers`, those that carry all of them, name and value; with `condition`,
    /// those for which it returns true. What does not match is not copied. All partitions are searched, unless `partitioner` is
    /// given: then only the one that it chooses for the key, which is right where every record with that key was sent by it,
    /// as by a producer that was not told otherwise (`DefaultPartitioner`).
    ///
    /// What cannot be read is in the `gaps` of the record behind it. Nothing is looked up before the first record is asked
    /// for: see `Replay.AsyncIterator.next` for what it throws.
    public func replay(
        _ topic: String, from start: LogPlace = .beginning, until end: LogPlace = .end, key: [UInt8]? = nil,
        headers: [RecordHeader] = [], partitioner: (any Partitioner)? = nil, isolation: Isolation = .committed,
        where condition: (@Sendable (borrowing RecordView) -> Bool)? = nil
    ) -> Replay {
        Replay(
            daybook: self,
            partitions: { [self] in
                let topic = try self.topic(topic)
                guard let key, let partitioner else { return topic.partitions }
                let chosen = partitioner.partition(
                    for: Record(key: key, value: nil), topic: topic.name, partitionsCount: topic.partitionsCount)
                return chosen.map { [TopicPartition(topic: topic.name, partition: $0)] } ?? topic.partitions
            }, start: start, end: end, filter: ReplayFilter(key: key, headers: headers, condition: condition),
            isolation: isolation)
    }

    /// The same for a key that is text.
    public func replay(
        _ topic: String, from start: LogPlace = .beginning, until end: LogPlace = .end, key: String,
        headers: [RecordHeader] = [], partitioner: (any Partitioner)? = nil, isolation: Isolation = .committed,
        where condition: (@Sendable (borrowing RecordView) -> Bool)? = nil
    ) -> Replay {
        replay(
            topic, from: start, until: end, key: Array(key.utf8), headers: headers, partitioner: partitioner,
            isolation: isolation, where: condition)
    }

    /// The same for some partitions, of one topic or of several.
    public func replay(
        _ partitions: [TopicPartition], from start: LogPlace = .beginning, until end: LogPlace = .end,
        key: [UInt8]? = nil, headers: [RecordHeader] = [], isolation: Isolation = .committed,
        where condition: (@Sendable (borrowing RecordView) -> Bool)? = nil
    ) -> Replay {
        Replay(
            daybook: self, partitions: { Set(partitions).sorted() }, start: start, end: end,
            filter: ReplayFilter(key: key, headers: headers, condition: condition), isolation: isolation)
    }
}
