// Reads single records by their places, for people who look at events and for filters that ask for more than a group keeps.
// Records of events at work are read by the group's worker.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

/// Looks records up; those of one neighbourhood cost one read.
struct EventLookup {
    private let daybook: Daybook
    private var topicPartition: TopicPartition?
    private var batches: [RecordBatch] = []

    init(_ daybook: Daybook) { self.daybook = daybook }

    /// The record at a place; nil where it is not in the log any more.
    mutating func record(at place: EventPlace) async throws -> Record? {
        if topicPartition != place.topicPartition || !batches.contains(where: { Self.holds($0, place.offset) }) {
            guard place.offset < (try await daybook.offsets(place.topicPartition).lastStableOffset) else { return nil }
            let result = try await daybook.read(place.topicPartition, from: place.offset, maxBytes: .kibibytes(256))
            (topicPartition, batches) = (place.topicPartition, result.batches)
        }
        for batch in batches where Self.holds(batch, place.offset) {
            var found: Record?
            try batch.forEach { if $0.offset == place.offset { found = $0.record() } }
            if let found { return found }
        }
        return nil
    }

    private static func holds(_ batch: RecordBatch, _ offset: Offset) -> Bool {
        batch.baseOffset <= offset && offset < batch.nextOffset
    }

    /// The letters that a filter means; `described` with what their records know, otherwise records are read for a filter that asks
    /// for their types only. Throws `.unknownEvent` where the filter names a place that is
    /// no dead letter.
    mutating func letters(
        _ letters: [DeadLetter], matching filter: DeadLetterFilter, described: Bool = true
    ) async throws -> [DeadLetter] {
        if let places = filter.places, let unknown = Set(places).subtracting(letters.map(\.place)).min() {
            throw ProcessingError(
                .unknownEvent, "There is no dead letter \(unknown); `dead-letters list` shows those there are",
                place: unknown)
        }
        let pattern = filter.types.map { EventTypePattern($0) }
        if !described, pattern == nil { return letters.filter { filter.allows($0) } }
        var matching: [DeadLetter] = []
        for var letter in letters where filter.allows(letter) {
            if let record = try await record(at: letter.place) {
                do throws(EventError) { letter.type = try Event(record).type } catch { letter.type = nil }
            } else {
                letter.isLost = true
            }
            if let pattern, !(letter.type.map { pattern.matches($0) } ?? false) { continue }
            matching.append(letter)
        }
        return matching
    }
}
