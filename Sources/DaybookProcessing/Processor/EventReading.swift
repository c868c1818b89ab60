// What a record means to a group: the facts by which lanes and effects are told apart, the event itself, and its route. The
// same for a record that has just arrived and for one that is read again after a restart.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

/// A record as a group sees it. Immutable, and handed from hand to hand: so it is a reference.
final class ReadEvent: Sendable {
    let facts: EventFacts
    /// The number of its route, or what stands in place of one.
    let route: Int
    /// Nil where the record is no event.
    let event: Event?
    let effectKey: String
    /// Bytes that it takes in memory, about.
    let size: Int
    /// The record's own time.
    let timestamp: Timestamp

    init(facts: EventFacts, route: Int, event: Event?, effectKey: String, size: Int, timestamp: Timestamp) {
        self.facts = facts
        self.route = route
        self.event = event
        self.effectKey = effectKey
        self.size = size
        self.timestamp = timestamp
    }
}

/// Records of one partition that came together, read.
struct ReadBatch: Sendable {
    let partition: Int32
    var events: [(place: Place, read: ReadEvent)] = []
    /// Where the partition goes on: what is not among the events before it is none.
    let nextOffset: Offset
}

/// Reads records as events. It remembers which route is for which type, so it is a variable of whoever reads.
struct EventReader: Sendable {
    private let configuration: ProcessorConfiguration
    private let routes: [Route]
    private var routeNumbers: [String: Int] = [:]
    /// Types are few; who sends more of them is not remembered.
    private static let rememberedTypes = 1000

    init(_ configuration: ProcessorConfiguration, _ routes: [Route]) {
        self.configuration = configuration
        self.routes = routes
    }

    /// O(bytes of the record).
    mutating func read(_ record: borrowing RecordView, at place: Place) -> ReadEvent {
        let size = 320 + record.payloadCount + 48 * record.headerCount
        if let group = ReplacementMark.group(of: record), group != configuration.group {
            // It stands for an event that this group has on its own account: it waits for nothing, and is no duplicate.
            let facts = EventFacts(
                lane: Lane(place, key: nil), effect: EffectID("replacement|\(place.partition)|\(place.offset)"),
                digest: PayloadDigest(rawValue: 0), revision: nil)
            return ReadEvent(
                facts: facts, route: GroupMachine.filtered, event: nil, effectKey: "", size: size,
                timestamp: record.timestamp)
        }
        let key = [UInt8].copy(of: record.key)
        let lane = Lane(place, key: key)
        do throws(EventError) {
            let event = try Event(record, key: key)
            let effectKey = configuration.effectKey(event)
            let facts = EventFacts(
                lane: lane, effect: EffectID(effectKey), digest: PayloadDigest(event.body),
                revision: configuration.revisionGate == nil ? nil : event.sequence)
            return ReadEvent(
                facts: facts, route: route(of: event.type), event: event, effectKey: effectKey, size: size,
                timestamp: record.timestamp)
        } catch {
            // No other record has this effect.
            let body = [UInt8].copy(of: record.value)
            let facts = EventFacts(
                lane: lane, effect: EffectID("unreadable|\(place.partition)|\(place.offset)"),
                digest: PayloadDigest(body), revision: nil)
            return ReadEvent(
                facts: facts, route: GroupMachine.unreadable, event: nil, effectKey: "", size: size,
                timestamp: record.timestamp)
        }
    }

    /// The events of a batch that a consumer was handed.
    mutating func read(_ batch: ConsumedBatch, partition: Int32) throws -> ReadBatch {
        var result = ReadBatch(partition: partition, nextOffset: batch.nextOffset)
        guard batch.gap == nil else { return result }
        result.events.reserveCapacity(batch.recordsCount)
        try batch.forEach { record in
            let place = Place(partition, record.offset)
            result.events.append((place, read(record, at: place)))
        }
        return result
    }

    /// The event at a place, read by itself; nil where its record is not in the log any more.
    mutating func read(_ place: Place, of topicPartition: TopicPartition, in daybook: Daybook) async throws
        -> ReadEvent?
    {
        let result = try await daybook.read(topicPartition, from: place.offset, maxBytes: .bytes(1))
        var found: ReadEvent?
        for batch in result.batches {
            try batch.forEach { if $0.offset == place.offset { found = read($0, at: place) } }
        }
        return found
    }

    private mutating func route(of type: String) -> Int {
        if let number = routeNumbers[type] { return number }
        let number = routes.firstIndex { $0.pattern.matches(type) } ?? GroupMachine.filtered
        if routeNumbers.count < Self.rememberedTypes { routeNumbers[type] = number }
        return number
    }
}
