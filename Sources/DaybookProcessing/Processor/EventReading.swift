// What a record means to a group: the facts by which lanes and effects are told apart, the event itself, and its route. The
// same for a record that has just arrived and for one that is read again after a restart.

internal import DaybookModel
internal import DaybookRecords

/// A record as a group sees it.
struct ReadEvent: Sendable {
    let facts: EventFacts
    /// The number of its route, or what stands in place of one.
    let route: Int
    /// Nil where the record is no event.
    let event: Event?
    let effectKey: String
    /// Bytes that it takes in memory, about.
    let size: Int

    init(_ record: Record, at place: Place, _ configuration: ProcessorConfiguration, _ routes: [Route]) {
        size = 256 + (record.value?.count ?? 0) + record.headers.reduce(0) { $0 + $1.name.utf8.count + 32 }
        let lane = Lane(place, key: record.key)
        do throws(EventError) {
            let event = try Event(record)
            self.event = event
            effectKey = configuration.effectKey(event)
            facts = EventFacts(
                lane: lane, effect: EffectID(effectKey), digest: PayloadDigest(event.body),
                revision: configuration.revisionGate == nil ? nil : event.sequence)
            route = routes.firstIndex { $0.pattern.matches(event.type) } ?? GroupMachine.filtered
        } catch {
            event = nil
            effectKey = ""
            // No other record has this effect.
            facts = EventFacts(
                lane: lane, effect: EffectID("unreadable|\(place.partition)|\(place.offset)"),
                digest: PayloadDigest(record.value), revision: nil)
            route = GroupMachine.unreadable
        }
    }
}
