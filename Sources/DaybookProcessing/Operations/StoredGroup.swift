// A group as its journal and the log tell of it, without a processor: for whoever looks at it beside a live process, and for
// decisions about a group that nobody has at work. Read once; what happens later is not in it.

public import Daybook
public import DaybookModel
public import DaybookRecords

/// A group as its journal tells of it.
///
/// Works on a daybook that was opened for reading, beside the process that writes: what was durable a few hundredths of a second
/// ago is there. Reading costs the journal since its newest snapshot, and the records that it is about.
public struct StoredGroup: Sendable {
    public let name: String
    let daybook: Daybook
    let journal: Journal
    /// Where the journal goes on.
    let next: Offset
    let state: GroupState
    private let pages: [JournalPage]
    /// Whether the journal tells everything from the beginning on, and not from a snapshot.
    public let isWhole: Bool

    /// The names of all groups that a processor has had, in order.
    public static func names(in daybook: Daybook) -> [String] { daybook.journalNames }

    /// Reads a group. Throws `.unknownGroup`, `.damagedJournal` and `.diverged`, and what reading throws.
    public init(_ name: String, in daybook: Daybook) async throws {
        var patience = daybook.isReadOnly ? 25 : 0
        while true {
            do {
                self = try await StoredGroup(reading: name, in: daybook)
                return
            } catch let error as ProcessingError where [.damagedJournal, .diverged].contains(error.code) {
                // Seen from another process the log may be a moment behind the journal, and a snapshot may have taken the place of
                // what was about to be read.
                guard patience > 0 else { throw error }
                patience -= 1
                await withCheckedContinuation { continuation in
                    daybook.schedule(after: .milliseconds(20)) { continuation.resume() }
                }
            }
        }
    }

    private init(reading name: String, in daybook: Daybook) async throws {
        guard let journal = try daybook.existingJournal(name) else {
            let others = daybook.journalNames
            throw ProcessingError(
                .unknownGroup,
                "Nothing is known of a processing group \"\(name)\"; "
                    + (others.isEmpty ? "there is none yet" : "there are \(others.joined(separator: ", "))"))
        }
        let contents = try await JournalContents(journal, of: daybook)
        var state = try contents.state(effectsCapacity: 1)
        let configuration = ProcessorConfiguration(group: name, topics: [])
        var reading = RecordsAgain(daybook, configuration, [], contents.pages)
        for page in contents.pages { try await reading.apply(page, to: &state) }
        self.name = name
        self.daybook = daybook
        self.journal = journal
        self.state = state
        next = contents.next
        pages = contents.pages
        isWhole = contents.snapshot == nil
    }

    // MARK: what there is

    public var counts: GroupCounts { state.counts }

    /// Why the group takes up no events; nil while it does.
    public var stop: StopReason? { state.stop }

    /// Whether the last processor ended with nothing under way; false while one is at work.
    public var wasClosed: Bool { state.wasClosed }

    /// The partitions of the group, with the next offset to read of each for tools that know offsets only.
    public var committed: [TopicPartition: Offset] {
        Dictionary(uniqueKeysWithValues: state.partitions.map { ($0.topicPartition, $0.committed) })
    }

    /// The dead letters that a filter means, in the order of the log. Reads the record of each. Throws `.unknownEvent` for a place
    /// that is no dead letter.
    public func deadLetters(matching filter: DeadLetterFilter = DeadLetterFilter()) async throws -> [DeadLetter] {
        var lookup = EventLookup(daybook)
        return try await lookup.letters(state.deadLetters, matching: filter)
    }

    /// The lanes that do not get on: held, behind a dead letter, or with a head that has failed, is in doubt or waits for another
    /// revision. What merely waits behind such a head is among it as far as the journal has heard of something behind it.
    public var blockedLanes: [LaneReport] { state.blockedLanes }

    /// Everything that stands in the lanes of a key. Reads the log on to its end, for what the journal has not heard of yet.
    public func lanes(of key: [UInt8]) async throws -> [LaneReport] {
        var state = state
        for number in state.partitions.indices { try await receive(key, Int32(number), &state) }
        return state.lanes(of: key)
    }

    private func receive(_ key: [UInt8], _ partition: Int32, _ state: inout GroupState) async throws {
        let topicPartition = state.partitions[Int(partition)].topicPartition
        var next = state.partitions[Int(partition)].next
        var reader = EventReader(ProcessorConfiguration(group: name, topics: []), [])
        while next < (try await daybook.offsets(topicPartition).lastStableOffset) {
            let result = try await daybook.read(topicPartition, from: next)
            for batch in result.batches {
                try batch.forEach { view in
                    guard view.offset >= next, Self.isEqual(view.key, key) else { return }
                    let place = Place(partition, view.offset)
                    _ = state.receive(place, reader.read(view, at: place).facts)
                }
            }
            if result.nextOffset == next { break }
            next = result.nextOffset
        }
    }

    /// An event that is not done with, or has been set aside. Throws `.unknownEvent` for every other.
    public func event(at place: EventPlace) throws(ProcessingError) -> StandingEvent {
        guard let event = state.standing(try state.numbered(place)) else {
            throw ProcessingError(
                .unknownEvent, "Nothing is to be said of the event \(place): it is done, or not yet received",
                place: place)
        }
        return event
    }

    /// What the journal tells of an event, the oldest first; as far as the newest snapshot reaches back.
    public func history(of place: EventPlace) throws(ProcessingError) -> [EventHistoryEntry] {
        let place = try state.numbered(place)
        return pages.flatMap { page in
            page.entries.compactMap { entry in
                EventStep(entry, about: place).map { EventHistoryEntry(time: page.time, step: $0) }
            }
        }
    }

    /// The record of an event; nil where it is not in the log any more.
    public func record(at place: EventPlace) async throws -> Record? {
        var lookup = EventLookup(daybook)
        return try await lookup.record(at: place)
    }

    private static func isEqual(_ span: RawSpan?, _ bytes: [UInt8]) -> Bool {
        guard let span, span.byteCount == bytes.count else { return false }
        return span.withUnsafeBytes { $0.elementsEqual(bytes) }
    }
}
