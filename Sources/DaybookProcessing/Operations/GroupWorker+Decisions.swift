// Decisions of people, carried out by the processor that has the group. Each is durable when its call returns. What can be decided
// is said in `GroupDecision`; who carries it out where no processor has the group, in `GroupAdministration`.

internal import Daybook
internal import DaybookModel
internal import DaybookRecords

extension GroupWorker {
    /// Throws `.notRunning` when the processor has ended, `.unknownEvent` and `.underWay` as ``Processor`` says.
    func decide(_ decision: GroupDecision) async throws -> GroupDecision.Outcome {
        if hasEnded { throw Self.ended(configuration.group) }
        let (by, note) = (decision.by, decision.note)
        var outcome = GroupDecision.Outcome()
        switch decision.operation {
        case .redrive(let id, let filter):
            if machine.state.redrives.contains(id) {
                observeRedrive(filter.places?.count ?? 0, .repeated)
                return GroupDecision.Outcome(hasChanged: false)
            }
            var lookup = EventLookup(daybook)
            let letters = try await lookup.letters(machine.state.deadLetters, matching: filter, described: false)
            outcome = try machine.outcome(of: letters)
            let entry: JournalEntry?
            do {
                entry = try machine.named { try $0.redrive(id: id, outcome.places, by: by, note: note) }
            } catch {
                observeRedrive(outcome.places.count, .refused)
                throw error
            }
            guard let entry else {
                observeRedrive(outcome.places.count, .repeated)
                return GroupDecision.Outcome(hasChanged: false)
            }
            try await writeDurably([entry])
            observeRedrive(outcome.places.count, .done)
        case .skip(let places):
            let entries = try machine.named { try $0.skip(places, by: by, note: note) }
            outcome.places = places
            if entries.isEmpty { return GroupDecision.Outcome(hasChanged: false) }
            try await writeDurably(entries)
        case .replace(let place, let event):
            outcome.places = [place]
            outcome.replacement = try await replace(place, event, by, note)
        case .hold(let key, let partition): try await writeDurably([machine.hold(true, key, partition, by, note)])
        case .release(let key, let partition): try await writeDurably([machine.hold(false, key, partition, by, note)])
        case .retry(let key, let partition):
            let (place, entry) = try machine.named { try $0.retry(key, partition, by: by, note: note) }
            outcome.places = [place]
            try await writeDurably([entry])
        case .resume:
            outcome.hasChanged = machine.state.stop != nil
            if outcome.hasChanged { try await writeDurably([.resumed(by: by, note: note)]) }
        }
        return outcome
    }

    static func ended(_ group: String) -> ProcessingError {
        ProcessingError(
            .notRunning, "The processor of group \(group) has ended; start another one, or decide without one")
    }

    /// First the replacement is in the log, then the journal says so. A process that dies between the two leaves an event that
    /// waits in its lane like any other; the same replacement once more is then the one that counts, and the first a duplicate.
    private func replace(_ place: EventPlace, _ event: Event, _ by: String, _ note: String) async throws -> EventPlace {
        let replaced = try machine.named { try $0.beginReplacing(place) }
        var isDone = false
        defer {
            if !isDone {
                machine.pending.remove(replaced.place)
                pump()
            }
        }
        let record = try Replacement(event, for: replaced.facts, at: place, of: configuration.group).record
        let receipt = try await daybook.append([record], to: place.topicPartition)
        if hasEnded { throw Self.ended(configuration.group) }
        let new = Place(replaced.place.partition, receipt.baseOffset)
        let read = try await readAgain(new, of: place.topicPartition)
        if let read, machine.admit(new, read.facts, route: read.route) { keep(read, at: new) }
        isDone = true
        try await writeDurably([
            .changed(replaced.place, .skipped(.replaced(with: new.offset, by: by, note: note)))
        ])
        return EventPlace(place.topicPartition, new.offset)
    }
}

extension GroupMachine {
    /// Has what is not possible said as the world outside knows it.
    mutating func named<R>(
        _ body: (inout GroupMachine) throws -> R
    ) throws -> R {
        do { return try body(&self) } catch let error as OperationError {
            switch error {
            case .unknownEvent(let place), .notDead(let place):
                throw ProcessingError(.unknownEvent, error.description, place: state.named(place))
            case .underWay(let place), .notDue(let place):
                throw ProcessingError(.underWay, error.description, place: state.named(place))
            case .emptyLane: throw ProcessingError(.unknownEvent, error.description)
            }
        }
    }

    /// What redriving these letters would be about.
    func outcome(of letters: [DeadLetter]) throws -> GroupDecision.Outcome {
        var outcome = GroupDecision.Outcome()
        outcome.places = letters.map(\.place)
        outcome.parkedCount = letters.reduce(0) { $0 + $1.parked.count }
        outcome.hasChanged = !letters.isEmpty
        return outcome
    }

    mutating func redrive(id: String, _ dead: [EventPlace], by: String, note: String) throws -> JournalEntry? {
        // Whoever asks a second time need not find anything dead.
        if state.redrives.contains(id) || dead.isEmpty { return nil }
        return try redrive(id: id, try dead.map { try state.numbered($0) }, by: by, note: note)
    }

    /// All of them or none.
    mutating func skip(_ places: [EventPlace], by: String, note: String) throws -> [JournalEntry] {
        let before = pending
        do {
            return try Set(try places.map { try state.numbered($0) }).sorted().map {
                try skip($0, by: by, note: note)
            }
        } catch {
            pending = before
            throw error
        }
    }

    func hold(
        _ isHeld: Bool, _ key: [UInt8], _ partition: TopicPartition, _ by: String, _ note: String
    ) throws(ProcessingError) -> JournalEntry {
        let place = try state.numbered(EventPlace(partition, .zero))
        return .lane(Lane(place, key: key), isHeld: isHeld, by: by, note: note)
    }

    mutating func retry(
        _ key: [UInt8], _ partition: TopicPartition, by: String, note: String
    ) throws -> (EventPlace, JournalEntry) {
        let lane = Lane(try state.numbered(EventPlace(partition, .zero)), key: key)
        let place = try retry(lane)
        return (state.named(place), .hastened(place, by: by, note: note))
    }

    /// The event, which nothing else is decided about until the replacement is written down.
    mutating func beginReplacing(_ place: EventPlace) throws -> (place: Place, facts: EventFacts) {
        let place = try state.numbered(place)
        return (place, try beginReplacing(place))
    }
}
